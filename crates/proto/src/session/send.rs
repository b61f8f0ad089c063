//! The sending half of a stream (§3.2): what is retained, what was sent on this carrier, and how it ends.

use bytes::{BufMut, Bytes, BytesMut};

use super::Message;
use crate::frame::Mark;
use crate::queue::ByteQueue;
use crate::{Code, varint};

#[derive(Debug)]
pub(super) struct Send {
    /// The bytes from `acked` to `written`.
    pub(super) queue: ByteQueue,
    pub(super) acked: u64,
    pub(super) sent: u64,
    pub(super) written: u64,
    pub(super) limit: u64,
    pub(super) fin: bool,
    pub(super) fin_sent: bool,
    pub(super) reset: Option<Code>,
    pub(super) reset_due: bool,
    /// FIN or RESET is confirmed.
    pub(super) done: bool,
    /// The application wants to write more than it may.
    pub(super) blocked: bool,
    /// At which offset BLOCKED was said on this carrier.
    blocked_said: Option<u64>,
    /// Its bytes leave on a native stream of this carrier.
    pub(super) native: bool,
    /// The peer has stopped that: on this carrier they leave as DATA.
    pub(super) native_refused: bool,
    /// Whether head or reply was written, so that raw bytes may follow.
    pub(super) prefixed: bool,
}

/// One DATA frame that wants to leave.
pub(super) struct Chunk {
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) mark: Mark,
}

impl Send {
    pub(super) fn new(limit: u64) -> Send {
        Send {
            queue: ByteQueue::default(),
            acked: 0,
            sent: 0,
            written: 0,
            limit,
            fin: false,
            fin_sent: false,
            reset: None,
            reset_due: false,
            done: false,
            blocked: false,
            blocked_said: None,
            native: false,
            native_refused: false,
            prefixed: false,
        }
    }

    /// Whether the application may still write.
    pub(super) fn open(&self) -> bool {
        !self.fin && self.reset.is_none()
    }

    /// Accepts the head or reply, whatever the limit is: it is bounded by itself.
    pub(super) fn prefix(&mut self, json: &[u8]) -> u64 {
        let mut bytes = BytesMut::with_capacity(varint::len(json.len() as u64) + json.len());
        varint::put(&mut bytes, json.len() as u64);
        bytes.put_slice(json);
        self.prefixed = true;
        self.push(bytes.freeze())
    }

    pub(super) fn push(&mut self, bytes: Bytes) -> u64 {
        let len = bytes.len() as u64;
        self.written += len;
        self.queue.push(bytes);
        len
    }

    /// How many bytes the peer's limit leaves to the application.
    pub(super) fn room(&self) -> u64 {
        self.limit.saturating_sub(self.written)
    }

    /// How many bytes may leave now.
    pub(super) fn unsent(&self) -> u64 {
        self.written.min(self.limit).saturating_sub(self.sent)
    }

    /// Puts retained bytes from an offset on into a message.
    pub(super) fn gather(&self, offset: u64, len: u64, message: &mut Message) {
        let mut skip = usize::try_from(offset - self.acked).unwrap_or(usize::MAX);
        let mut left = usize::try_from(len).unwrap_or(0);
        while left > 0 {
            let piece = self.queue.slice(skip, left);
            (skip, left) = (skip + piece.len(), left - piece.len());
            message.piece(piece);
        }
    }

    /// What leaves next, at most `max` bytes of it.
    pub(super) fn chunk(&self, max: u64) -> Option<Chunk> {
        if self.reset.is_some() || self.done {
            return None;
        }
        let len = self.unsent().min(max);
        let end = self.sent + len;
        let mark = if self.fin && end == self.written && !self.fin_sent {
            Mark::Fin
        } else if self.stopped_at(end) && self.blocked_said != Some(end) {
            Mark::Blocked
        } else {
            Mark::None
        };
        (len > 0 || mark != Mark::None).then_some(Chunk { offset: self.sent, len, mark })
    }

    pub(super) fn chunk_sent(&mut self, chunk: &Chunk) {
        self.sent = chunk.offset + chunk.len;
        match chunk.mark {
            Mark::Fin => self.fin_sent = true,
            Mark::Blocked => self.blocked_said = Some(self.sent),
            Mark::None => {}
        }
    }

    /// A limit stops the sender at this offset, with more to come behind it.
    fn stopped_at(&self, offset: u64) -> bool {
        offset == self.written.min(self.limit) && (self.written > self.limit || self.blocked)
    }

    /// Everything below `received` is the peer's. Returns how many bytes need not be retained any more.
    ///
    /// `None` when the peer acknowledges what was never written.
    pub(super) fn acknowledge(&mut self, received: u64) -> Option<u64> {
        let ends = self.fin || self.reset.is_some();
        if received > self.written + u64::from(ends) {
            return None;
        }
        let before = self.queue.len();
        let acked = received.min(self.written);
        if acked > self.acked {
            self.queue.drop_front(usize::try_from(acked - self.acked).unwrap_or(usize::MAX));
            self.acked = acked;
            self.sent = self.sent.max(acked);
        }
        if ends && received > self.written {
            self.done = true;
            self.reset_due = false;
        }
        Some((before - self.queue.len()) as u64)
    }

    /// Ends early. Returns how many retained bytes were dropped; `None` when it has ended already.
    pub(super) fn reset(&mut self, code: Code) -> Option<u64> {
        if self.reset.is_some() || self.done {
            return None;
        }
        self.reset = Some(code);
        self.reset_due = true;
        self.blocked = false;
        let dropped = self.queue.len() as u64;
        self.queue.clear();
        Some(dropped)
    }

    /// A new carrier begins: what was not acknowledged counts as unsent (§5).
    pub(super) fn rewind(&mut self) {
        self.sent = self.acked;
        self.fin_sent = false;
        self.blocked_said = None;
        self.native = false;
    }
}
