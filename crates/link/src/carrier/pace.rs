//! How fast a carrier is, and therefore how little it may queue: 250 ms at its rate, but at least 32 KiB (§9).
//!
//! Only writing is measured. While an application sends less than the path takes, the rate reads low; that does no harm, since then
//! nothing queues up, and the first full window corrects it.

use std::time::Duration;

use pageport_proto::limits;
use tokio::time::Instant;

/// Below this no path is told from another, and DATA stays at 16 KiB.
const QUEUED_MIN: u32 = 32 * 1024;
/// Above this more in the queue makes no path faster, as far as was measured on a loopback.
const QUEUED_MAX: u32 = 1024 * 1024;
/// What may be queued, as time.
const QUEUE: Duration = Duration::from_millis(250);
/// Over what time a rate is taken.
const WINDOW: Duration = Duration::from_millis(100);
/// How often the kernel is told at most, unless the rate rises by half.
const TELL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Pace {
    /// What may be queued: half of it in the kernel, half of it as the message that is on its way there.
    queued: u32,
    window: Option<(Instant, u64)>,
    /// Bytes a second, with old peaks wearing off.
    rate: u64,
    told: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { queued: QUEUED_MIN, window: None, rate: 0, told: None }
    }
}

impl Pace {
    /// How many bytes the kernel may hold that have not been sent.
    pub(super) fn unsent_limit(&self) -> u32 {
        self.queued / 2
    }

    /// How large a message should be at most.
    pub(super) fn room(&self) -> usize {
        (self.queued as usize / 2).min(limits::MESSAGE - limits::FRAME - 16)
    }

    /// Counts what was written. True when the limit has changed.
    pub(super) fn wrote(&mut self, bytes: usize, now: Instant) -> bool {
        let (since, before) = *self.window.get_or_insert((now, 0));
        let sum = before + bytes as u64;
        let elapsed = now.saturating_duration_since(since);
        if elapsed < WINDOW {
            self.window = Some((since, sum));
            return false;
        }
        self.window = Some((now, 0));
        let rate = u128::from(sum) * 1_000_000 / elapsed.as_micros().max(1);
        self.rate = u64::try_from(rate).unwrap_or(u64::MAX).max(self.rate / 4 * 3);
        let queued = u128::from(self.rate) * QUEUE.as_millis() / 1_000;
        let queued = u32::try_from(queued).unwrap_or(QUEUED_MAX).clamp(QUEUED_MIN, QUEUED_MAX);
        let due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= TELL);
        if queued == self.queued || !(due || queued > self.queued / 2 * 3) {
            return false;
        }
        self.queued = queued;
        self.told = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_a_quarter_second_at_the_measured_rate_within_its_bounds() {
        for (rate, want) in
            [(1_000_u32, QUEUED_MIN), (400_000, 100_000), (2_000_000, 500_000), (u32::MAX, QUEUED_MAX)]
        {
            let mut pace = Pace::default();
            let start = Instant::now();
            for tick in 0..=300 {
                pace.wrote(rate as usize / 100, start + Duration::from_millis(10) * tick);
            }
            let got = pace.queued;
            assert!(got.abs_diff(want) <= want / 5, "{rate} B/s: {got}, not about {want}");
        }
    }

    #[test]
    fn a_path_that_became_slow_gets_a_short_queue_within_seconds() {
        let mut pace = Pace::default();
        let start = Instant::now();
        pace.wrote(0, start);
        pace.wrote(4_000_000, start + Duration::from_millis(200));
        assert_eq!(pace.queued, QUEUED_MAX);
        for tick in 0..60 {
            pace.wrote(5_000, start + Duration::from_millis(300 + 100 * tick));
        }
        assert_eq!(pace.queued, QUEUED_MIN);
    }
}
