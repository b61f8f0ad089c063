//! A gateway's life: open, draining, gone. Every task belongs to it, so that nothing survives its end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Shared by everything that runs for a gateway.
#[derive(Debug, Default)]
pub(crate) struct Lifetime {
    draining: CancellationToken,
    tasks: Mutex<Tasks>,
}

/// Aborted as a whole at the end. A token that every task watches would be locked by every poll of every task.
#[derive(Debug, Default)]
struct Tasks {
    running: JoinSet<()>,
    ended: bool,
}

impl Lifetime {
    /// Runs a task until it ends or the gateway is gone.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.lock();
        if tasks.ended {
            return;
        }
        tasks.running.spawn(task);
        // What has finished meanwhile is let go here, so that only running tasks cost anything.
        while let Some(result) = tasks.running.try_join_next() {
            report(result);
        }
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
        let mut running = {
            let mut tasks = self.lock();
            tasks.ended = true;
            std::mem::take(&mut tasks.running)
        };
        running.abort_all();
        while let Some(result) = running.join_next().await {
            report(result);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A panic is a bug, costs only its own task, and must not go unseen.
fn report(result: Result<(), JoinError>) {
    if let Err(error) = result
        && error.is_panic()
    {
        tracing::error!(%error, "a task panicked");
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
