//! Draws that a seed repeats.

use std::time::{SystemTime, UNIX_EPOCH};

/// xorshift (Marsaglia 2003).
pub(super) struct Dice(u64);

impl Dice {
    /// Of `PAGEPORT_SEED`; of the time in a proof; the same always otherwise.
    pub(super) fn seeded() -> (u64, Dice) {
        let given = std::env::var("PAGEPORT_SEED").ok().and_then(|seed| seed.parse().ok());
        let time = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::try_from(since.as_micros() % 1_000_000_007).unwrap() + 1
        };
        let seed = given.unwrap_or_else(|| if *super::PROOF { time() } else { 20_201 });
        // Small seeds would begin with small numbers.
        (seed, Dice((seed ^ 0x9e37_79b9_7f4a_7c15).max(1)))
    }

    pub(super) fn roll<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        from[usize::try_from(self.0 % from.len() as u64).unwrap()]
    }
}
