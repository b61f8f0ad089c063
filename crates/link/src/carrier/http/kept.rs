//! Messages on their way down: numbered, handed out in order, and kept until a later request confirms them.

use std::collections::VecDeque;

use bytes::Bytes;
use pageport_proto::Code;

/// A message in the pieces in which the session gave it.
#[derive(Debug, Clone)]
pub(super) struct Numbered {
    pub(super) parts: Vec<Bytes>,
    pub(super) len: usize,
}

/// What may still be asked for, and what nobody has asked for yet.
#[derive(Debug)]
pub(super) struct Kept {
    messages: VecDeque<Numbered>,
    /// The number of the first of them.
    first: u64,
    /// The number of the first that was never handed out.
    fresh: u64,
    /// The number of the next to hand out: below `fresh` while an answer is repeated.
    cursor: u64,
    /// The highest that was confirmed.
    confirmed: u64,
    bytes: usize,
    fresh_bytes: usize,
    /// How many bytes of what was handed out are kept, at least one message.
    limit: usize,
}

impl Kept {
    pub(super) fn new(limit: usize) -> Kept {
        Kept {
            messages: VecDeque::new(),
            first: 0,
            fresh: 0,
            cursor: 0,
            confirmed: 0,
            bytes: 0,
            fresh_bytes: 0,
            limit,
        }
    }

    pub(super) fn push(&mut self, parts: Vec<Bytes>) {
        let len = parts.iter().map(Bytes::len).sum();
        self.bytes += len;
        self.fresh_bytes += len;
        self.messages.push_back(Numbered { parts, len });
    }

    /// The length of the next message to hand out.
    pub(super) fn peek(&self) -> Option<usize> {
        self.messages.get(self.place(self.cursor)).map(|message| message.len)
    }

    /// Hands out the next message. The oldest are forgotten when too much has been handed out.
    pub(super) fn take(&mut self) -> Option<Numbered> {
        let message = self.messages.get(self.place(self.cursor))?.clone();
        self.cursor += 1;
        if self.cursor > self.fresh {
            self.fresh = self.cursor;
            self.fresh_bytes -= message.len;
        }
        while self.first + 1 < self.fresh && self.bytes - self.fresh_bytes > self.limit {
            self.forget();
        }
        Some(message)
    }

    /// A new request has all messages below `ack`: from there it goes on.
    ///
    /// # Errors
    /// [`Code::ERR_CARRIER_SEQUENCE`]; `Err(true)` when that is the end, since what is asked for is gone or never was, `Err(false)`
    /// when an older request came late.
    pub(super) fn confirm(&mut self, ack: u64) -> Result<(), (Code, bool)> {
        if ack < self.confirmed {
            return Err((Code::ERR_CARRIER_SEQUENCE, false));
        }
        if ack < self.first || ack > self.fresh {
            return Err((Code::ERR_CARRIER_SEQUENCE, true));
        }
        self.confirmed = ack;
        self.cursor = ack;
        while self.first < ack {
            self.forget();
        }
        Ok(())
    }

    /// How many bytes were never handed out.
    pub(super) fn fresh_bytes(&self) -> usize {
        self.fresh_bytes
    }

    /// Whether everything has been handed out to the newest request.
    pub(super) fn is_at_end(&self) -> bool {
        self.place(self.cursor) == self.messages.len()
    }

    /// Whether the page has everything.
    pub(super) fn is_confirmed(&self) -> bool {
        self.messages.is_empty()
    }

    /// How many bytes it holds.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn place(&self, number: u64) -> usize {
        usize::try_from(number - self.first).unwrap_or(usize::MAX)
    }

    fn forget(&mut self) {
        if let Some(message) = self.messages.pop_front() {
            self.first += 1;
            self.bytes -= message.len;
        }
    }
}
