//! Datagrams that wait for their time of arrival. They are bounded in number: what finds no room is lost, as in a router.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// How many datagrams may wait to be looked at, and how many may travel.
pub(super) const IN_FLIGHT: usize = 4_096;

/// A datagram, and when it arrives.
pub(super) type Due = (Instant, Bytes);

/// What is on its way to one end.
#[derive(Debug)]
pub(super) struct Delivery {
    entering: mpsc::Receiver<Due>,
    /// By time, and among equals in order.
    travelling: BTreeMap<(Instant, u64), Bytes>,
    entered: u64,
}

impl Delivery {
    pub(super) fn new() -> (mpsc::Sender<Due>, Delivery) {
        let (sender, entering) = mpsc::channel(IN_FLIGHT);
        (sender, Delivery { entering, travelling: BTreeMap::new(), entered: 0 })
    }

    /// The next one, at its time; so one with less delay overtakes. `None` when nobody can send any more and all have arrived.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            let next = self.travelling.keys().next().copied();
            let at = next.map_or_else(Instant::now, |(at, _)| at);
            let is_open = !self.entering.is_closed() || !self.entering.is_empty();
            if next.is_none() && !is_open {
                return None;
            }
            tokio::select! {
                biased;
                () = sleep_until(at), if next.is_some() => return next.and_then(|key| self.travelling.remove(&key)),
                entered = self.entering.recv(), if is_open && self.travelling.len() < IN_FLIGHT => {
                    if let Some((at, bytes)) = entered {
                        self.entered += 1;
                        self.travelling.insert((at, self.entered), bytes);
                    }
                }
            }
        }
    }
}
