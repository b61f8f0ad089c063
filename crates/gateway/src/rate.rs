//! How fast connections may come: so many in a second, and as many in one burst. One moment of state, no timer (the generic cell
//! rate algorithm, ITU-T I.371).

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const BURST: Duration = Duration::from_secs(1);

/// Counts what comes.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    /// When the next one would be due if they came evenly.
    due: Mutex<Option<Instant>>,
}

impl Rate {
    /// Whether one more may come now; `limit` in a second, at least 1.
    pub(crate) fn take(&self, limit: u64, now: Instant) -> bool {
        let interval = BURST / u32::try_from(limit).unwrap_or(u32::MAX).max(1);
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let next = due.map_or(now, |due| due.max(now)) + interval;
        let fits = next <= now + BURST;
        if fits {
            *due = Some(next);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_the_limit_passes_and_then_one_for_each_interval() {
        let (rate, start) = (Rate::default(), Instant::now());
        let passed = |at: u64| (0..20).filter(|_| rate.take(10, start + Duration::from_millis(at))).count();
        assert_eq!([0, 50, 100, 400, 10_000].map(passed), [10, 0, 1, 3, 10]);
    }
}
