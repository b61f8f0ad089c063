//! Where the frames of HTTP/2 begin and what they are (RFC 9113 §4.1), seen from the bytes as they pass. Payloads are not looked at.

use super::http2::PREFACE;

const HEADER: usize = 9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// What a frame is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    kind: u8,
    flags: u8,
    length: usize,
}

impl Frame {
    const DATA: u8 = 0x0;
    const HEADERS: u8 = 0x1;
    const SETTINGS: u8 = 0x4;
    const PING: u8 = 0x6;
    const CONTINUATION: u8 = 0x9;

    /// What it takes of an allowance for frames that bring neither a request nor bytes of one. What wants an answer costs more than its
    /// parsing, and clients send little of it: SETTINGS hardly ever twice, a PING for a round trip.
    pub(crate) fn price(self) -> u64 {
        match self.kind {
            Frame::HEADERS => 0,
            Frame::DATA => u64::from(self.length == 0 && self.flags & END_STREAM == 0),
            Frame::SETTINGS => 20,
            Frame::PING => 2,
            _ => 1,
        }
    }
}

/// Follows one direction of a connection.
#[derive(Debug)]
pub(crate) struct Frames {
    /// Bytes of the preface that are still to come.
    preface: usize,
    header: [u8; HEADER],
    /// How much of `header` is here, and how much of the payload behind it is not.
    have: usize,
    left: usize,
    current: Option<Frame>,
    block_open: bool,
    /// How many frames have ended without leaving a block open.
    ended: u64,
}

impl Frames {
    /// From a client, which begins with the preface.
    pub(crate) fn of_client() -> Frames {
        Frames { preface: PREFACE.len(), ..Frames::of_server() }
    }

    /// From a server.
    pub(crate) fn of_server() -> Frames {
        Frames {
            preface: 0,
            header: [0; HEADER],
            have: 0,
            left: 0,
            current: None,
            block_open: false,
            ended: 0,
        }
    }

    /// Takes bytes as they pass, and hands over each frame at its end.
    pub(crate) fn pass(&mut self, mut bytes: &[u8], mut frame: impl FnMut(Frame)) {
        let preface = self.preface.min(bytes.len());
        self.preface -= preface;
        bytes = &bytes[preface..];
        while !bytes.is_empty() {
            if self.current.is_none() {
                let part = (HEADER - self.have).min(bytes.len());
                self.header[self.have..self.have + part].copy_from_slice(&bytes[..part]);
                self.have += part;
                bytes = &bytes[part..];
                if self.have < HEADER {
                    return;
                }
                self.begin();
            }
            let part = self.left.min(bytes.len());
            self.left -= part;
            bytes = &bytes[part..];
            if self.left == 0
                && let Some(done) = self.current.take()
            {
                self.have = 0;
                self.ended += u64::from(!self.block_open);
                frame(done);
            }
        }
    }

    /// Whether the next byte begins a frame.
    pub(crate) fn at_border(&self) -> bool {
        self.preface == 0 && self.current.is_none() && self.have == 0
    }

    /// Whether something has begun that must soon end: anything but a frame of a body.
    pub(crate) fn unfinished(&self) -> bool {
        self.block_open
            || match self.current {
                Some(frame) => frame.kind != Frame::DATA,
                None => !self.at_border(),
            }
    }

    /// Another number for each time that something unfinished has ended.
    pub(crate) fn ended(&self) -> u64 {
        self.ended
    }

    fn begin(&mut self) {
        let [l0, l1, l2, kind, flags, ..] = self.header;
        self.left = usize::from(l0) << 16 | usize::from(l1) << 8 | usize::from(l2);
        if matches!(kind, Frame::HEADERS | Frame::CONTINUATION) {
            self.block_open = flags & END_HEADERS == 0;
        }
        self.current = Some(Frame { kind, flags, length: self.left });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("short");
        [&[0, 0, length, kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn frames_are_found_however_the_network_cuts_them() {
        let settings = frame(4, 0, &[]);
        let block = [frame(1, 0, b"abc"), frame(9, 0, b""), frame(9, 4, b"de")].concat();
        let body = [frame(0, 0, b"xyz"), frame(0, 0, b""), frame(0, 1, b"")].concat();
        let all = [PREFACE.as_slice(), &settings, &block, &body].concat();
        for piece in 1..=all.len() {
            let (mut frames, mut seen) = (Frames::of_client(), Vec::new());
            all.chunks(piece)
                .for_each(|chunk| frames.pass(chunk, |frame| seen.push((frame.kind, frame.price()))));
            let expected = [(4, 20), (1, 0), (9, 1), (9, 1), (0, 0), (0, 1), (0, 0)];
            assert_eq!(seen, expected, "in pieces of {piece}");
            assert!(frames.at_border() && !frames.unfinished());
        }
    }

    #[test]
    fn what_must_soon_end_is_known() {
        let mut frames = Frames::of_client();
        assert!(frames.unfinished(), "no preface yet");
        frames.pass(PREFACE, |_| {});
        assert!(!frames.unfinished(), "silence between frames is allowed");
        frames.pass(&frame(1, 0, b"abc"), |_| {});
        assert!(frames.unfinished() && frames.at_border(), "a header block without its end");
        let before = frames.ended();
        frames.pass(&frame(9, 0, b""), |_| {});
        assert_eq!(frames.ended(), before, "the same block");
        let next = frame(1, 0, b"abc");
        frames.pass(&[frame(9, 4, b""), next].concat(), |_| {});
        assert!(frames.unfinished() && frames.ended() != before, "the next one has time of its own");
        frames.pass(&frame(9, 4, b""), |_| {});
        assert!(!frames.unfinished());
        frames.pass(&frame(0, 0, b"body")[..11], |_| {});
        assert!(!frames.unfinished(), "a body may be slow");
        frames.pass(b"dy", |_| {});
        frames.pass(&frame(4, 0, b"123456")[..3], |_| {});
        assert!(frames.unfinished(), "half a frame header");
    }
}
