//! To a WebSocket server: a rule, an address, a connection, a handshake; then bytes.

use std::sync::Arc;

use bytes::Bytes;
use pageport_link::handshake::{Handshake, Opened};
use pageport_link::{LinkError, SharedTcp, Socket};
use pageport_proto::Code;
use pageport_proto::head::{Accepted, Headers, Protocols, Refusal, Reply};
use pageport_proto::target::SocketUrl;

use super::attempt::attempt;
use super::carry::{carry, layered, plain};
use super::tls;
use crate::egress::{Begun, Wanted};
use crate::lifetime::Slot;
use crate::reach::{Reached, reach, unless_over, unreachable};
use crate::requests::asked::Asked;
use crate::sessions::Entry;
use crate::shared::Shared;

/// A server that has completed the handshake.
struct Shaken {
    socket: Socket,
    opened: Opened,
    begun: Begun,
}

/// Connects, answers, and relays to the end.
pub(super) async fn connect(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    url: &SocketUrl,
    protocols: &Protocols,
    slot: Slot,
    asked: Asked,
) {
    let wanted = Wanted::from(url.target());
    let reaching = async {
        let reached = reach(shared, entry.seeker(), &wanted, slot).await?;
        let fields = protocols.field();
        let handshake = Handshake {
            authority: &url.authority(),
            target: url.path.as_str(),
            protocols: fields.as_deref(),
            origin: entry.caller.origin().map(|origin| origin.as_str()),
            user_agent: Some("pageport"),
        };
        let flow = Arc::clone(reached.begun.flow());
        unless_over(&flow, shake(reached, url, &wanted, &handshake)).await
    };
    let Some((shaken, asked)) = attempt(shared, entry, &wanted, asked, reaching).await else { return };
    let Shaken { socket, opened, mut begun } = shaken;
    let mut headers = Headers::default();
    let chosen = opened.protocol.map(|protocol| headers.push("sec-websocket-protocol", &protocol));
    if chosen.is_some_and(|pushed| pushed.is_err()) {
        begun.failed(Code::ERR_INTERNAL);
        return asked.end(Code::ERR_INTERNAL);
    }
    let Some(stream) = asked.accept(&Reply::Ok(Accepted { status: 101, headers })) else { return };
    let read_ahead: Bytes = opened.read_ahead;
    carry(shared, begun, (socket, read_ahead), stream).await;
}

async fn shake(
    reached: Reached,
    url: &SocketUrl,
    wanted: &Wanted,
    handshake: &Handshake<'_>,
) -> Result<Shaken, Refusal> {
    let Reached { mut tcp, begun, authority } = reached;
    if !url.secure {
        let opened = handshake.run(&mut tcp).await.map_err(|error| answered(wanted, error))?;
        return Ok(Shaken { socket: plain(begun.flow(), tcp), opened, begun });
    }
    let tcp = SharedTcp::from(tcp);
    let config = tls::config(&authority, None)?;
    let mut tls = tls::connect(tcp.clone(), &url.endpoint.host, config).await?;
    let opened = handshake.run(&mut tls).await.map_err(|error| answered(wanted, error))?;
    Ok(Shaken { socket: layered(begun.flow(), tls, tcp), opened, begun })
}

/// What a server's answer, or the lack of one, means to the caller.
fn answered(wanted: &Wanted, error: LinkError) -> Refusal {
    match error {
        LinkError::Refused { status, .. } => {
            let refusal = Refusal::new(Code::ERR_TARGET_REFUSED, &format!("The target answered {status}."));
            Refusal { status: Some(status).filter(|status| (400..=599).contains(status)), ..refusal }
        }
        LinkError::Answer(why) => Refusal::new(Code::ERR_TARGET_HANDSHAKE, &format!("Of the answer: {why}.")),
        LinkError::Io(error) => unreachable(wanted, &error),
        other => Refusal::new(Code::ERR_INTERNAL, &other.to_string()),
    }
}
