//! From a wish of a dialect's client to a connection, before its request is answered: so it hears why there is none.

use std::sync::Arc;

use pageport_proto::Code;
use pageport_proto::head;
use pageport_proto::target::{Endpoint, Protocol, Target};
use tokio::time::{sleep, timeout};

use super::{place, refused, seeker};
use crate::egress::{Flow, Seeker, Wanted};
use crate::front::admission::Caller;
use crate::front::respond::Refusal;
use crate::reach::{Reached, reach};
use crate::shared::Shared;

/// A connection to this endpoint, for whoever may have it.
///
/// # Errors
/// Why there is none, as an answer to the request.
pub(super) async fn connect(
    shared: &Arc<Shared>,
    caller: &Caller,
    dialect: &'static str,
    to: Endpoint,
) -> Result<Reached, Refusal> {
    connect_as(shared, seeker(caller, dialect), dialect, to).await
}

/// The same for somebody whom rules know in a way of their own.
///
/// # Errors
/// As [`connect`].
pub(super) async fn connect_as(
    shared: &Arc<Shared>,
    seeker: Seeker,
    dialect: &'static str,
    to: Endpoint,
) -> Result<Reached, Refusal> {
    let wanted = Wanted::from(Target { protocol: Protocol::Tcp, endpoint: to });
    match attempt(shared, seeker, &wanted).await {
        Ok(reached) => {
            shared.metrics.dialect_connected(dialect, None);
            Ok(reached)
        }
        Err(why) => {
            let refusal = refused(&why);
            shared.metrics.dialect_connected(dialect, Some(refusal.code));
            tracing::debug!(dialect, to = %wanted, code = %refusal.code, "not connected");
            Err(refusal)
        }
    }
}

/// Waits until a flow is over, by its rule or because the gateway stops, and says why.
pub(crate) async fn over(shared: &Shared, flow: &Flow) -> Code {
    tokio::select! {
        code = flow.over() => code,
        () = drained(shared) => Code::ERR_GOING_AWAY,
    }
}

async fn attempt(shared: &Arc<Shared>, seeker: Seeker, wanted: &Wanted) -> Result<Reached, head::Refusal> {
    let slot = place(shared).map_err(|code| head::Refusal::new(code, ""))?;
    let limit = shared.policy.load().limits.connect_timeout;
    let reaching = timeout(limit, reach(shared, seeker, wanted, slot));
    reaching.await.unwrap_or_else(|_| Err(head::Refusal::new(Code::ERR_TARGET_TIMEOUT, "")))
}

/// What is open may finish for as long as the operator says.
async fn drained(shared: &Shared) {
    shared.lifetime.draining().await;
    sleep(shared.policy.load().limits.drain).await;
}
