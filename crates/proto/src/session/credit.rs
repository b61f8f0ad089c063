//! Windows and the budget that pays for them (§4): streams that stand still must never take the last byte from one that moves.
//!
//! What was granted cannot be taken back, so it is granted with care. Half of the budget pays for first raises, whoever comes. The
//! other half pays for growth; the less of it is left, the longer a stream must have moved to get some: buffers on the way swallow
//! a few windows of a stream that nobody reads, and that must not count as moving.

use std::time::{Duration, Instant};

use super::receive::Receive;
use crate::limits;

/// A round trip counts as at least this: on a loopback everything would look slow to react.
const ROUND_TRIP_MIN: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Credit {
    first: Pool,
    growth: Pool,
    initial: u64,
    window_max: u64,
    /// Whether windows may grow at all.
    pub(super) allowed: bool,
}

/// What a stream's window holds of each pool.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Paid {
    first: u64,
    growth: u64,
}

#[derive(Debug)]
struct Pool {
    size: u64,
    left: u64,
}

impl Credit {
    pub(super) fn new(budget: u64, initial: u64, window_max: u64) -> Credit {
        let pool = |size| Pool { size, left: size };
        Credit { first: pool(budget / 2), growth: pool(budget / 2), initial, window_max, allowed: true }
    }

    /// The first raise, as soon as a stream is seen.
    pub(super) fn raise_first(&mut self, receive: &mut Receive) {
        let wanted = limits::WINDOW.min(self.window_max).saturating_sub(receive.window);
        if self.allowed {
            receive.paid.first = self.first.take(wanted);
            receive.window += receive.paid.first;
        }
    }

    /// Doubles the window when it was consumed within two round trips, often enough in a row.
    pub(super) fn consumed(&mut self, receive: &mut Receive, rtt: Duration, now: Instant) {
        let (since, from) = receive.measured;
        if receive.consumed - from < receive.window {
            return;
        }
        receive.measured = (now, receive.consumed);
        if now.saturating_duration_since(since) > rtt.max(ROUND_TRIP_MIN) * 2 {
            receive.streak = 0;
            return;
        }
        receive.streak += 1;
        let needed = self.growth.size / self.growth.left.max(1);
        if self.allowed && receive.streak >= needed && !receive.ended() {
            let wanted = receive.window.min(self.window_max.saturating_sub(receive.window));
            let taken = self.growth.take(wanted);
            receive.streak = 0;
            receive.window += taken;
            receive.paid.growth += taken;
        }
    }

    /// The stream needs its window no longer.
    pub(super) fn release(&mut self, receive: &mut Receive) {
        let Paid { first, growth } = std::mem::take(&mut receive.paid);
        self.first.left += first;
        self.growth.left += growth;
        receive.window = self.initial;
    }
}

impl Pool {
    /// At most half of what is left.
    fn take(&mut self, wanted: u64) -> u64 {
        let taken = wanted.min(self.left / 2);
        self.left -= taken;
        taken
    }
}
