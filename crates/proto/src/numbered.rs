//! Carrier messages over plain requests (§9, `http`): bodies of `/link/up` and `/link/down`, and of the answers to the latter.
//!
//! Only bytes: which number may come when is for the two ends of a carrier. Must never hold more than one message.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::varint::{self, Peek};
use crate::{Code, hello, limits};

/// Names a carrier to the two who know it: drawn by the page, in bodies only.
pub type Id = hello::Opaque<ID, hello::Hidden>;

/// The bytes of an id.
pub const ID: usize = 16;
/// The most bytes before the message of a body for `/link/up`.
pub const UP_HEAD: usize = ID + 8;
/// The most bytes of a body for `/link/down`.
pub const DOWN: usize = ID + 8 + 1;
/// What the answer to `/link/down` begins with. Whoever sees it knows that nothing on the way holds answers back.
pub const PREAMBLE: &[u8; 16] = b"pageport down v1";

/// What stands before the message in a body for `/link/up`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Up {
    /// Whose message it is.
    pub id: Id,
    /// Its number, from 0.
    pub seq: u64,
}

/// A body for `/link/down`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// Whose messages are asked for.
    pub id: Id,
    /// How many messages have come whole.
    pub ack: u64,
    /// When the answer ends.
    pub mode: Mode,
}

/// When the answer to `/link/down` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// When it is long or old enough.
    Stream,
    /// Behind the first messages that there are.
    Poll,
    /// At once, also without a message.
    Now,
}

impl Up {
    /// Reads the front of a body, and how long it is; `None` while more is needed.
    ///
    /// # Errors
    /// [`Code::ERR_CARRIER_REQUEST`].
    pub fn parse(body: &[u8]) -> Result<Option<(Up, usize)>, Code> {
        let Some((id, rest)) = body.split_first_chunk::<ID>() else { return Ok(None) };
        match varint::peek(rest) {
            Peek::Value(seq, length) => Ok(Some((Up { id: Id::new(*id), seq }, ID + length))),
            Peek::Short => Ok(None),
            Peek::TooLarge => Err(Code::ERR_CARRIER_REQUEST),
        }
    }

    /// Takes a whole body apart: the head, and the message behind it.
    ///
    /// # Errors
    /// [`Code::ERR_CARRIER_REQUEST`] for a body that ends too soon, or has no message; [`Code::ERR_BODY_TOO_LARGE`] for a message
    /// that no carrier may have.
    pub fn parse_whole(body: &[u8]) -> Result<(Up, &[u8]), Code> {
        let (up, length) = Up::parse(body)?.ok_or(Code::ERR_CARRIER_REQUEST)?;
        match &body[length..] {
            [] => Err(Code::ERR_CARRIER_REQUEST),
            message if message.len() > limits::MESSAGE => Err(Code::ERR_BODY_TOO_LARGE),
            message => Ok((up, message)),
        }
    }

    /// The bytes before the message.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(UP_HEAD);
        out.put_slice(self.id.as_bytes());
        varint::put(&mut out, self.seq);
        out.freeze()
    }
}

impl Down {
    /// Reads a whole body.
    ///
    /// # Errors
    /// [`Code::ERR_CARRIER_REQUEST`].
    pub fn parse(body: &[u8]) -> Result<Down, Code> {
        let (id, mut rest) = body.split_first_chunk::<ID>().ok_or(Code::ERR_CARRIER_REQUEST)?;
        let ack = varint::take(&mut rest).ok_or(Code::ERR_CARRIER_REQUEST)?;
        let mode = match rest {
            [0] => Mode::Stream,
            [1] => Mode::Poll,
            [2] => Mode::Now,
            _ => return Err(Code::ERR_CARRIER_REQUEST),
        };
        Ok(Down { id: Id::new(*id), ack, mode })
    }

    /// The body.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(DOWN);
        out.put_slice(self.id.as_bytes());
        varint::put(&mut out, self.ack);
        out.put_u8(match self.mode {
            Mode::Stream => 0,
            Mode::Poll => 1,
            Mode::Now => 2,
        });
        out.freeze()
    }
}

/// What stands before a message of so many bytes in an answer.
#[must_use]
pub fn record(length: usize) -> Bytes {
    let mut out = BytesMut::with_capacity(4);
    varint::put(&mut out, length as u64);
    out.freeze()
}

/// Takes an answer to `/link/down` apart as it comes.
#[derive(Debug, Default)]
pub struct Answer {
    begun: bool,
    unread: BytesMut,
}

impl Answer {
    /// More of it has come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// Whether the preamble has come.
    #[must_use]
    pub fn begun(&self) -> bool {
        self.begun
    }

    /// How many bytes have come of what is not complete.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.unread.len()
    }

    /// The next message; `None` while it is not complete.
    ///
    /// # Errors
    /// [`Code::ERR_FRAME_MALFORMED`] for another preamble and for an empty message, [`Code::ERR_FRAME_TOO_LARGE`] for one that no
    /// carrier may have, as soon as that is clear. Nothing can be read behind it.
    pub fn next_message(&mut self) -> Result<Option<Bytes>, Code> {
        if !self.begun {
            let length = self.unread.len().min(PREAMBLE.len());
            if self.unread[..length] != PREAMBLE[..length] {
                return Err(Code::ERR_FRAME_MALFORMED);
            }
            if length < PREAMBLE.len() {
                return Ok(None);
            }
            self.unread.advance(length);
            self.begun = true;
        }
        let (length, at) = match varint::peek(&self.unread) {
            Peek::Short => return Ok(None),
            Peek::Value(0, _) => return Err(Code::ERR_FRAME_MALFORMED),
            Peek::Value(length, at) if length <= limits::MESSAGE as u64 => (length, at),
            Peek::Value(..) | Peek::TooLarge => return Err(Code::ERR_FRAME_TOO_LARGE),
        };
        let length = usize::try_from(length).map_err(|_| Code::ERR_FRAME_TOO_LARGE)?;
        if self.unread.len() < at + length {
            self.unread.reserve(at + length - self.unread.len());
            return Ok(None);
        }
        self.unread.advance(at);
        Ok(Some(self.unread.split_to(length).freeze()))
    }
}
