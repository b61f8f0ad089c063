//! From a wish to a connection: a rule, an address, a place among those of the rule, a connection. What is refused is refused for a reason of its own.
//!
//! Must never tell a caller more of the network behind the gateway than a code and the kind of an error.

use std::io;
use std::sync::Arc;

use pageport_proto::Code;
use pageport_proto::head::Refusal;
use pageport_proto::target::{Host, Protocol};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::refusal;
use crate::egress::{self, Authority, Begun, Flow, Granted, Route, Wanted, Why};
use crate::front::accept::KEEPALIVE;
use crate::lifetime::Slot;
use crate::requests::asked::Asked;
use crate::sessions::Entry;
use crate::shared::Shared;

/// A connection to a target, and the rule that allows it.
pub(super) struct Reached {
    pub(super) tcp: TcpStream,
    pub(super) begun: Begun,
    pub(super) authority: Authority,
}

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

/// What is still to be done before bytes can flow ends with the flow.
pub(super) async fn unless_over<T>(
    flow: &Flow,
    doing: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    tokio::select! {
        done = doing => done,
        code = flow.over() => Err(refusal(code)),
    }
}

/// Whether an application can have this as often as it likes, and so would fill the log.
fn costs_nothing(code: Code) -> bool {
    matches!(
        code,
        Code::ERR_TARGET_FORBIDDEN | Code::ERR_TARGET_LIMIT | Code::ERR_OVERLOADED | Code::ERR_ABORTED
    )
}

/// A connection to where a rule allows it. `slot` is its place among those of its session.
pub(super) async fn reach(
    shared: &Arc<Shared>,
    entry: &Entry,
    wanted: &Wanted,
    slot: Slot,
) -> Result<Reached, Refusal> {
    let policy = shared.policy.load_full();
    let party = entry.party();
    let decided = shared.finder.decide(&policy.egress, wanted, &party, (&policy.dns, &policy.limits)).await;
    let Granted { rule, addresses } = decided.map_err(|why| refused(entry, wanted, &why))?;
    let rule = &policy.egress.allow[rule];
    let place = shared.quotas.take(rule).ok_or_else(|| refusal(Code::ERR_TARGET_LIMIT))?;
    // No name any more: what is connected to is what was judged.
    let tcp = egress::connect(&addresses).await.map_err(|error| unreachable(wanted, &error))?;
    let address = tcp.peer_addr().map_err(|error| unreachable(wanted, &error))?;
    if !addresses.contains(&address) {
        tracing::error!(to = %wanted, %address, "connected to an address that was not judged");
        return Err(refusal(Code::ERR_TARGET_FORBIDDEN));
    }
    // An option that cannot be set is no reason to do without the connection.
    let _ = tcp.set_nodelay(true);
    let _ = SockRef::from(&tcp).set_tcp_keepalive(&KEEPALIVE);
    let route = Route {
        session: entry.id.clone(),
        label: entry.caller.label().into(),
        party,
        wanted: wanted.clone(),
        address,
    };
    let begun = Begun::new(shared, route, rule.bounds, [slot, place]);
    Ok(Reached { tcp, begun, authority: rule.authority.clone() })
}

/// Whether a certificate of another name than the target's may be asked for.
pub(super) fn may_be_called(shared: &Shared, entry: &Entry, wanted: &Wanted, name: &Host) -> bool {
    shared.finder.permits_name(&shared.policy.load().egress, name, wanted, &entry.party())
}

fn refused(entry: &Entry, wanted: &Wanted, why: &Why) -> Refusal {
    tracing::debug!(session = %entry.id, to = %wanted, ?why, "refused");
    match why {
        Why::NoRule => Refusal::new(why.code(), "No rule of this gateway allows this target."),
        _ => refusal(why.code()),
    }
}

/// Only the kind of it: the rest may tell of the network behind the gateway.
pub(super) fn unreachable(wanted: &Wanted, error: &io::Error) -> Refusal {
    // Of a WebSocket nothing more is known than that there is none (§7.5).
    let tells = !matches!(wanted.protocol(), Protocol::Ws | Protocol::Wss);
    let code = match error.kind() {
        io::ErrorKind::ConnectionRefused if tells => Code::ERR_TARGET_CONNECTION_REFUSED,
        io::ErrorKind::TimedOut if tells => Code::ERR_TARGET_TIMEOUT,
        _ => Code::ERR_TARGET_UNREACHABLE,
    };
    Refusal::new(code, &error.kind().to_string())
}
