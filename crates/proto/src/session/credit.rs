//! Windows and the budget that pays for them (§4): a stalled stream must never take the last byte from the others.

use std::time::{Duration, Instant};

use super::receive::Receive;
use crate::limits;

/// A round trip counts as at least this: on a loopback everything would look slow to react.
const ROUND_TRIP_MIN: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Credit {
    budget: u64,
    initial: u64,
    window_max: u64,
    /// What windows hold above I.
    taken: u64,
    /// Whether windows may grow at all.
    pub(super) growth: bool,
}

impl Credit {
    pub(super) fn new(budget: u64, initial: u64, window_max: u64) -> Credit {
        Credit { budget, initial, window_max, taken: 0, growth: true }
    }

    /// The first raise, as soon as a stream is seen.
    pub(super) fn raise_first(&mut self, receive: &mut Receive) {
        self.raise(receive, limits::WINDOW);
    }

    /// Doubles the window when a whole one was consumed within two round trips.
    pub(super) fn consumed(&mut self, receive: &mut Receive, rtt: Duration, now: Instant) {
        let (since, from) = receive.measured;
        if receive.consumed - from < receive.window {
            return;
        }
        receive.measured = (now, receive.consumed);
        if now.saturating_duration_since(since) <= rtt.max(ROUND_TRIP_MIN) * 2 {
            self.raise(receive, receive.window * 2);
        }
    }

    /// The stream needs its window no longer.
    pub(super) fn release(&mut self, receive: &mut Receive) {
        self.taken -= receive.window - self.initial;
        receive.window = self.initial;
    }

    fn raise(&mut self, receive: &mut Receive, to: u64) {
        if !self.growth || receive.ended() {
            return;
        }
        let wanted = to.min(self.window_max).saturating_sub(receive.window);
        let add = wanted.min((self.budget - self.taken) / 2);
        receive.window += add;
        self.taken += add;
    }
}
