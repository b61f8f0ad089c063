//! The receiving half of a stream (§3.3): what has come, what the application has read, and what was granted.

use std::time::Instant;

use bytes::{Buf, Bytes};

use super::credit::Paid;
use super::prefix::Prefix;
use crate::frame::{Data, Mark};
use crate::queue::ByteQueue;
use crate::{Code, limits};

#[derive(Debug)]
pub(super) struct Receive {
    /// The bytes from `consumed` to `received`.
    pub(super) queue: ByteQueue,
    pub(super) received: u64,
    pub(super) consumed: u64,
    pub(super) last: Option<u64>,
    pub(super) reset: Option<Code>,
    pub(super) stopped: Option<Code>,
    pub(super) stop_due: bool,
    pub(super) prefix: Prefix,

    pub(super) window: u64,
    /// The limit that the peer knows of, or is about to.
    pub(super) granted: u64,
    /// What the peer knows, or is about to, of [`Receive::report`].
    pub(super) reported: u64,
    /// A DATA with BLOCKED ended here.
    pub(super) blocked_at: Option<u64>,
    /// From when and where the use of the present window is measured.
    pub(super) measured: (Instant, u64),
    /// How many windows in a row were consumed quickly.
    pub(super) streak: u64,
    pub(super) paid: Paid,
}

/// What [`Receive::accept`] made of a DATA frame.
pub(super) struct Accepted {
    /// How many bytes were new.
    pub(super) fresh: u64,
    /// How many of them wait for the application.
    pub(super) unread: u64,
    /// A head or reply that became complete, or why there will be none.
    pub(super) prefix: Option<Result<Bytes, Code>>,
}

impl Receive {
    pub(super) fn new(initial: u64, now: Instant) -> Receive {
        Receive {
            queue: ByteQueue::default(),
            received: 0,
            consumed: 0,
            last: None,
            reset: None,
            stopped: None,
            stop_due: false,
            prefix: Prefix::default(),
            window: initial,
            granted: initial,
            reported: 0,
            blocked_at: None,
            measured: (now, 0),
            streak: 0,
            paid: Paid::default(),
        }
    }

    /// §3.3, the reported `received`.
    pub(super) fn report(&self) -> u64 {
        match self.last {
            None => self.received,
            Some(last) if self.reset.is_none() && self.stopped.is_none() && self.consumed < last => {
                self.received
            }
            Some(last) => last + 1,
        }
    }

    /// The limit that could be granted now.
    pub(super) fn grantable(&self) -> u64 {
        self.granted.max(self.consumed + self.window).min(limits::OFFSET)
    }

    pub(super) fn ended(&self) -> bool {
        self.reset.is_some() || self.last.is_some_and(|last| self.stopped.is_some() || self.consumed == last)
    }

    /// Takes a DATA frame in, whose bytes keep `arriving` bytes of memory. With `overtakes` one without bytes may leave a gap.
    ///
    /// # Errors
    /// The code that ends the session.
    pub(super) fn accept(&mut self, data: Data, overtakes: bool, arriving: usize) -> Result<Accepted, Code> {
        let nothing = Accepted { fresh: 0, unread: 0, prefix: None };
        if self.reset.is_some() {
            return Ok(nothing);
        }
        let end = data.offset + data.bytes.len() as u64;
        if data.offset > self.received && !(overtakes && data.bytes.is_empty()) {
            return Err(Code::ERR_GAP);
        }
        self.check(&data, end)?;
        let mut bytes = data.bytes;
        let old = usize::try_from(self.received.saturating_sub(data.offset)).unwrap_or(usize::MAX);
        bytes.advance(old.min(bytes.len()));
        let fresh = bytes.len() as u64;
        self.received += fresh;
        match data.mark {
            Mark::Fin => {
                self.last = Some(end);
                self.stop_due = false;
            }
            Mark::Blocked => self.blocked_at = Some(end),
            Mark::None => {}
        }
        if self.stopped.is_some() {
            self.consumed = self.received;
            return Ok(Accepted { fresh, ..nothing });
        }
        let prefix = if self.prefix.over() { None } else { self.prefix.take(&mut bytes).transpose() };
        self.consumed += fresh - bytes.len() as u64;
        let unread = bytes.len() as u64;
        if unread > 0 {
            self.queue.push_part_of(bytes, arriving);
        }
        Ok(Accepted { fresh, unread, prefix })
    }

    fn check(&self, data: &Data, end: u64) -> Result<(), Code> {
        if end > self.granted {
            return Err(Code::ERR_FLOW_CONTROL);
        }
        let contradicts = match self.last {
            Some(last) => end > last || (data.mark == Mark::Fin && end != last),
            None => data.mark == Mark::Fin && end < self.received,
        };
        if contradicts { Err(Code::ERR_FINAL_OFFSET) } else { Ok(()) }
    }

    /// Takes a RESET in. Returns how many unread bytes were dropped; `None` when the direction has ended, or everything has come.
    ///
    /// # Errors
    /// The code that ends the session.
    pub(super) fn reset(&mut self, code: Code, last: u64) -> Result<Option<u64>, Code> {
        if self.last.map_or(last < self.received, |known| known != last) {
            return Err(Code::ERR_FINAL_OFFSET);
        }
        // A FIN may have overtaken bytes (§9.2): behind a RESET they will never come.
        let whole = self.last.is_some() && self.received == last;
        Ok(if whole || self.ended() { None } else { Some(self.cut(code, last)) })
    }

    /// Ends the direction here and now.
    pub(super) fn cut(&mut self, code: Code, last: u64) -> u64 {
        self.last = Some(last);
        self.reset = Some(code);
        self.stop_due = false;
        self.discard()
    }

    /// The application does not want the rest. Returns how many unread bytes were dropped; `None` when it has ended.
    pub(super) fn stop(&mut self, code: Code) -> Option<u64> {
        if self.stopped.is_some() || self.ended() {
            return None;
        }
        self.stopped = Some(code);
        self.stop_due = self.last.is_none();
        let dropped = self.discard();
        self.consumed = self.received;
        Some(dropped)
    }

    /// Hands at most `max` bytes to the application.
    pub(super) fn pop(&mut self, max: usize) -> Bytes {
        let bytes = self.queue.pop(max);
        self.consumed += bytes.len() as u64;
        bytes
    }

    fn discard(&mut self) -> u64 {
        let dropped = self.queue.len() as u64;
        self.queue.clear();
        self.prefix = Prefix::Over;
        dropped
    }
}
