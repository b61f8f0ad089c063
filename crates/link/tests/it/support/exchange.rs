//! Streams whose every byte is known: both ends send a pattern and check the other's.

use bytes::Bytes;
use pageport_link::{OpenError, ReadHalf, Session, Stream, StreamError, WriteHalf};
use pageport_proto::Code;
use pageport_testkit::{Mismatch, Pattern, Tally};
use serde::{Deserialize, Serialize};

/// What a gateway's stream does.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(crate) enum Task {
    /// Sends back what comes.
    Echo,
    /// Sends `down` bytes of a pattern while it checks `up` bytes of another.
    Exchange(Exchange),
    /// Reads to the end and ends.
    Sink,
    /// Sends `bytes` bytes.
    Source { bytes: usize },
    /// Answers, and then neither reads nor writes.
    Stall,
    /// Answers, and then reads nothing, but ends its own direction.
    Deaf,
    /// Ends its direction without an answer.
    Silent,
    /// Answers, sends `bytes` and resets.
    Reset { bytes: usize, code: u32 },
    /// Answers, and stops the other's direction after `bytes`.
    Stop { bytes: usize, code: u32 },
    /// Drops the stream at once.
    Drop,
}

/// How many bytes of which patterns.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Exchange {
    pub(crate) seed: u32,
    pub(crate) up: u64,
    pub(crate) down: u64,
}

/// Serves one stream at the gateway.
pub(crate) async fn serve(mut stream: Stream) {
    let task: Task = serde_json::from_slice(stream.head()).unwrap();
    let ok = serde_json::json!({ "ok": true });
    match task {
        Task::Silent => return stream.finish(),
        Task::Drop => return,
        _ => {}
    }
    if stream.respond(&ok).is_err() {
        return;
    }
    let _ = match task {
        Task::Echo => echo(stream).await,
        Task::Exchange(exchange) => both(stream, exchange, true).await.map(drop),
        Task::Sink => sink(stream).await,
        Task::Source { bytes } => source(stream, bytes).await,
        Task::Stall => stall(stream).await,
        Task::Deaf => {
            stream.finish();
            stall(stream).await
        }
        Task::Reset { bytes, code } => {
            let sent = stream.write_chunk(Bytes::from(vec![7; bytes])).await;
            stream.reset(Code::from_number(code));
            sent.map_err(Failure::from)
        }
        Task::Stop { bytes, code } => stop(stream, bytes, Code::from_number(code)).await,
        Task::Silent | Task::Drop => Ok(()),
    };
}

/// Sends back what comes until it ends.
pub(crate) async fn echo(mut stream: Stream) -> Result<(), Failure> {
    while let Some(bytes) = stream.read_chunk().await? {
        stream.write_chunk(bytes).await?;
    }
    stream.finish();
    Ok(())
}

/// The page's end of [`Task::Exchange`]: the hashes of what came, if all of it was right.
pub(crate) async fn exchange(session: &Session, exchange: Exchange) -> Result<String, Failure> {
    let mut stream = session.open(&Task::Exchange(exchange))?;
    stream.reply().await?;
    both(stream, exchange, false).await
}

async fn both(stream: Stream, exchange: Exchange, gateway: bool) -> Result<String, Failure> {
    let Exchange { seed, up, down } = exchange;
    let (outward, inward) = (Pattern::new(seed), Pattern::new(!seed));
    let (read, write) = stream.into_split();
    let (sent, received) = if gateway {
        tokio::join!(send(write, inward, down), receive(read, outward, up))
    } else {
        tokio::join!(send(write, outward, up), receive(read, inward, down))
    };
    sent?;
    received
}

/// Sends in pieces of many sizes.
async fn send(mut half: WriteHalf, pattern: Pattern, len: u64) -> Result<(), Failure> {
    let mut at = 0;
    let mut piece = 1;
    while at < len {
        let part = (len - at).min(piece);
        half.write_chunk(pattern.bytes(at, part as usize)).await?;
        at += part;
        piece = piece * 3 % 100_003;
    }
    half.finish();
    Ok(())
}

async fn receive(mut half: ReadHalf, pattern: Pattern, len: u64) -> Result<String, Failure> {
    let mut tally = Tally::new(pattern);
    while let Some(bytes) = half.read_chunk().await? {
        tally.push(&bytes)?;
    }
    if tally.len() == len { Ok(tally.sha256()) } else { Err(Failure::Length { want: len, got: tally.len() }) }
}

async fn sink(mut stream: Stream) -> Result<(), Failure> {
    while stream.read_chunk().await?.is_some() {}
    stream.finish();
    Ok(())
}

async fn source(mut stream: Stream, bytes: usize) -> Result<(), Failure> {
    let piece = Bytes::from(vec![7; 65_536]);
    for at in (0..bytes).step_by(piece.len()) {
        stream.write_chunk(piece.slice(..piece.len().min(bytes - at))).await?;
    }
    stream.finish();
    Ok(())
}

async fn stall(stream: Stream) -> Result<(), Failure> {
    let _held = stream;
    std::future::pending().await
}

async fn stop(mut stream: Stream, bytes: usize, code: Code) -> Result<(), Failure> {
    let mut seen = 0;
    while seen < bytes {
        seen += stream.read_chunk().await?.map_or(bytes, |chunk| chunk.len());
    }
    stream.stop(code);
    stream.finish();
    Ok(())
}

/// Why an exchange is not as it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    #[error("{got} bytes in place of {want}")]
    Length { want: u64, got: u64 },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{0}")]
    Unexpected(String),
}
