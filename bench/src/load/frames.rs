//! RFC 6455 as light as a client can have it, so that it is not what is measured: every frame has the same mask, and what comes is counted
//! where it lies.

use crate::Outcome;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const FINAL: u8 = 0x80;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const MASKED: u8 = 0x80;
/// Two bytes and a length of 64 bit: servers do not mask.
const HEAD: usize = 10;

/// A binary message of these pieces in one frame, appended.
pub(super) fn put(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    out.push(FINAL | BINARY);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ ..=125), _) => out.push(MASKED | len),
        (_, Ok(len)) => {
            out.push(MASKED | 126);
            out.extend(len.to_be_bytes());
        }
        _ => {
            out.push(MASKED | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(MASK);
    let masks = MASK.iter().cycle();
    out.extend(pieces.iter().copied().flatten().zip(masks).map(|(byte, mask)| byte ^ mask));
}

/// Part of a message's payload.
pub(super) struct Piece<'b> {
    pub(super) bytes: &'b [u8],
    /// Whether it is the first of its message.
    pub(super) starts: bool,
}

/// Where the next byte from the server belongs.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; HEAD],
    have: usize,
    /// Bytes of the current frame's payload to come.
    left: u64,
    is_data: bool,
    starts: bool,
    /// The server has said goodbye: what still comes is nothing.
    closed: bool,
}

impl Frames {
    /// Gives the payload of binary messages to `sink` and leaves out the rest.
    ///
    /// # Errors
    /// The server masks, or `sink` says so.
    pub(super) fn walk(&mut self, mut bytes: &[u8], mut sink: impl FnMut(Piece<'_>) -> Outcome) -> Outcome {
        while !self.closed {
            if self.left > 0 {
                if bytes.is_empty() {
                    return Ok(());
                }
                let len = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                let (payload, rest) = bytes.split_at(len);
                if self.is_data {
                    sink(Piece { bytes: payload, starts: std::mem::take(&mut self.starts) })?;
                }
                self.left -= len as u64;
                bytes = rest;
            }
            if self.left == 0 {
                let Some((&first, rest)) = bytes.split_first() else { return Ok(()) };
                self.head[self.have] = first;
                self.have += 1;
                bytes = rest;
                self.begin()?;
            }
        }
        Ok(())
    }

    /// Once the head is whole, a frame begins.
    fn begin(&mut self) -> Outcome {
        if self.have < 2 {
            return Ok(());
        }
        let (opcode, short) = (self.head[0] & 0x0f, self.head[1]);
        let extended = match short {
            126 => 2,
            127 => 8,
            128.. => return Err("a server does not mask".into()),
            _ => 0,
        };
        if self.have < 2 + extended {
            return Ok(());
        }
        self.closed = opcode == CLOSE;
        let long = self.head[2..2 + extended].iter().fold(0, |len, &byte| len << 8 | u64::from(byte));
        self.left = if extended == 0 { u64::from(short) } else { long };
        self.is_data = opcode < CLOSE;
        // A frame that goes on with a message starts none; an empty one says nothing.
        self.starts |= self.is_data && opcode != 0;
        self.have = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_is_found_however_it_is_cut() {
        let long = vec![3; 70_000];
        let server = |opcode: u8, payload: &[u8]| match payload.len() {
            len @ ..=125 => [&[opcode, u8::try_from(len).unwrap()], payload].concat(),
            len => [&[opcode, 127][..], &(len as u64).to_be_bytes(), payload].concat(),
        };
        let all =
            [server(0x82, b"ab"), server(0x89, b"ping"), server(0x02, &long), server(0x80, b"cd")].concat();
        for size in [1, 3, 7, 4096, all.len()] {
            let (mut frames, mut seen, mut starts) = (Frames::default(), Vec::new(), 0);
            for piece in all.chunks(size) {
                let mut sink = |piece: Piece<'_>| {
                    seen.extend_from_slice(piece.bytes);
                    starts += usize::from(piece.starts);
                    Ok(())
                };
                frames.walk(piece, &mut sink).unwrap();
            }
            assert_eq!(seen, [b"ab", &long[..], b"cd"].concat(), "cut every {size}");
            assert_eq!(starts, 2);
        }
        let behind_goodbye = [&[0x88, 0][..], &server(0x82, b"ab")].concat();
        Frames::default().walk(&behind_goodbye, |_| Err("nothing comes any more".into())).unwrap();
    }
}
