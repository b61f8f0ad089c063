//! How much of its processor a load needed: above nine tenths, it has measured itself.

use std::fs;
use std::time::Instant;

use crate::Outcome;

pub(crate) struct Busy {
    start: Instant,
    before: u64,
}

impl Busy {
    pub(crate) fn start() -> Outcome<Busy> {
        Ok(Busy { start: Instant::now(), before: spent()? })
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// The part of the time since the start in which this program ran.
    pub(crate) fn part(&self) -> Outcome<f64> {
        #[expect(clippy::cast_precision_loss)]
        let nanoseconds = (spent()? - self.before) as f64;
        Ok(nanoseconds / 1e9 / self.seconds())
    }
}

/// Nanoseconds on a processor; everything that counts runs on the first thread.
fn spent() -> Outcome<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}
