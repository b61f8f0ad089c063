//! The WebSocket of all streams. On each so many packets may be sent as the server has said; what comes has no such bound.

use std::cell::RefCell;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::Notify;

use super::Scene;
use super::packets::{Packet, Packets, put_connect, put_data};
use crate::Outcome;
use crate::load::handshake::shaken;

pub(super) struct Socket {
    tcp: TcpStream,
    packets: Packets,
    credits: Credits,
}

/// Packets that may still be sent, by stream.
struct Credits {
    left: RefCell<Vec<u32>>,
    changed: Notify,
}

pub(super) struct Reader<'s> {
    tcp: ReadHalf<'s>,
    packets: &'s mut Packets,
    credits: &'s Credits,
}

pub(super) struct Writer<'s> {
    tcp: WriteHalf<'s>,
    credits: &'s Credits,
}

impl Socket {
    /// With all its streams. Numbers of streams begin with 1, here with 0.
    pub(super) async fn open(scene: &Scene) -> Outcome<Socket> {
        let (mut tcp, mut read) = shaken(&scene.gateway).await?;
        let mut packets = Packets::default();
        let mut granted = None;
        // What it grants to every stream is the first that a server says.
        while granted.is_none() {
            packets.walk(&read, |packet| match packet {
                Packet::Continue(0, number) => {
                    granted = Some(number);
                    Ok(())
                }
                _ => Err("the server speaks of a stream that nobody opened".into()),
            })?;
            read.clear();
            if granted.is_none() && tcp.read_buf(&mut read).await? == 0 {
                return Err("it ended early".into());
            }
        }
        let mut connects = Vec::new();
        for stream in 0..scene.streams {
            put_connect(&mut connects, number(stream), scene.service);
        }
        tcp.write_all(&connects).await?;
        let left = RefCell::new(vec![granted.unwrap_or_default(); scene.streams]);
        Ok(Socket { tcp, packets, credits: Credits { left, changed: Notify::new() } })
    }

    pub(super) fn split(&mut self) -> (Reader<'_>, Writer<'_>) {
        let (read, write) = self.tcp.split();
        let credits = &self.credits;
        (Reader { tcp: read, packets: &mut self.packets, credits }, Writer { tcp: write, credits })
    }
}

impl Reader<'_> {
    /// Reads once, and gives what came to `sink` with its stream; at its end nothing.
    pub(super) async fn receive(
        &mut self,
        buffer: &mut [u8],
        mut sink: impl FnMut(usize, &[u8]) -> Outcome,
    ) -> Outcome {
        let len = self.tcp.read(buffer).await?;
        if len == 0 {
            return Err("it ended early".into());
        }
        let credits = self.credits;
        self.packets.walk(&buffer[..len], |packet| match packet {
            Packet::Data(id, bytes) => sink(stream(id)?, bytes),
            Packet::Ended(id) => sink(stream(id)?, &[]),
            Packet::Continue(id, number) => {
                *credits.left.borrow_mut().get_mut(stream(id)?).ok_or("no such stream")? = number;
                credits.changed.notify_one();
                Ok(())
            }
        })
    }
}

impl Writer<'_> {
    /// In one packet, once it may be sent.
    pub(super) async fn send(&mut self, stream: usize, bytes: &[u8]) -> Outcome {
        while !self.credits.take(stream) {
            self.credits.changed.notified().await;
        }
        let mut packet = Vec::with_capacity(bytes.len() + 32);
        put_data(&mut packet, number(stream), bytes);
        Ok(self.tcp.write_all(&packet).await?)
    }

    /// The same on several streams at once.
    pub(super) async fn send_each(&mut self, streams: &[usize], bytes: &[u8]) -> Outcome {
        let mut packets = Vec::with_capacity(streams.len() * (bytes.len() + 32));
        for &stream in streams {
            // Whoever waits for an answer to each packet is never far ahead.
            if !self.credits.take(stream) {
                return Err(format!("stream {stream} may send nothing").into());
            }
            put_data(&mut packets, number(stream), bytes);
        }
        Ok(self.tcp.write_all(&packets).await?)
    }

    /// So many bytes on every stream, in turn; each packet is framed only once.
    pub(super) async fn repeat(&mut self, chunk: &[u8], bytes: u64) -> Outcome {
        let streams = self.credits.left.borrow().len();
        let framed: Vec<Vec<u8>> = (0..streams)
            .map(|stream| {
                let mut packet = Vec::with_capacity(chunk.len() + 32);
                put_data(&mut packet, number(stream), chunk);
                packet
            })
            .collect();
        let mut left = vec![bytes / chunk.len() as u64; streams];
        while left.iter().any(|&left| left > 0) {
            let mut waits = true;
            for stream in 0..streams {
                if left[stream] > 0 && self.credits.take(stream) {
                    self.tcp.write_all(&framed[stream]).await?;
                    left[stream] -= 1;
                    waits = false;
                }
            }
            if waits {
                self.credits.changed.notified().await;
            }
        }
        let rest = usize::try_from(bytes % chunk.len() as u64)?;
        for stream in (0..streams).filter(|_| rest > 0) {
            self.send(stream, &chunk[..rest]).await?;
        }
        Ok(())
    }
}

impl Credits {
    /// Whether one more packet may go.
    fn take(&self, stream: usize) -> bool {
        let mut left = self.left.borrow_mut();
        let more = left[stream].checked_sub(1);
        left[stream] = more.unwrap_or(0);
        more.is_some()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "there are not so many")]
fn number(stream: usize) -> u32 {
    stream as u32 + 1
}

fn stream(number: u32) -> Outcome<usize> {
    Ok(number.checked_sub(1).ok_or("data of no stream")? as usize)
}
