//! The waiting for a connection, by somebody who may give up; and what is said when there is none.

use std::sync::Arc;

use pageport_proto::Code;
use pageport_proto::head::Refusal;
use tokio::time::timeout;

use crate::egress::Wanted;
use crate::requests::asked::Asked;
use crate::sessions::Entry;
use crate::shared::Shared;

/// Waits for a connection for as long as somebody wants it and `limits.connect_timeout` lasts. Without one it refuses.
pub(super) async fn attempt<T>(
    shared: &Arc<Shared>,
    entry: &Entry,
    wanted: &Wanted,
    mut asked: Asked,
    reaching: impl Future<Output = Result<T, Refusal>>,
) -> Option<(T, Asked)> {
    let kind = wanted.protocol().name();
    match within(shared, &mut asked, reaching).await {
        Ok(reached) => {
            shared.metrics.connected(kind, None);
            Some((reached, asked))
        }
        Err(refusal) => {
            report(shared, entry, wanted, kind, asked, refusal);
            None
        }
    }
}

/// The first half of it: the waiting.
pub(super) async fn within<T>(
    shared: &Shared,
    asked: &mut Asked,
    reaching: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    let limit = shared.policy.load().limits.connect_timeout;
    tokio::select! {
        reached = timeout(limit, reaching) => {
            reached.unwrap_or_else(|_| Err(Refusal::new(Code::ERR_TARGET_TIMEOUT, "")))
        }
        // Dropping what was begun closes it.
        _ = asked.given_up() => Err(Refusal::new(Code::ERR_ABORTED, "")),
    }
}

/// The second: says that there is none, and why.
pub(super) fn report(
    shared: &Shared,
    entry: &Entry,
    wanted: &Wanted,
    kind: &'static str,
    asked: Asked,
    refusal: Refusal,
) {
    let code = Code::from_name(&refusal.error).unwrap_or(Code::ERR_INTERNAL);
    shared.metrics.connected(kind, Some(code));
    if costs_nothing(code) {
        tracing::debug!(session = %entry.id, to = %wanted, kind, %code, "not connected");
    } else {
        tracing::info!(session = %entry.id, to = %wanted, kind, %code, "not connected");
    }
    asked.refuse(shared, refusal);
}

/// Whether an application can have this as often as it likes, and so would fill the log.
fn costs_nothing(code: Code) -> bool {
    matches!(
        code,
        Code::ERR_TARGET_FORBIDDEN | Code::ERR_TARGET_LIMIT | Code::ERR_OVERLOADED | Code::ERR_ABORTED
    )
}
