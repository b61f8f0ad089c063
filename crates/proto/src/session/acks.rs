//! When and what to acknowledge (§4): neither a storm nor a stall.

use std::collections::VecDeque;
use std::time::Instant;

use super::Session;
use crate::StreamId;
use crate::frame::Ack;

#[derive(Debug, Default)]
pub(super) struct Acks {
    /// Streams whose ACK is due now.
    pub(super) due: VecDeque<StreamId>,
    /// Streams with progress that nobody has told the peer of, and that is not urgent.
    pub(super) dirty: VecDeque<StreamId>,
    /// Of streams that are already forgotten: these leave first.
    last: VecDeque<Last>,
    /// How many of them the peer opened and must still take for open.
    owed: u64,
    /// Received over all streams since the last ACK of all.
    unacked: u64,
    /// When everything dirty becomes due.
    pub(super) sweep_at: Option<Instant>,
}

/// The last word on a stream.
#[derive(Debug)]
struct Last {
    ack: Ack,
    /// The peer opened it, and knows its end by nothing else.
    is_owed: bool,
}

impl Session {
    /// Decides, after progress on a stream, whether its ACK is due.
    pub(super) fn consider_ack(&mut self, id: StreamId, now: Instant) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let receive = &stream.receive;
        let (report, limit) = (receive.report(), receive.grantable());
        let quarter = (receive.window / 4).max(1);
        let ended = receive.last.is_some_and(|last| report > last) && report > receive.reported;
        let unblocks = receive.blocked_at.is_some_and(|at| receive.consumed >= at) && limit > receive.granted;
        let progress = (report - receive.reported.min(report)).max(limit - receive.granted);
        if ended || unblocks || progress >= quarter {
            self.ack_now(id);
        } else if progress > 0 && !stream.flags.ack && !stream.flags.dirty {
            stream.flags.dirty = true;
            self.acks.dirty.push_back(id);
            self.acks.sweep_at.get_or_insert(now + self.settings.timings.sweep);
        }
    }

    /// Counts received bytes over all streams; one ACK for all when they fill an eighth of the peer's S.
    pub(super) fn count_unacked(&mut self, fresh: u64) {
        self.acks.unacked += fresh;
        if self.acks.unacked >= self.peer_unreceived() / 8 {
            self.sweep();
        }
    }

    /// Everything that is owed becomes due.
    pub(super) fn sweep(&mut self) {
        self.acks.unacked = 0;
        self.acks.sweep_at = None;
        for id in std::mem::take(&mut self.acks.dirty) {
            if self.streams.get_mut(&id).is_some_and(|stream| std::mem::take(&mut stream.flags.dirty)) {
                self.ack_now(id);
            }
        }
    }

    pub(super) fn ack_now(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if !std::mem::replace(&mut stream.flags.ack, true) {
            self.acks.due.push_back(id);
        }
    }

    /// Whether some ACK has to leave.
    pub(super) fn acks_due(&self) -> bool {
        !self.acks.due.is_empty() || !self.acks.last.is_empty()
    }

    /// Says at last how much has come of a stream that is forgotten. `is_new`: the peer has not heard it before.
    pub(super) fn ack_last(&mut self, id: StreamId, received: u64, is_new: bool) {
        let is_owed = is_new && id.opener() != self.settings.role;
        self.acks.owed += u64::from(is_owed);
        self.acks.last.push_back(Last { ack: Ack { stream: id, received, limit: 0 }, is_owed });
    }

    /// How many of the peer's streams count: those that are there, and those whose end it has not heard of. Who hears nothing because it does not read
    /// must not have ends pile up here.
    pub(super) fn peer_streams(&self) -> u64 {
        self.peer_open + self.acks.owed
    }

    /// The next entries, at most `max`, those of forgotten streams first; computed now.
    pub(super) fn take_acks(&mut self, max: usize) -> Vec<Ack> {
        let last = self.acks.last.drain(..self.acks.last.len().min(max));
        let mut entries = Vec::new();
        for Last { ack, is_owed } in last {
            self.acks.owed -= u64::from(is_owed);
            entries.push(ack);
        }
        while entries.len() < max {
            let Some(id) = self.acks.due.pop_front() else { break };
            let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.flags.ack) else { continue };
            stream.flags.ack = false;
            let receive = &mut stream.receive;
            (receive.reported, receive.granted) = (receive.report(), receive.grantable());
            if receive.blocked_at.is_some_and(|at| receive.consumed >= at) {
                receive.blocked_at = None;
            }
            entries.push(Ack { stream: id, received: receive.reported, limit: receive.granted });
        }
        entries
    }
}
