//! The client's side of RFC 6455, and of `Upgrade: tcp`: as strict as a measurement needs.

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::lane::Lane;
use super::scene::Scene;
use crate::facts::Outcome;
use crate::visitor::answer;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const CLOSE: u8 = 0x8;

pub(super) async fn connect(scene: &Scene, path: &str) -> Outcome<Lane> {
    Ok(Lane::of_messages(shaken(scene, path).await?))
}

pub(super) async fn upgrade(scene: &Scene, path: &str) -> Outcome<Lane> {
    Ok(Lane::of_bytes(switched(scene, path, "Upgrade: tcp\r\n").await?))
}

/// A WebSocket on which nothing was read behind the handshake.
pub(super) async fn shaken(scene: &Scene, path: &str) -> Outcome<TcpStream> {
    let upgrade =
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    switched(scene, path, upgrade).await
}

async fn switched(scene: &Scene, path: &str, upgrade: &str) -> Outcome<TcpStream> {
    let mut tcp = TcpStream::connect(scene.place.address).await?;
    tcp.set_nodelay(true)?;
    let (host, token) = (&scene.host, &scene.place.token);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n{upgrade}\r\n"
    );
    tcp.write_all(request.as_bytes()).await?;
    let answer = answer(&mut tcp).await?;
    if answer.starts_with("HTTP/1.1 101 ") { Ok(tcp) } else { Err(answer.into()) }
}

/// One masked binary message of these pieces.
pub(super) fn frame(pieces: &[&[u8]]) -> Bytes {
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut out = Vec::with_capacity(len + 14);
    out.push(0x82);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ ..=125), _) => out.push(0x80 | len),
        (_, Ok(len)) => {
            out.push(0x80 | 126);
            out.extend(len.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(MASK);
    let start = out.len();
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    out[start..].iter_mut().zip(MASK.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    out.into()
}

/// What a server's frames carry, as it comes.
#[derive(Default)]
pub(super) struct Decoder {
    head: BytesMut,
    left: u64,
    is_data: bool,
    starts: bool,
}

impl Decoder {
    /// Gives payload to `sink`, and whether it begins a message. Says whether the server has closed.
    pub(super) fn push(
        &mut self,
        mut bytes: Bytes,
        mut sink: impl FnMut(bool, Bytes) -> Outcome,
    ) -> Outcome<bool> {
        loop {
            if self.left > 0 && !bytes.is_empty() {
                let len = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                self.left -= len as u64;
                let payload = bytes.split_to(len);
                if self.is_data {
                    sink(std::mem::take(&mut self.starts), payload)?;
                }
            }
            if self.left > 0 || bytes.is_empty() {
                return Ok(false);
            }
            self.head.extend_from_slice(&[bytes.get_u8()]);
            let [first, short, extended @ ..] = &self.head[..] else { continue };
            let long = match short {
                126 => 2,
                127 => 8,
                128.. => return Err("a server does not mask".into()),
                _ => 0,
            };
            if extended.len() < long {
                continue;
            }
            let (opcode, short) = (first & 0x0f, *short);
            self.left = match long {
                0 => u64::from(short),
                _ => extended.iter().fold(0, |len, &byte| len << 8 | u64::from(byte)),
            };
            self.head.clear();
            if opcode == CLOSE {
                return Ok(true);
            }
            self.is_data = opcode < CLOSE;
            self.starts |= self.is_data && opcode != 0;
        }
    }
}
