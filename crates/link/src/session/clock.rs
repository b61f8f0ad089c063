//! The session's one timer: a task that sleeps until the state machine wants to be called.

use std::sync::Arc;

use super::shared::Shared;

/// Runs until the session has ended.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let armed = shared.with(None, |state, _| {
            state.unchanged = true;
            state.arm()
        });
        match armed {
            None => return,
            Some(None) => shared.clock.notified().await,
            Some(Some(at)) => tokio::select! {
                () = tokio::time::sleep_until(at.into()) => shared.with(None, |state, now| state.proto.tick(now)),
                () = shared.clock.notified() => {}
            },
        }
    }
}
