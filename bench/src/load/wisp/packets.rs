//! Packets of Wisp: a type, a stream's number (little-endian), and what belongs to it; each is one message of the WebSocket.

use crate::Outcome;
use crate::load::frames::{self, Frames};

const CONNECT: u8 = 1;
const DATA: u8 = 2;
const CONTINUE: u8 = 3;
const CLOSE: u8 = 4;
const TCP: u8 = 1;
/// The reason of an end in order.
const VOLUNTARY: u8 = 2;

const HEAD: usize = 5;
/// CONTINUE with its number, the longest that has to be seen whole.
const WHOLE: usize = HEAD + 4;

/// What came.
pub(super) enum Packet<'b> {
    /// Part of what a stream's target has sent.
    Data(u32, &'b [u8]),
    /// So many packets may be sent on it now.
    Continue(u32, u32),
    /// The target has said all.
    Ended(u32),
}

pub(super) fn put_connect(out: &mut Vec<u8>, id: u32, to: std::net::SocketAddr) {
    let host = to.ip().to_string();
    frames::put(out, &[&[CONNECT], &id.to_le_bytes(), &[TCP], &to.port().to_le_bytes(), host.as_bytes()]);
}

pub(super) fn put_data(out: &mut Vec<u8>, id: u32, bytes: &[u8]) {
    frames::put(out, &[&[DATA], &id.to_le_bytes(), bytes]);
}

/// Where the next byte belongs.
#[derive(Debug, Default)]
pub(super) struct Packets {
    frames: Frames,
    head: [u8; WHOLE],
    have: usize,
}

impl Packets {
    /// Gives everything to `sink` as it comes.
    ///
    /// # Errors
    /// The server broke a stream off, or spoke of what it should not.
    pub(super) fn walk(&mut self, bytes: &[u8], mut sink: impl FnMut(Packet<'_>) -> Outcome) -> Outcome {
        let Packets { frames, head, have } = self;
        frames.walk(bytes, |piece| {
            let mut bytes = piece.bytes;
            if piece.starts {
                *have = 0;
            }
            while let Some((&first, rest)) = bytes.split_first() {
                let id = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
                if *have >= HEAD && head[0] == DATA {
                    return sink(Packet::Data(id, bytes));
                }
                *head.get_mut(*have).ok_or("a packet is longer than it may be")? = first;
                *have += 1;
                bytes = rest;
                match (head[0], *have) {
                    (CONTINUE, WHOLE) => {
                        let number = u32::from_le_bytes([head[5], head[6], head[7], head[8]]);
                        sink(Packet::Continue(id, number))?;
                    }
                    (CLOSE, have) if have > HEAD && head[HEAD] == VOLUNTARY => sink(Packet::Ended(id))?,
                    (CLOSE, have) if have > HEAD => {
                        return Err(format!("stream {id} was closed: {:#04x}", head[HEAD]).into());
                    }
                    (DATA | CONTINUE | CLOSE, _) => {}
                    (other, _) => return Err(format!("a packet of type {other}").into()),
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_found_however_they_are_cut() {
        let message = |packet: &[u8]| [&[0x82, u8::try_from(packet.len()).unwrap()], packet].concat();
        let all = [
            message(&[CONTINUE, 0, 0, 0, 0, 128, 0, 0, 0]),
            message(b"\x02\x07\x00\x00\x00abc"),
            message(b"\x02\x07\x00\x00\x00"),
            message(b"\x02\x08\x00\x00\x00d"),
            message(&[CLOSE, 7, 0, 0, 0, VOLUNTARY]),
        ]
        .concat();
        for size in 1..all.len() {
            let (mut packets, mut seen) = (Packets::default(), Vec::new());
            let (mut granted, mut ended) = (0, 0);
            for piece in all.chunks(size) {
                let sink = |packet: Packet<'_>| {
                    match packet {
                        Packet::Data(id, bytes) => bytes.iter().for_each(|&byte| seen.push((id, byte))),
                        Packet::Continue(_, number) => granted = number,
                        Packet::Ended(id) => ended = id,
                    }
                    Ok(())
                };
                packets.walk(piece, sink).unwrap();
            }
            assert_eq!(seen, [(7, b'a'), (7, b'b'), (7, b'c'), (8, b'd')], "cut every {size}");
            assert_eq!((granted, ended), (128, 7));
        }
        assert!(Packets::default().walk(&message(&[CLOSE, 1, 0, 0, 0, 3]), |_| Ok(())).is_err());
    }
}
