//! To a TCP server, in the clear or within TLS that the gateway does: a rule, an address, a connection; then bytes.

use std::sync::Arc;

use bytes::Bytes;
use pageport_link::SharedTcp;
use pageport_proto::Code;
use pageport_proto::head::{Ready, Refusal, Reply, Secured, TlsWish};
use pageport_proto::target::{Endpoint, Protocol, Target};

use super::attempt::attempt;
use super::carry::{carry, layered, plain};
use super::clear::Clear;
use super::tls;
use crate::egress::Wanted;
use crate::lifetime::Slot;
use crate::reach::{Reached, may_be_called, reach, refusal, unless_over};
use crate::requests::asked::Asked;
use crate::sessions::Entry;
use crate::shared::Shared;

/// Connects, answers, and relays to the end.
pub(super) async fn connect(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    to: Endpoint,
    starttls: bool,
    slot: Slot,
    asked: Asked,
) {
    let wanted = Wanted { target: Target { protocol: Protocol::Tcp, endpoint: to }, starttls };
    let reaching = reach(shared, entry.seeker(), &wanted, slot);
    let Some((reached, asked)) = attempt(shared, entry, &wanted, asked, reaching).await else { return };
    let Reached { tcp, begun, authority } = reached;
    // Before the reply leaves: what comes behind it may be the request for TLS.
    let listed = starttls.then(|| entry.startable.list(asked.id()));
    let Some(stream) = asked.accept(&Reply::Ok(Ready {})) else { return };
    match listed {
        Some(listed) => {
            Clear::new(tcp.into(), begun, authority, wanted, stream).carry(&shared.metrics, listed).await;
        }
        None => {
            let socket = plain(begun.flow(), tcp);
            carry(shared, begun, (socket, Bytes::new()), stream).await;
        }
    }
}

/// The same within TLS.
pub(super) async fn connect_tls(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    to: Endpoint,
    wish: &TlsWish,
    slot: Slot,
    asked: Asked,
) {
    let wanted = Wanted::from(Target { protocol: Protocol::Tls, endpoint: to });
    let reaching = async {
        let name = wish.servername.as_ref().unwrap_or(&wanted.target.endpoint.host);
        if !may_be_called(shared, &entry.party(), &wanted, name) {
            let message = "No rule of this gateway allows a certificate of this name.";
            return Err(Refusal::new(Code::ERR_TARGET_FORBIDDEN, message));
        }
        let reached = reach(shared, entry.seeker(), &wanted, slot).await?;
        let tcp = SharedTcp::from(reached.tcp);
        let config = tls::config(&reached.authority, Some(&wish.alpn))?;
        let shaking = tls::connect(tcp.clone(), name, config);
        let stream = unless_over(reached.begun.flow(), shaking).await?;
        let verified = tls::verified(&stream, name).ok_or_else(|| refusal(Code::ERR_TARGET_TLS))?;
        Ok((layered(reached.begun.flow(), stream, tcp), verified, reached.begun))
    };
    let Some((reached, asked)) = attempt(shared, entry, &wanted, asked, reaching).await else { return };
    let (socket, verified, begun) = reached;
    let Some(stream) = asked.accept(&Reply::Ok(Secured { tls: verified })) else { return };
    carry(shared, begun, (socket, Bytes::new()), stream).await;
}
