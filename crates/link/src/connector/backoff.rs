//! How long to wait before the next attempt: full jitter, so that a gateway that comes back is not met by everybody at once.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const MOST: Duration = Duration::from_secs(10);

/// What was lost sooner was no success: whoever ends every attempt at once would be met by a storm of them.
const SUCCESS: Duration = Duration::from_secs(1);

/// Counts attempts since the last success.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// Zero at first, then random between zero and a bound that doubles.
    pub(crate) fn next(&mut self) -> Duration {
        let bound = self.bound();
        self.attempts = self.attempts.saturating_add(1);
        let mut random = [0; 4];
        // Without randomness the full wait is the careful choice.
        let part = getrandom::fill(&mut random).map_or(u32::MAX, |()| u32::from_ne_bytes(random));
        bound.mul_f64(f64::from(part) / f64::from(u32::MAX))
    }

    /// What was attempted has come about, and has lasted so long.
    pub(crate) fn after(&mut self, lasted: Duration) {
        if lasted >= SUCCESS {
            self.attempts = 0;
        }
    }

    fn bound(&self) -> Duration {
        match self.attempts {
            0 => Duration::ZERO,
            attempts => FIRST.saturating_mul(1 << (attempts - 1).min(16)).min(MOST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_retry_is_immediate_and_later_ones_are_random_below_a_doubling_bound() {
        let mut backoff = Backoff::default();
        let bounds: Vec<u128> = (0..10)
            .map(|_| {
                let bound = backoff.bound();
                assert!(backoff.next() <= bound);
                bound.as_millis()
            })
            .collect();
        assert_eq!(bounds, [0, 250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
    }

    #[test]
    fn only_what_has_lasted_begins_anew() {
        let mut backoff = Backoff { attempts: 3 };
        backoff.after(SUCCESS - Duration::from_millis(1));
        assert_eq!(backoff.bound(), Duration::from_secs(1));
        backoff.after(SUCCESS);
        assert_eq!(backoff.bound(), Duration::ZERO);
    }

    #[test]
    fn waits_differ() {
        let mut backoff = Backoff { attempts: 20 };
        let waits: Vec<Duration> = (0..32).map(|_| backoff.next()).collect();
        assert!(waits.iter().any(|wait| *wait < MOST / 2), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait > MOST / 2), "{waits:?}");
    }
}
