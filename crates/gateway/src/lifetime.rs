//! A gateway's life: open, draining, gone. Every task belongs to it, so that nothing survives its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Shared by everything that runs for a gateway.
#[derive(Debug, Default)]
pub(crate) struct Lifetime {
    draining: CancellationToken,
    gone: CancellationToken,
    tasks: TaskTracker,
}

impl Lifetime {
    /// Runs a task until it ends or the gateway is gone.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let gone = self.gone.clone();
        self.tasks.spawn(async move {
            gone.run_until_cancelled_owned(task).await;
        });
    }

    /// No new work from now on.
    pub(crate) fn drain(&self) {
        self.draining.cancel();
    }

    /// Whether new work is refused.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Resolves when new work is refused.
    pub(crate) async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Ends every task that still runs, and waits for the last one.
    pub(crate) async fn end(&self) {
        self.gone.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Counts what is open; a slot gives itself back.
#[derive(Debug, Default, Clone)]
pub(crate) struct Slots(Arc<Count>);

/// One of the things that are open.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    open: AtomicUsize,
    freed: Notify,
}

impl Slots {
    /// A slot, unless `limit` are taken.
    pub(crate) fn take(&self, limit: u64) -> Option<Slot> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let below = |open: usize| (open < limit).then_some(open + 1);
        self.0.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, below).ok()?;
        Some(Slot(Arc::clone(&self.0)))
    }

    /// How many are taken.
    pub(crate) fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Resolves when none is taken.
    pub(crate) async fn all_free(&self) {
        loop {
            let freed = self.0.freed.notified();
            if self.open() == 0 {
                return;
            }
            freed.await;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.freed.notify_waiters();
        }
    }
}
