//! How long a last message may still take to leave once the session is done with its carrier.
//!
//! A path that has become slow is slow for the last words as well, so whatever leaves gives them more time. A peer that takes a byte now and then must
//! not keep a carrier for ever, so there is an end to that.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// How long one message may take in all.
const WHOLE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Patience {
    /// How long nothing at all may leave.
    still: Duration,
    written: u64,
    ends: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Patience {
    pub(super) fn new(still: Duration, written: u64) -> Patience {
        Patience { still, written, ends: Instant::now() + WHOLE, sleep: Box::pin(sleep(still)) }
    }

    /// Ready when it is over; `written` is how many bytes have left so far.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, written: u64) -> Poll<()> {
        if std::mem::replace(&mut self.written, written) != written {
            self.sleep.as_mut().reset(self.ends.min(Instant::now() + self.still));
        }
        self.sleep.as_mut().poll(cx)
    }
}
