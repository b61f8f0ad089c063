//! Wisp, version 1, with one stream: its number is 1.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;

use super::lane::Lane;
use super::scene::Scene;
use super::websocket::{self, Decoder};
use crate::facts::Outcome;

pub(super) const DATA_HEAD: [u8; 5] = [DATA, 1, 0, 0, 0];

const CONNECT: u8 = 1;
const DATA: u8 = 2;
const CONTINUE: u8 = 3;
const CLOSE: u8 = 4;
const HEAD: usize = 5;
/// CONTINUE, the longest that has to be seen whole.
const WHOLE: usize = HEAD + 4;

/// Packets that may be sent; the server says how many.
pub(super) type Credits = Arc<Semaphore>;

/// Packets as they come.
pub(super) struct Packets {
    head: BytesMut,
    credits: Credits,
}

/// What the first packet grants holds for the stream that is opened then.
pub(super) async fn connect(scene: &Scene, path: &str) -> Outcome<Lane> {
    let mut tcp = websocket::shaken(scene, path).await?;
    let (mut decoder, credits) = (Decoder::default(), Credits::new(Semaphore::new(0)));
    let mut packets = Packets { head: BytesMut::new(), credits: Arc::clone(&credits) };
    while credits.available_permits() == 0 {
        let mut read = Vec::with_capacity(512);
        if tcp.read_buf(&mut read).await? == 0 {
            return Err("it ended early".into());
        }
        decoder.push(read.into(), |starts, payload| {
            packets.push(starts, payload, &mut VecDeque::new()).map(drop)
        })?;
    }
    let port = scene.target.port().to_le_bytes();
    let open = websocket::frame(&[&[CONNECT, 1, 0, 0, 0, 1], &port, b"127.0.0.1"]);
    tcp.write_all(&open).await?;
    Ok(Lane::of_packets(tcp, decoder, packets, credits))
}

impl Packets {
    /// Takes part of a message. Says whether the stream is over.
    ///
    /// # Errors
    /// It was not over in order.
    pub(super) fn push(
        &mut self,
        starts: bool,
        mut payload: Bytes,
        ready: &mut VecDeque<Bytes>,
    ) -> Outcome<bool> {
        if starts {
            self.head.clear();
        }
        while !payload.is_empty() {
            if self.head.len() == HEAD && self.head[0] == DATA {
                ready.push_back(payload);
                return Ok(false);
            }
            self.head.extend_from_slice(&[payload.get_u8()]);
            match (self.head[0], self.head.len()) {
                (CONTINUE, WHOLE) => {
                    let number = (&self.head[HEAD..]).get_u32_le();
                    self.credits.forget_permits(Semaphore::MAX_PERMITS);
                    self.credits.add_permits(number as usize);
                }
                (CLOSE, len) if len > HEAD => match self.head[HEAD] {
                    0x02 => return Ok(true),
                    reason => return Err(format!("the stream was closed: {reason:#04x}").into()),
                },
                _ => {}
            }
        }
        Ok(false)
    }
}
