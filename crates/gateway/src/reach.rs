//! From a wish to a connection: a rule, an address, a place among those of the rule, a connection. What is refused is refused for a reason of its own. Whoever
//! asks is a page's session, or a client that speaks one of the dialects.
//!
//! Must never tell a caller more of the network behind the gateway than a code and the kind of an error.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use pageport_link::relay::keep_urgent;
use pageport_proto::Code;
use pageport_proto::head::Refusal;
use pageport_proto::target::{Host, Protocol};
use socket2::SockRef;
use tokio::net::{TcpStream, UdpSocket};

use crate::egress::{self, Authority, Begun, Bounds, Flow, Granted, Party, Route, Seeker, Wanted, Why};
use crate::front::accept::KEEPALIVE;
use crate::lifetime::Slot;
use crate::presence::will_pass;
use crate::shared::Shared;

/// When to come again, in seconds, where that may help.
const RETRY_AFTER: u64 = 1;

/// A connection to a target, and the rule that allows it.
pub(crate) struct Reached {
    pub(crate) tcp: TcpStream,
    pub(crate) begun: Begun,
    pub(crate) authority: Authority,
}

/// A way for datagrams to a target, and the rule that allows it.
pub(crate) struct ReachedUdp {
    /// Connected to the address that was judged. What was in it before may be from elsewhere: whoever reads looks whose it is.
    pub(crate) socket: UdpSocket,
    pub(crate) begun: Begun,
}

/// What a rule allows: where, and how much.
struct Allowed {
    addresses: Vec<SocketAddr>,
    bounds: Bounds,
    authority: Authority,
    /// Its place among those of the rule.
    place: Slot,
}

/// A connection to where a rule allows it. `slot` is its place among those of whoever asks.
///
/// # Errors
/// Why there is none.
pub(crate) async fn reach(
    shared: &Arc<Shared>,
    seeker: Seeker,
    wanted: &Wanted,
    slot: Slot,
) -> Result<Reached, Refusal> {
    let Allowed { addresses, bounds, authority, place } = allow(shared, &seeker, wanted).await?;
    // No name any more: what is connected to is what was judged.
    let tcp = egress::connect(&addresses).await.map_err(|error| unreachable(wanted, &error))?;
    let address = judged(&addresses, tcp.peer_addr(), wanted)?;
    // An option that cannot be set is no reason to do without the connection.
    let _ = tcp.set_nodelay(true);
    let _ = SockRef::from(&tcp).set_tcp_keepalive(&KEEPALIVE);
    keep_urgent(&tcp);
    let route = Route { seeker, wanted: wanted.clone(), address };
    let begun = Begun::new(shared, route, bounds, [slot, place]);
    Ok(Reached { tcp, begun, authority })
}

/// The same for datagrams. Nothing has been sent: that nobody listens there shows, if at all, as an error of the socket behind the first datagram (`code_of`
/// makes a code of it). A rule that says nothing of idle flows has `limits.udp_idle`: nobody else says that one is over.
///
/// # Errors
/// Why there is none.
pub(crate) async fn reach_udp(
    shared: &Arc<Shared>,
    seeker: Seeker,
    wanted: &Wanted,
    slot: Slot,
) -> Result<ReachedUdp, Refusal> {
    let Allowed { addresses, mut bounds, place, .. } = allow(shared, &seeker, wanted).await?;
    let socket = egress::connect_udp(&addresses).await.map_err(|error| unreachable(wanted, &error))?;
    let address = judged(&addresses, socket.peer_addr(), wanted)?;
    bounds.idle = bounds.idle.or(Some(shared.policy.load().limits.udp_idle));
    let route = Route { seeker, wanted: wanted.clone(), address };
    let begun = Begun::new(shared, route, bounds, [slot, place]);
    Ok(ReachedUdp { socket, begun })
}

/// What is still to be done before bytes can flow ends with the flow.
///
/// # Errors
/// Those of what is done, or why the flow is over.
pub(crate) async fn unless_over<T>(
    flow: &Flow,
    doing: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    tokio::select! {
        done = doing => done,
        code = flow.over() => Err(refusal(code)),
    }
}

/// Whether a certificate of another name than the target's may be asked for.
pub(crate) fn may_be_called(shared: &Shared, party: &Party, wanted: &Wanted, name: &Host) -> bool {
    shared.finder.permits_name(&shared.policy.load().egress, name, wanted, party)
}

/// Only the kind of it: the rest may tell of the network behind the gateway.
pub(crate) fn unreachable(wanted: &Wanted, error: &io::Error) -> Refusal {
    Refusal::new(code_of(wanted, error), &error.kind().to_string())
}

/// What an error of a socket to a target is called.
pub(crate) fn code_of(wanted: &Wanted, error: &io::Error) -> Code {
    // Of a WebSocket nothing more is known than that there is none (§7.5).
    let tells = !matches!(wanted.protocol(), Protocol::Ws | Protocol::Wss);
    match error.kind() {
        io::ErrorKind::ConnectionRefused if tells => Code::ERR_TARGET_CONNECTION_REFUSED,
        io::ErrorKind::TimedOut if tells => Code::ERR_TARGET_TIMEOUT,
        _ => Code::ERR_TARGET_UNREACHABLE,
    }
}

/// A refusal that says no more than its code, and when to come again.
pub(crate) fn refusal(code: Code) -> Refusal {
    Refusal { retry_after: will_pass(code).then_some(RETRY_AFTER), ..Refusal::new(code, "") }
}

async fn allow(shared: &Shared, seeker: &Seeker, wanted: &Wanted) -> Result<Allowed, Refusal> {
    let policy = shared.policy.load_full();
    let servers = (&*policy.dns, &policy.limits);
    let decided = shared.finder.decide(&policy.egress, wanted, &seeker.party, servers).await;
    let Granted { rule, addresses } = decided.map_err(|why| refused(seeker, wanted, &why))?;
    let rule = &policy.egress.allow[rule];
    let place = shared.quotas.take(rule).ok_or_else(|| refusal(Code::ERR_TARGET_LIMIT))?;
    Ok(Allowed { addresses, bounds: rule.bounds, authority: rule.authority.clone(), place })
}

/// The address that a socket is connected to, which must be one of those that were judged.
fn judged(
    addresses: &[SocketAddr],
    peer: io::Result<SocketAddr>,
    wanted: &Wanted,
) -> Result<SocketAddr, Refusal> {
    let address = peer.map_err(|error| unreachable(wanted, &error))?;
    if addresses.contains(&address) {
        return Ok(address);
    }
    tracing::error!(to = %wanted, %address, "connected to an address that was not judged");
    Err(refusal(Code::ERR_TARGET_FORBIDDEN))
}

fn refused(seeker: &Seeker, wanted: &Wanted, why: &Why) -> Refusal {
    tracing::debug!(by = %seeker.via, to = %wanted, ?why, "refused");
    match why {
        Why::NoRule => Refusal::new(why.code(), "No rule of this gateway allows this target."),
        _ => refusal(why.code()),
    }
}
