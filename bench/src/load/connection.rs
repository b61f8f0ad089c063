//! One connection to the service, whatever is spoken on the way.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::frames::{self, Frames};
use super::handshake::shaken;
use super::target::{Target, Way};
use crate::Outcome;
use crate::service::ECHO;

/// Payload of a message: what one read of an application usually has.
pub(super) const MESSAGE: usize = 64 * 1024;

pub(crate) struct Connection {
    pub(crate) tcp: TcpStream,
    way: Way,
    frames: Frames,
}

/// The two directions of one, at once.
pub(super) struct Reader<'c> {
    tcp: ReadHalf<'c>,
    frames: Option<&'c mut Frames>,
}

pub(super) struct Writer<'c> {
    tcp: WriteHalf<'c>,
    way: Way,
}

impl Connection {
    pub(crate) async fn open(target: &Target) -> Outcome<Connection> {
        let (tcp, behind) = shaken(target).await?;
        // The service never speaks first.
        if behind.is_empty() {
            Ok(Connection { tcp, way: target.way, frames: Frames::default() })
        } else {
            Err(format!("{} bytes that nobody asked for", behind.len()).into())
        }
    }

    /// One whose echo has answered once: the whole way to the service stands.
    pub(super) async fn echoed(target: &Target) -> Outcome<Connection> {
        let mut connection = Connection::open(target).await?;
        let (mut reader, mut writer) = connection.split();
        writer.send(&[ECHO, 1]).await?;
        let mut back = [0];
        reader.receive_exactly(&mut back).await?;
        if back == [1] { Ok(connection) } else { Err(format!("the echo gave back {back:?}").into()) }
    }

    pub(super) fn split(&mut self) -> (Reader<'_>, Writer<'_>) {
        let (read, write) = self.tcp.split();
        let frames = (self.way == Way::WebSocket).then_some(&mut self.frames);
        (Reader { tcp: read, frames }, Writer { tcp: write, way: self.way })
    }

    /// Whether nobody has closed it. A server may ask the same meanwhile (PING of RFC 6455).
    pub(super) fn is_alive(&self) -> bool {
        let mut head = [0];
        match self.tcp.try_read(&mut head) {
            Ok(0) => false,
            Ok(_) => self.way == Way::WebSocket && head[0] & 0x0f == 0x9,
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }
}

impl Reader<'_> {
    /// Reads once, and gives what came of the service's bytes to `sink`.
    pub(super) async fn receive(
        &mut self,
        buffer: &mut [u8],
        mut sink: impl FnMut(&[u8]) -> Outcome,
    ) -> Outcome {
        let len = self.tcp.read(buffer).await?;
        if len == 0 {
            return Err("it ended early".into());
        }
        match &mut self.frames {
            Some(frames) => frames.walk(&buffer[..len], |piece| sink(piece.bytes)),
            None => sink(&buffer[..len]),
        }
    }

    /// As many bytes as asked for; more is an error.
    pub(super) async fn receive_exactly(&mut self, into: &mut [u8]) -> Outcome {
        let (mut have, mut buffer) = (0, [0; 512]);
        while have < into.len() {
            self.receive(&mut buffer, |bytes| {
                let room = into.get_mut(have..have + bytes.len()).ok_or("more came than was asked for")?;
                room.copy_from_slice(bytes);
                have += bytes.len();
                Ok(())
            })
            .await?;
        }
        Ok(())
    }
}

impl Writer<'_> {
    /// In one message, where there are messages.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Outcome {
        match self.way {
            Way::WebSocket => {
                let mut message = Vec::with_capacity(bytes.len() + 14);
                frames::put(&mut message, &[bytes]);
                self.tcp.write_all(&message).await?;
            }
            Way::Raw | Way::Upgrade => self.tcp.write_all(bytes).await?,
        }
        Ok(())
    }

    /// The same bytes again and again, framed only once.
    pub(super) async fn repeat(&mut self, chunk: &[u8], bytes: u64) -> Outcome {
        let framed = framed(self.way, chunk);
        let mut left = bytes;
        while left >= chunk.len() as u64 {
            self.tcp.write_all(&framed).await?;
            left -= chunk.len() as u64;
        }
        let rest = usize::try_from(left)?;
        if rest > 0 { self.send(&chunk[..rest]).await } else { Ok(()) }
    }
}

fn framed(way: Way, chunk: &[u8]) -> Vec<u8> {
    if way != Way::WebSocket {
        return chunk.to_vec();
    }
    let mut all = Vec::with_capacity(chunk.len() + 64);
    chunk.chunks(MESSAGE).for_each(|piece| frames::put(&mut all, &[piece]));
    all
}
