//! Datagrams from a page on their way to the sockets of its streams: a short queue for each, of which the oldest makes room.
//!
//! Must never wait for a target: one that is slow costs its own flow.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::metrics::{Metrics, Undelivered};
use crate::sessions::Entry;
use crate::shared::Shared;

/// How many are handed over at once: whoever sends them on must have its turn before their queues are full.
const AT_ONCE: usize = QUEUE;
/// How many datagrams of a flow wait until its socket or its rule's rate takes them: a burst. With `limits.connects_per_session` it bounds what a page can pile up.
const QUEUE: usize = 16;

/// Flows of a session, by stream.
#[derive(Default)]
pub(crate) struct Datagrams(Mutex<Flows>);

#[derive(Default)]
struct Flows {
    by_stream: HashMap<u64, Arc<Queue>>,
    /// Somebody takes what comes.
    are_taken: bool,
}

/// A flow is among those of its session while this lives.
pub(super) struct Listed<'a> {
    among: &'a Datagrams,
    stream: u64,
    pub(super) queue: Arc<Queue>,
}

/// What waits for one socket.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    datagrams: VecDeque<Bytes>,
    is_closed: bool,
}

impl Datagrams {
    /// From now on what comes with the flow of this stream is its own.
    pub(super) fn list<'a>(&'a self, shared: &Arc<Shared>, entry: &Arc<Entry>, stream: u64) -> Listed<'a> {
        let queue = Arc::<Queue>::default();
        let mut flows = self.lock();
        flows.by_stream.insert(stream, Arc::clone(&queue));
        if !std::mem::replace(&mut flows.are_taken, true) {
            shared.lifetime.spawn(take(Arc::clone(shared), Arc::clone(entry)));
        }
        Listed { among: self, stream, queue }
    }

    /// Hands over what has come so far.
    pub(super) async fn hand_over(&self, shared: &Shared, entry: &Entry) {
        loop {
            tokio::select! {
                biased;
                Some((flow, bytes)) = entry.session.datagram() => self.hand(&shared.metrics, flow, bytes),
                () = std::future::ready(()) => return,
            }
        }
    }

    fn hand(&self, metrics: &Metrics, flow: u64, bytes: Bytes) {
        let queue = self.lock().by_stream.get(&flow).cloned();
        match queue {
            Some(queue) => queue.push(metrics, bytes),
            None => metrics.undelivered(Undelivered::Unknown, 1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Flows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.among.lock().by_stream.remove(&self.stream);
    }
}

impl Queue {
    /// The oldest; `None` once none will come any more.
    pub(super) async fn next(&self) -> Option<Bytes> {
        loop {
            let changed = self.changed.notified();
            {
                let mut waiting = self.lock();
                match waiting.datagrams.pop_front() {
                    Some(bytes) => return Some(bytes),
                    None if waiting.is_closed => return None,
                    None => {}
                }
            }
            changed.await;
        }
    }

    /// No more come.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    fn push(&self, metrics: &Metrics, bytes: Bytes) {
        let mut waiting = self.lock();
        if waiting.datagrams.len() == QUEUE {
            waiting.datagrams.pop_front();
            metrics.undelivered(Undelivered::Queue, 1);
        }
        waiting.datagrams.push_back(bytes);
        drop(waiting);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what comes until the session ends.
async fn take(shared: Arc<Shared>, entry: Arc<Entry>) {
    loop {
        for _ in 0..AT_ONCE {
            let Some((flow, bytes)) = entry.session.datagram().await else { return };
            entry.datagrams.hand(&shared.metrics, flow, bytes);
        }
        tokio::task::yield_now().await;
    }
}
