//! Frames of a client, taken apart where they lie: payload is unmasked in place, and that of several frames moved together, so that what came with one
//! read goes on with one write. To move a payload by a few bytes costs less than a call for what is in front of it, however long it is.

use std::ops::Range;

use super::mask::Mask;
use super::{CONTROL_MAX, opcode, reason};

/// The longest head of a masked frame (RFC 6455 §5.2).
const HEAD_MAX: usize = 14;

/// What a client has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Payload of binary messages, unmasked, at this place of the buffer; never empty.
    Data(Range<usize>),
    /// A ping; [`Decoder::control`] has its payload.
    Ping,
    /// An answer to a ping.
    Pong,
    /// The end, and the reason if one was given. What comes behind it does not count.
    Close(Option<u16>),
}

/// How a client has broken RFC 6455, or this use of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A bit that only an extension could have set, and none was agreed on (§5.2).
    #[error("a reserved bit is set")]
    Reserved,
    /// An opcode that means nothing (§5.2).
    #[error("an unknown opcode")]
    Opcode,
    /// A client must mask (§5.1).
    #[error("a frame without a mask")]
    Unmasked,
    /// Not in the shortest form, or above 2^63 (§5.2).
    #[error("a length in a wrong form")]
    Length,
    /// A control frame that is fragmented, or longer than 125 bytes (§5.5).
    #[error("a control frame that is fragmented or too long")]
    Control,
    /// A continuation of nothing, or a new message within another (§5.4).
    #[error("fragments in a wrong order")]
    Fragment,
    /// A reason of one byte, or one that may not be sent (§7.4).
    #[error("a close with no possible reason")]
    Close,
    /// An explanation that is not UTF-8 (§8.1).
    #[error("an explanation that is not text")]
    NotUtf8,
    /// A message of text, where only binary ones are spoken.
    #[error("a message of text")]
    Text,
}

impl Violation {
    /// The reason to close with.
    #[must_use]
    pub fn reason(self) -> u16 {
        match self {
            Violation::Text => reason::UNSUPPORTED,
            Violation::NotUtf8 => reason::NOT_UTF8,
            _ => reason::PROTOCOL,
        }
    }
}

/// Takes frames apart, wherever they are split.
#[derive(Debug, Clone)]
pub struct Decoder {
    head: Head,
    frame: Option<Frame>,
    /// Whether a message has begun and not ended.
    in_message: bool,
    closed: bool,
    control: [u8; CONTROL_MAX],
    control_length: usize,
}

/// The frame whose payload comes now.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// Which control frame it is; `None`: one with data.
    control: Option<u8>,
    left: u64,
    mask: Mask,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder {
            head: Head::default(),
            frame: None,
            in_message: false,
            closed: false,
            control: [0; CONTROL_MAX],
            control_length: 0,
        }
    }
}

impl Decoder {
    /// The next thing in `buffer[*at..]`, which moves on behind it; `None` when all of that is taken. Every byte must be shown once and in order, and
    /// events are to be taken until there is none. What lies before `*at` may be overwritten.
    ///
    /// # Errors
    /// See [`Violation`]; nothing that comes behind one means anything.
    pub fn next(&mut self, buffer: &mut [u8], at: &mut usize) -> Result<Option<Event>, Violation> {
        let mut run: Option<Range<usize>> = None;
        loop {
            if self.closed {
                *at = buffer.len();
                break;
            }
            let Some(mut frame) = self.frame else {
                if !self.head.collect(buffer, at) {
                    break;
                }
                // What is known of this frame stays known, so it can be read again behind what came before it.
                if run.is_some() && self.head.is_control() {
                    break;
                }
                match self.head.read(self.in_message) {
                    Ok(frame) => self.begin(frame),
                    Err(_) if run.is_some() => break,
                    Err(violation) => return Err(violation),
                }
                continue;
            };
            let here = usize::try_from(frame.left).unwrap_or(usize::MAX).min(buffer.len() - *at);
            if here == 0 && frame.left > 0 {
                break;
            }
            let place = *at..*at + here;
            frame.mask.apply(&mut buffer[place.clone()]);
            if frame.control.is_none() {
                match &mut run {
                    Some(run) => {
                        buffer.copy_within(place.clone(), run.end);
                        run.end += here;
                    }
                    None => run = (here > 0).then(|| place.clone()),
                }
            } else {
                let end = self.control_length + here;
                self.control[self.control_length..end].copy_from_slice(&buffer[place.clone()]);
                self.control_length = end;
            }
            *at = place.end;
            frame.left -= here as u64;
            self.frame = (frame.left > 0).then_some(frame);
            if frame.left == 0
                && let Some(opcode) = frame.control
            {
                return self.controlled(opcode).map(Some);
            }
        }
        Ok(run.map(Event::Data))
    }

    /// The payload of the control frame that was told last.
    #[must_use]
    pub fn control(&self) -> &[u8] {
        &self.control[..self.control_length]
    }

    fn begin(&mut self, (frame, fin): (Frame, bool)) {
        self.head = Head::default();
        match frame.control {
            Some(_) => self.control_length = 0,
            None => self.in_message = !fin,
        }
        self.frame = Some(frame);
    }

    fn controlled(&mut self, opcode: u8) -> Result<Event, Violation> {
        match opcode {
            opcode::PING => Ok(Event::Ping),
            opcode::PONG => Ok(Event::Pong),
            _ => {
                self.closed = true;
                closing(self.control()).map(Event::Close)
            }
        }
    }
}

/// RFC 6455 §5.5.1
fn closing(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, explanation)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(Violation::Close) };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::Close);
    }
    std::str::from_utf8(explanation).map_err(|_| Violation::NotUtf8)?;
    Ok(Some(code))
}

/// The head of a frame, as far as it has come.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    bytes: [u8; HEAD_MAX],
    length: usize,
}

impl Head {
    /// Takes what belongs to it; true when it is whole. A frame without a mask counts as whole at once: its sender must be told.
    fn collect(&mut self, buffer: &[u8], at: &mut usize) -> bool {
        while self.length < self.wanted() {
            let Some(byte) = buffer.get(*at) else { return false };
            self.bytes[self.length] = *byte;
            self.length += 1;
            *at += 1;
        }
        true
    }

    fn wanted(&self) -> usize {
        if self.length < 2 {
            return 2;
        }
        let mask = if self.bytes[1] & 0x80 == 0 { return 2 } else { 4 };
        match self.bytes[1] & 0x7f {
            126 => 4 + mask,
            127 => 10 + mask,
            _ => 2 + mask,
        }
    }

    fn is_control(&self) -> bool {
        self.bytes[0] & 0x08 != 0
    }

    /// The frame, and whether it is the last of its message.
    fn read(&self, in_message: bool) -> Result<(Frame, bool), Violation> {
        let [first, second, ..] = self.bytes;
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
        if first & 0x70 != 0 {
            return Err(Violation::Reserved);
        }
        let control = match opcode {
            opcode::CONTINUATION | opcode::BINARY | opcode::TEXT => None,
            opcode::CLOSE | opcode::PING | opcode::PONG => Some(opcode),
            _ => return Err(Violation::Opcode),
        };
        if second & 0x80 == 0 {
            return Err(Violation::Unmasked);
        }
        if control.is_some() && (!fin || second & 0x7f > 125) {
            return Err(Violation::Control);
        }
        if control.is_none() && (opcode == opcode::CONTINUATION) != in_message {
            return Err(Violation::Fragment);
        }
        if opcode == opcode::TEXT {
            return Err(Violation::Text);
        }
        let (left, key) = self.length_and_key().ok_or(Violation::Length)?;
        Ok((Frame { control, left, mask: Mask::new(key) }, fin))
    }

    fn length_and_key(&self) -> Option<(u64, [u8; 4])> {
        let rest = &self.bytes[2..];
        let (length, rest) = match self.bytes[1] & 0x7f {
            126 => {
                let (bytes, rest) = rest.split_first_chunk()?;
                let length = u64::from(u16::from_be_bytes(*bytes));
                (Some(length).filter(|length| *length > 125), rest)
            }
            127 => {
                let (bytes, rest) = rest.split_first_chunk()?;
                let length = u64::from_be_bytes(*bytes);
                (Some(length).filter(|length| (0x1_0000..1 << 63).contains(length)), rest)
            }
            short => (Some(u64::from(short)), rest),
        };
        Some((length?, *rest.first_chunk()?))
    }
}
