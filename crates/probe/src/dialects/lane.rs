//! Both directions of a connection to the target, in chunks as they come. Whoever does not ask for the next one does not read.

use std::collections::VecDeque;

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use pageport_link::{ReadHalf, Stream, WriteHalf};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::websocket::{self, Decoder};
use super::wisp;
use crate::facts::Outcome;

pub(super) struct Lane {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
}

pub(super) struct Reader {
    input: Input,
    framing: Framing,
    ready: VecDeque<Bytes>,
    ended: bool,
}

pub(super) struct Writer {
    output: Output,
    is_framed: bool,
    /// Of Wisp.
    credits: Option<wisp::Credits>,
}

enum Input {
    Tcp(OwnedReadHalf),
    Http2(RecvStream),
    Session(ReadHalf),
}

enum Output {
    Tcp(OwnedWriteHalf),
    Http2(SendStream<Bytes>),
    Session(WriteHalf),
}

/// What stands around the bytes.
enum Framing {
    None,
    Messages(Decoder),
    /// The same with packets of Wisp in them.
    Packets(Decoder, wisp::Packets),
}

const READ: usize = 65_536;

impl Lane {
    pub(super) fn of_stream(stream: Stream) -> Lane {
        let (read, write) = stream.into_split();
        Lane::new(Input::Session(read), Output::Session(write), Framing::None)
    }

    pub(super) fn of_bytes(tcp: TcpStream) -> Lane {
        let (read, write) = tcp.into_split();
        Lane::new(Input::Tcp(read), Output::Tcp(write), Framing::None)
    }

    pub(super) fn of_messages(tcp: TcpStream) -> Lane {
        let (read, write) = tcp.into_split();
        Lane::new(Input::Tcp(read), Output::Tcp(write), Framing::Messages(Decoder::default()))
    }

    pub(super) fn of_http2(read: RecvStream, write: SendStream<Bytes>) -> Lane {
        Lane::new(Input::Http2(read), Output::Http2(write), Framing::Messages(Decoder::default()))
    }

    /// Behind its CONNECT; `packets` has seen what came before.
    pub(super) fn of_packets(
        tcp: TcpStream,
        decoder: Decoder,
        packets: wisp::Packets,
        credits: wisp::Credits,
    ) -> Lane {
        let (read, write) = tcp.into_split();
        let mut lane = Lane::new(Input::Tcp(read), Output::Tcp(write), Framing::Packets(decoder, packets));
        lane.writer.credits = Some(credits);
        lane
    }

    fn new(input: Input, output: Output, framing: Framing) -> Lane {
        let is_framed = !matches!(framing, Framing::None);
        Lane {
            reader: Reader { input, framing, ready: VecDeque::new(), ended: false },
            writer: Writer { output, is_framed, credits: None },
        }
    }
}

impl Reader {
    /// What the target said next; none once it has said all.
    pub(super) async fn next(&mut self) -> Outcome<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Ok(Some(bytes));
            }
            if self.ended {
                return Ok(None);
            }
            let Some(bytes) = self.input.read().await? else {
                self.ended = true;
                continue;
            };
            let Reader { ready, ended, .. } = self;
            match &mut self.framing {
                Framing::None => ready.push_back(bytes),
                Framing::Messages(decoder) => {
                    *ended = decoder.push(bytes, |_, payload| {
                        ready.push_back(payload);
                        Ok(())
                    })?;
                }
                Framing::Packets(decoder, packets) => {
                    let closed = decoder.push(bytes, |starts, payload| {
                        *ended |= packets.push(starts, payload, ready)?;
                        Ok(())
                    })?;
                    *ended |= closed;
                }
            }
        }
    }

    /// The first so many bytes.
    pub(super) async fn take(&mut self, count: usize) -> Outcome<Vec<u8>> {
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count {
            taken.extend_from_slice(&self.next().await?.ok_or("it ended early")?);
        }
        Ok(taken)
    }
}

impl Writer {
    /// Waits until it has been taken.
    pub(super) async fn write(&mut self, bytes: Bytes) -> Outcome {
        let mut head: &[u8] = &[];
        if let Some(credits) = &self.credits {
            credits.acquire().await?.forget();
            head = &wisp::DATA_HEAD;
        }
        let bytes = if self.is_framed { websocket::frame(&[head, &bytes]) } else { bytes };
        self.output.write(bytes).await
    }
}

impl Input {
    async fn read(&mut self) -> Outcome<Option<Bytes>> {
        match self {
            Input::Tcp(tcp) => {
                let mut buffer = Vec::with_capacity(READ);
                let len = tcp.read_buf(&mut buffer).await?;
                Ok((len > 0).then(|| buffer.into()))
            }
            Input::Http2(body) => {
                let Some(bytes) = body.data().await.transpose()? else { return Ok(None) };
                body.flow_control().release_capacity(bytes.len())?;
                Ok(Some(bytes))
            }
            Input::Session(stream) => Ok(stream.read_chunk().await?),
        }
    }
}

impl Output {
    async fn write(&mut self, mut bytes: Bytes) -> Outcome {
        match self {
            Output::Tcp(tcp) => tcp.write_all(&bytes).await?,
            Output::Session(stream) => stream.write_chunk(bytes).await?,
            Output::Http2(body) => {
                while !bytes.is_empty() {
                    body.reserve_capacity(bytes.len());
                    let granted = std::future::poll_fn(|task| body.poll_capacity(task)).await;
                    let room = granted.ok_or("it was reset")??;
                    body.send_data(bytes.split_to(room.min(bytes.len())), false)?;
                }
            }
        }
        Ok(())
    }
}
