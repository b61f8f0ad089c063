//! To a WebSocket server: a rule, an address, a connection, a handshake; then bytes.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use pageport_link::handshake::{Handshake, Opened};
use pageport_link::relay::{self, Moved};
use pageport_link::{LinkError, SharedTcp, Socket};
use pageport_proto::Code;
use pageport_proto::head::{Accepted, Headers, Protocols, Refusal, Reply};
use pageport_proto::target::SocketUrl;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{refusal, tls};
use crate::egress::{self, Authority};
use crate::front::accept::KEEPALIVE;
use crate::relay::Open;
use crate::requests::asked::Asked;
use crate::sessions::Entry;
use crate::shared::Shared;

/// A server that has completed the handshake.
struct Reached {
    socket: Socket,
    opened: Opened,
}

/// Connects, answers, and relays to the end.
pub(super) async fn connect(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    url: &SocketUrl,
    protocols: &Protocols,
    mut asked: Asked,
) {
    let kind = if url.secure { "wss" } else { "ws" };
    let reached = tokio::select! {
        reached = reach(shared, entry, url, protocols) => reached,
        // Dropping what was begun closes it.
        _ = asked.given_up() => Err(Refusal::new(Code::ERR_ABORTED, "")),
    };
    let Reached { socket, opened } = match reached {
        Ok(reached) => reached,
        Err(refusal) => {
            let code = Code::from_name(&refusal.error).unwrap_or(Code::ERR_INTERNAL);
            shared.metrics.connected(kind, Some(code));
            if costs_nothing(code) {
                tracing::debug!(session = %entry.id, to = %url.endpoint, kind, %code, "not connected");
            } else {
                tracing::info!(session = %entry.id, to = %url.endpoint, kind, %code, "not connected");
            }
            return asked.refuse(shared, refusal);
        }
    };
    let mut headers = Headers::default();
    let chosen = opened.protocol.map(|protocol| headers.push("sec-websocket-protocol", &protocol));
    if chosen.is_some_and(|pushed| pushed.is_err()) {
        return asked.end(Code::ERR_INTERNAL);
    }
    let Some(stream) = asked.accept(&Reply::Ok(Accepted { status: 101, headers })) else { return };
    shared.metrics.connected(kind, None);
    tracing::info!(session = %entry.id, to = %url.endpoint, kind, "connected");
    let _open = Open::new(&shared.metrics.connects_open);
    let count = |moved| match moved {
        Moved::In(bytes) => shared.metrics.connect_in.increment(bytes),
        Moved::Out(bytes) => shared.metrics.connect_out.increment(bytes),
    };
    let read_ahead: Bytes = opened.read_ahead;
    let ended = relay::run_split(socket, read_ahead, stream, Code::ERR_TARGET_UNREACHABLE, count).await;
    tracing::info!(session = %entry.id, to = %url.endpoint, kind, in_order = ended.is_ok(), "disconnected");
}

/// Whether an application can have this as often as it likes, and so would fill the log.
fn costs_nothing(code: Code) -> bool {
    matches!(code, Code::ERR_TARGET_FORBIDDEN | Code::ERR_OVERLOADED | Code::ERR_ABORTED)
}

/// All of it within one limit of time.
async fn reach(
    shared: &Shared,
    entry: &Entry,
    url: &SocketUrl,
    protocols: &Protocols,
) -> Result<Reached, Refusal> {
    let policy = shared.policy.load_full();
    let Some(rule) = policy.egress.allow(url, &entry.caller) else {
        return Err(Refusal::new(Code::ERR_TARGET_FORBIDDEN, "No rule of this gateway allows this target."));
    };
    let reaching = async {
        let list = shared.finder.addresses(&url.endpoint, &policy.dns, &policy.limits);
        let list = list.await.map_err(refusal)?;
        // No name any more: what is connected to is what was checked.
        let tcp = egress::connect(&list).await.map_err(|error| unreachable(&error))?;
        // An option that cannot be set is no reason to do without the connection.
        let _ = tcp.set_nodelay(true);
        let _ = SockRef::from(&tcp).set_tcp_keepalive(&KEEPALIVE);
        let fields = protocols.field();
        let handshake = Handshake {
            authority: &url.authority(),
            target: url.path.as_str(),
            protocols: fields.as_deref(),
            origin: entry.caller.origin().map(|origin| origin.as_str()),
            user_agent: Some("pageport"),
        };
        shake(tcp, url, &rule.authority, &handshake).await
    };
    let limit = policy.limits.connect_timeout;
    timeout(limit, reaching).await.unwrap_or_else(|_| Err(Refusal::new(Code::ERR_TARGET_TIMEOUT, "")))
}

async fn shake(
    mut tcp: TcpStream,
    url: &SocketUrl,
    authority: &Authority,
    handshake: &Handshake<'_>,
) -> Result<Reached, Refusal> {
    if !url.secure {
        let opened = handshake.run(&mut tcp).await.map_err(answered)?;
        return Ok(Reached { socket: tcp.into(), opened });
    }
    let tcp = SharedTcp::from(tcp);
    let mut tls = tls::connect(&tcp, &url.endpoint, authority).await?;
    let opened = handshake.run(&mut tls).await.map_err(answered)?;
    Ok(Reached { socket: Socket::over(tls, tcp), opened })
}

/// What a server's answer, or the lack of one, means to the caller.
fn answered(error: LinkError) -> Refusal {
    match error {
        LinkError::Refused { status, .. } => {
            let refusal = Refusal::new(Code::ERR_TARGET_REFUSED, &format!("The target answered {status}."));
            Refusal { status: Some(status).filter(|status| (400..=599).contains(status)), ..refusal }
        }
        LinkError::Answer(why) => Refusal::new(Code::ERR_TARGET_HANDSHAKE, &format!("Of the answer: {why}.")),
        LinkError::Io(error) => unreachable(&error),
        other => Refusal::new(Code::ERR_INTERNAL, &other.to_string()),
    }
}

/// Only the kind of it: the rest may tell of the network behind the gateway.
fn unreachable(error: &io::Error) -> Refusal {
    Refusal::new(Code::ERR_TARGET_UNREACHABLE, &error.kind().to_string())
}
