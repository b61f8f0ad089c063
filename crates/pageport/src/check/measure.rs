//! What a session's way to its gateway can do: the time of a round trip, and bytes in a second each way.

use std::time::{Duration, Instant};

use bytes::Bytes;
use pageport_link::head::{Measure, Ready, Reply, Request};
use pageport_link::{LinkError, Session, Stream, StreamError};
use pageport_proto::Code;
use tokio::time::timeout;

/// Round trips that the usual time is taken from, behind a first one that wakes everything up.
const ROUNDS: usize = 9;
/// How long bytes are moved one way.
const TIME: Duration = Duration::from_secs(2);
/// And how many at most: less than a gateway allows unless it is told otherwise.
const BYTES: u64 = 32 << 20;
/// What is written at once.
const PIECE: usize = 64 << 10;
/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(15);

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// There and back, the median.
    pub(super) round: Duration,
    /// Bytes in a second from the gateway.
    pub(super) down: f64,
    /// And to it.
    pub(super) up: f64,
}

/// Measures one after the other; `None` when the gateway does not offer it.
///
/// # Errors
/// When the session, or a stream, does not do what it should.
pub(super) async fn session(session: &Session) -> Result<Option<Measured>, LinkError> {
    let Some(echo) = ask(session, Measure::Echo).await? else { return Ok(None) };
    let round = patiently(rounds(echo)).await?;
    let Some(source) = ask(session, Measure::Source { bytes: BYTES }).await? else { return Ok(None) };
    let down = patiently(down(source)).await?;
    let Some(sink) = ask(session, Measure::Sink).await? else { return Ok(None) };
    let up = patiently(up(sink)).await?;
    Ok(Some(Measured { round, down, up }))
}

async fn ask(session: &Session, what: Measure) -> Result<Option<Stream>, LinkError> {
    let opened = session.open(&Request::Measure(what));
    let mut stream = opened.map_err(|_| LinkError::Answer("the session takes no stream"))?;
    let reply = timeout(PATIENCE, stream.reply()).await.map_err(|_| LinkError::Timeout)?;
    let reply = reply.map_err(|error| LinkError::Code(code(error)))?;
    match Reply::<Ready>::parse(&reply) {
        Ok(Reply::Ok(Ready {})) => Ok(Some(stream)),
        Ok(Reply::Refused(_)) => Ok(None),
        Err(code) => Err(LinkError::Code(code)),
    }
}

async fn rounds(mut echo: Stream) -> Result<Duration, StreamError> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 0..=ROUNDS {
        let begin = Instant::now();
        let sent = Bytes::from_static(b"there and back");
        let mut left = sent.len();
        echo.write_chunk(sent).await?;
        while left > 0 {
            match echo.read_chunk().await? {
                Some(bytes) => left = left.saturating_sub(bytes.len()),
                None => return Err(StreamError::Reset(Code::ERR_ABORTED)),
            }
        }
        if round > 0 {
            rounds.push(begin.elapsed());
        }
    }
    echo.finish();
    rounds.sort_unstable();
    Ok(rounds[ROUNDS / 2])
}

async fn down(mut source: Stream) -> Result<f64, StreamError> {
    source.finish();
    let begin = Instant::now();
    let mut bytes = 0;
    while begin.elapsed() < TIME {
        match source.read_chunk().await? {
            Some(chunk) => bytes += chunk.len(),
            None => break,
        }
    }
    let rate = rate(bytes, begin);
    source.stop(Code::NO_ERROR);
    Ok(rate)
}

/// Counts what has arrived: the end is answered when all was read.
async fn up(mut sink: Stream) -> Result<f64, StreamError> {
    // What can be made shorter on the way says nothing.
    let mut piece = vec![0; PIECE];
    getrandom::fill(&mut piece).map_err(|_| StreamError::Stopped(Code::ERR_INTERNAL))?;
    let piece = Bytes::from(piece);
    let begin = Instant::now();
    let mut bytes = 0;
    while begin.elapsed() < TIME && (bytes as u64) < BYTES {
        sink.write_chunk(piece.clone()).await?;
        bytes += piece.len();
    }
    sink.finish();
    while sink.read_chunk().await?.is_some() {}
    Ok(rate(bytes, begin))
}

#[expect(clippy::cast_precision_loss, reason = "a rate is not exact")]
fn rate(bytes: usize, begin: Instant) -> f64 {
    bytes as f64 / begin.elapsed().as_secs_f64().max(f64::EPSILON)
}

async fn patiently<T>(what: impl Future<Output = Result<T, StreamError>>) -> Result<T, LinkError> {
    match timeout(PATIENCE, what).await {
        Ok(result) => result.map_err(|error| LinkError::Code(code(error))),
        Err(_) => Err(LinkError::Timeout),
    }
}

fn code(error: StreamError) -> Code {
    match error {
        StreamError::Reset(code)
        | StreamError::Stopped(code)
        | StreamError::SessionClosed(code)
        | StreamError::Reply(code) => code,
        StreamError::NoReply | StreamError::NotWritable => Code::ERR_ABORTED,
    }
}
