//! How much memory all sessions of a process hold for their peers' sake, against one limit.
//!
//! It only counts. A session that finds it used up, and itself above its fair share, ends itself; who else has to go is for the owner
//! of the sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// What a session costs besides what it holds for its peer: its state, its tasks, the buffers of an idle carrier.
const SESSION_BYTES: u64 = 8_192;

/// Shared by all sessions of a process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    limit: u64,
    used: AtomicU64,
    sessions: AtomicU64,
    /// Shedding has begun.
    pressed: Notify,
}

/// How far the budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Below 70 %.
    Calm,
    /// From 70 %: windows stop growing.
    Tight,
    /// From 85 %: the owner ends parked sessions.
    Shedding,
    /// From 95 %: no new streams.
    Full,
}

impl Budget {
    /// A budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Budget {
        Budget(Arc::new(Account {
            limit,
            used: AtomicU64::new(0),
            sessions: AtomicU64::new(0),
            pressed: Notify::new(),
        }))
    }

    /// One that is never used up, for programs with one session.
    #[must_use]
    pub fn unlimited() -> Budget {
        Budget::new(u64::MAX)
    }

    /// The limit in bytes.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// How many bytes all sessions hold now.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// How far it is used up.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level_at(self.used())
    }

    /// Waits until the level is [`Level::Shedding`] or above.
    pub async fn pressed(&self) {
        loop {
            let mut notified = std::pin::pin!(self.0.pressed.notified());
            notified.as_mut().enable();
            if self.level() >= Level::Shedding {
                return;
            }
            notified.await;
        }
    }

    /// What each session may hold when nothing is left: if all keep to it, the limit holds.
    #[must_use]
    pub fn share(&self) -> u64 {
        self.0.limit / self.0.sessions.load(Ordering::Relaxed).max(1)
    }

    pub(crate) fn enter(&self) {
        self.0.sessions.fetch_add(1, Ordering::Relaxed);
        self.charge(SESSION_BYTES);
    }

    /// A session that held `held` bytes is gone.
    pub(crate) fn leave(&self, held: u64) {
        self.0.sessions.fetch_sub(1, Ordering::Relaxed);
        self.0.used.fetch_sub(SESSION_BYTES + held, Ordering::Relaxed);
    }

    /// Whether a session that holds so much has to go.
    pub(crate) fn overdrawn(&self, held: u64) -> bool {
        held > self.share() && self.level() == Level::Full
    }

    /// A session that held `before` bytes holds `now`.
    pub(crate) fn publish(&self, before: u64, now: u64) {
        if now >= before {
            self.charge(now - before);
        } else {
            self.0.used.fetch_sub(before - now, Ordering::Relaxed);
        }
    }

    fn charge(&self, bytes: u64) {
        let before = self.0.used.fetch_add(bytes, Ordering::Relaxed);
        if self.level_at(before) < Level::Shedding && self.level_at(before + bytes) >= Level::Shedding {
            self.0.pressed.notify_waiters();
        }
    }

    fn level_at(&self, used: u64) -> Level {
        let used = u128::from(used) * 100;
        let limit = u128::from(self.0.limit);
        match used {
            used if used >= limit * 95 => Level::Full,
            used if used >= limit * 85 => Level::Shedding,
            used if used >= limit * 70 => Level::Tight,
            _ => Level::Calm,
        }
    }
}

/// What one carrier holds outside of its session's state. It is counted in the budget, and whoever decides whether the session has to
/// go counts it as the session's.
#[derive(Debug, Clone)]
pub(crate) struct Meter(Arc<Metered>);

#[derive(Debug)]
struct Metered {
    budget: Budget,
    bytes: AtomicU64,
}

impl Meter {
    pub(crate) fn new(budget: Budget) -> Meter {
        Meter(Arc::new(Metered { budget, bytes: AtomicU64::new(0) }))
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// From now on it is so many bytes. Callers take turns.
    pub(crate) fn set(&self, bytes: u64) {
        // Most calls change nothing, and all carriers share the budget.
        if self.bytes() == bytes {
            return;
        }
        let before = self.0.bytes.swap(bytes, Ordering::Relaxed);
        self.0.budget.publish(before, bytes);
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.budget.publish(*self.bytes.get_mut(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_begin_where_they_are_documented() {
        let budget = Budget::new(1_000);
        let mut held = 0;
        for (used, level) in [
            (0, Level::Calm),
            (699, Level::Calm),
            (700, Level::Tight),
            (849, Level::Tight),
            (850, Level::Shedding),
            (949, Level::Shedding),
            (950, Level::Full),
            (2_000, Level::Full),
            (10, Level::Calm),
        ] {
            budget.publish(held, used);
            held = used;
            assert_eq!((budget.used(), budget.level()), (used, level));
        }
    }

    #[tokio::test]
    async fn whoever_waits_for_pressure_is_woken_when_it_begins_and_not_before() {
        let budget = Budget::new(1_000);
        let mut pressed = poll(budget.pressed());
        budget.publish(0, 849);
        assert!(!pressed());
        budget.publish(849, 850);
        assert!(pressed());
        budget.pressed().await;
    }

    /// Polls a future once per call; whether it has ended.
    fn poll(future: impl Future<Output = ()>) -> impl FnMut() -> bool {
        let mut future = Box::pin(future);
        move || {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            future.as_mut().poll(&mut cx).is_ready()
        }
    }
}
