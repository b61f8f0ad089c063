//! Snapshots: what a side says of all its streams when a carrier begins, and what that means to the other (§5).

use std::time::Instant;

use super::{Event, Session};
use crate::frame::{Ack, Entry, Frame, Resume};
use crate::{Code, StreamId, limits};

impl Session {
    /// RESUME with every stream that is not forgotten. What it says needs no other frame any more.
    pub(super) fn snapshot(&mut self) -> Vec<Frame> {
        self.acks = super::Acks::default();
        self.signals.clear();
        let mut entries = Vec::with_capacity(self.streams.len());
        for (id, stream) in &mut self.streams {
            let (send, receive, flags) = (&mut stream.send, &mut stream.receive, &mut stream.flags);
            (receive.reported, receive.granted) = (receive.report(), receive.grantable());
            (send.reset_due, receive.stop_due) = (false, false);
            (flags.ack, flags.dirty, flags.signal) = (false, false, false);
            entries.push(Entry {
                ack: Ack { stream: *id, received: receive.reported, limit: receive.granted },
                reset: send.reset.filter(|_| !send.done).map(|code| (code, send.written)),
                stop: receive.stopped.filter(|_| receive.last.is_none()),
            });
        }
        self.frames_of(&entries)
    }

    /// Applies the peer's snapshot.
    ///
    /// # Errors
    /// The code that ends the session.
    pub(super) fn apply_resume(&mut self, highest: u64, entries: &[Entry], now: Instant) -> Result<(), Code> {
        if highest != 0
            && StreamId::new(highest).is_none_or(|id| id.opener() != self.settings.role || id >= self.next_id)
        {
            return Err(Code::ERR_STREAM_ID);
        }
        let unlisted: Vec<StreamId> = self
            .streams
            .keys()
            .copied()
            .filter(|id| entries.binary_search_by_key(id, |entry| entry.ack.stream).is_err())
            .filter(|id| id.opener() != self.settings.role || id.get() <= highest)
            .collect();
        unlisted.into_iter().for_each(|id| self.finished_elsewhere(id, now));
        for entry in entries {
            self.on_ack(entry.ack, now)?;
            if let Some((code, last)) = entry.reset {
                self.on_reset(entry.ack.stream, code, last, now)?;
            }
            if let Some(code) = entry.stop {
                self.on_stop(entry.ack.stream, code, now)?;
            }
        }
        Ok(())
    }

    /// Every queue begins anew with a carrier.
    pub(super) fn refill(&mut self) {
        self.ready.clear();
        let ids: Vec<StreamId> = self.streams.keys().copied().collect();
        for id in ids {
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.flags.ready = false;
            }
            self.make_ready(id);
            self.make_signal(id);
        }
    }

    /// The peer has forgotten the stream, so everything of ours has reached it.
    fn finished_elsewhere(&mut self, id: StreamId, now: Instant) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let retained = stream.send.queue.len() as u64;
        let cut_short = stream.send.open();
        stream.send.queue.clear();
        stream.send.acked = stream.send.written;
        stream.send.sent = stream.send.written;
        stream.send.done = true;
        stream.send.reset_due = false;
        let lost = !stream.receive.ended();
        if lost {
            // Only a peer that breaks its promises gets here; the stream must not hang for that.
            let last = stream.receive.received;
            self.prefixes -= stream.receive.prefix.held();
            self.stats.unread -= stream.receive.cut(Code::ERR_SESSION_LOST, last);
            self.events.push_back(Event::Reset(id, Code::ERR_SESSION_LOST));
        }
        if cut_short {
            self.events.push_back(Event::Stopped(id, Code::ERR_SESSION_LOST));
        }
        self.release_retained(retained);
        self.after_receive(id, now);
    }

    fn frames_of(&self, entries: &[Entry]) -> Vec<Frame> {
        /// The largest entry: three integers of 8 bytes, a flag, three more.
        const ENTRY: usize = 6 * 8 + 1;
        let highest = self.highest_peer;
        let mut frames: Vec<Resume> = entries
            .chunks((limits::FRAME - 16) / ENTRY)
            .map(|part| Resume { end: false, highest, entries: part.to_vec() })
            .collect();
        match frames.last_mut() {
            Some(last) => last.end = true,
            None => frames.push(Resume { end: true, highest, entries: Vec::new() }),
        }
        frames.into_iter().map(Frame::Resume).collect()
    }
}
