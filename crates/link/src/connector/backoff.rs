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
    /// Where randomness comes from, if not from the system.
    seed: Option<u64>,
}

impl Backoff {
    pub(crate) fn new(seed: Option<u64>) -> Backoff {
        Backoff { attempts: 0, seed }
    }

    /// It has succeeded.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Zero at first, then random between zero and a bound that doubles.
    pub(crate) fn next(&mut self) -> Duration {
        let bound = self.bound();
        self.attempts = self.attempts.saturating_add(1);
        bound.mul_f64(f64::from(self.random()) / f64::from(u32::MAX))
    }

    fn random(&mut self) -> u32 {
        if let Some(seed) = &mut self.seed {
            // A linear congruential generator (Knuth's MMIX), of which the upper half is good enough to wait by.
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            return u32::try_from(*seed >> 32).unwrap_or(u32::MAX);
        }
        let mut random = [0; 4];
        // Without randomness the full wait is the careful choice.
        getrandom::fill(&mut random).map_or(u32::MAX, |()| u32::from_ne_bytes(random))
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
        let mut backoff = Backoff { attempts: 3, seed: None };
        backoff.after(SUCCESS - Duration::from_millis(1));
        assert_eq!(backoff.bound(), Duration::from_secs(1));
        backoff.after(SUCCESS);
        assert_eq!(backoff.bound(), Duration::ZERO);
    }

    #[test]
    fn waits_differ() {
        let mut backoff = Backoff { attempts: 20, seed: None };
        let waits: Vec<Duration> = (0..32).map(|_| backoff.next()).collect();
        assert!(waits.iter().any(|wait| *wait < MOST / 2), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait > MOST / 2), "{waits:?}");
    }
}
