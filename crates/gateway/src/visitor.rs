//! A visitor of a listener: its handshake waits for the page, and nothing else of it flows before the page has answered.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use pageport_link::{OpenError, SessionState, Stream, StreamError};
use pageport_proto::Code;
use pageport_proto::head::{self, Accepted, HttpVisit, Reply, Visit};
use pageport_proto::name::Name;
use tokio::time::timeout;

use crate::front::connection::{Connection, socket};
use crate::front::handshake::{Handshake, Wanted};
use crate::front::headers::for_page;
use crate::front::link::{handshake_refusal, switch_to_websocket, upgrade_required};
use crate::front::respond::{Body, Refusal, retry_soon};
use crate::relay;
use crate::sessions::Entry;
use crate::shared::Shared;

/// How a visitor came to a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// `{name}.{base}`: the listener's own origin.
    OwnOrigin,
    /// `/@{name}/`: an origin that all listeners share, so the page decides as little as possible about the answer.
    Path,
}

/// Answers a visitor.
///
/// # Errors
/// The refusal, by code.
pub(crate) async fn serve(
    connection: &Arc<Connection>,
    request: &mut Request<()>,
    name: Name,
    way: Way,
) -> Result<Response<Body>, Refusal> {
    let shared = &connection.shared;
    let entry = shared.listeners.find(&name).ok_or(Code::ERR_LISTENER_UNKNOWN)?.entry;
    if Wanted::of(request.headers()) != Wanted::WebSocket {
        return Err(upgrade_required("websocket"));
    }
    let handshake = Handshake::of(request.method(), request.version(), request.headers());
    let handshake = handshake.map_err(handshake_refusal)?;
    let head = head(connection, request, &name, way)?;
    present(shared, &entry).await?;
    let stream = entry.session.open(&head).map_err(open_refusal)?;
    let (mut held, accepted) = answer(shared, stream, way).await?;
    let protocol = chosen(&accepted, &handshake).map_err(|code| held.refuse(code))?;
    let response = switch_to_websocket(&handshake.accept, protocol.as_deref())?;
    let upgrade = hyper::upgrade::on(request);
    let task = Arc::clone(connection);
    shared.metrics.visitors.increment(1);
    shared.lifetime.spawn(async move {
        let Some((socket, read_ahead)) = upgrade.await.ok().and_then(socket) else { return };
        let Some(stream) = held.into_inner() else { return };
        relay::run(socket, read_ahead, stream, &task.shared.metrics).await;
    });
    Ok(response)
}

fn head(connection: &Connection, request: &Request<()>, name: &Name, way: Way) -> Result<Visit, Code> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let target = match way {
        Way::OwnOrigin => target,
        Way::Path => target.trim_start_matches("/@").trim_start_matches(|char| char != '/' && char != '?'),
    };
    let slash = if target.starts_with('/') { "" } else { "/" };
    Ok(Visit::WebSocket(HttpVisit {
        listener: name.to_string(),
        method: "GET".to_owned(),
        url: format!("{}{slash}{target}", connection.shared.address.listener(name)),
        headers: for_page(request.headers(), way == Way::Path)?,
        peer: connection.shared.peers.id(name, connection.peer.ip()),
    }))
}

/// Waits a moment for a page that is away.
async fn present(shared: &Shared, entry: &Entry) -> Result<(), Refusal> {
    if shared.lifetime.is_draining() {
        return Err(retry_soon(Code::ERR_GOING_AWAY));
    }
    if matches!(entry.session.state(), SessionState::Attached) {
        return Ok(());
    }
    let wait = shared.policy.load().limits.parked_wait;
    match timeout(wait, entry.session.attached()).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Code::ERR_LISTENER_UNKNOWN.into()),
        Err(_) => Err(retry_soon(Code::ERR_LISTENER_AWAY)),
    }
}

fn open_refusal(error: OpenError) -> Refusal {
    match error {
        OpenError::StreamLimit(_) => retry_soon(Code::ERR_LISTENER_BUSY),
        OpenError::Overloaded => retry_soon(Code::ERR_OVERLOADED),
        OpenError::GoingAway => retry_soon(Code::ERR_GOING_AWAY),
        OpenError::NotAttached => retry_soon(Code::ERR_LISTENER_AWAY),
        OpenError::Closed(_) => Code::ERR_LISTENER_UNKNOWN.into(),
        OpenError::Head(Code::ERR_HEAD_TOO_LARGE) => Code::ERR_HEADERS_TOO_LARGE.into(),
        OpenError::Head(_) => Code::ERR_INTERNAL.into(),
    }
}

/// Waits for the page's decision. When the visitor leaves meanwhile, hyper drops this, and the page hears of it.
async fn answer(shared: &Shared, stream: Stream, way: Way) -> Result<(Held, Accepted), Refusal> {
    let mut held = Held::new(stream);
    let wait = shared.policy.load().limits.accept_timeout;
    let reply = match timeout(wait, held.stream()?.reply()).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(StreamError::SessionClosed(_))) => return Err(retry_soon(Code::ERR_LISTENER_AWAY)),
        Ok(Err(_)) => return Err(held.refuse(Code::ERR_BAD_REPLY)),
        Err(_) => return Err(held.refuse(Code::ERR_ACCEPT_TIMEOUT)),
    };
    match Reply::<Accepted>::parse(&reply) {
        Ok(Reply::Ok(accepted)) if accepted.status == 101 => Ok((held, accepted)),
        Ok(Reply::Refused(refusal)) => {
            held.refuse(Code::ERR_REJECTED);
            Err(rejection(refusal, way))
        }
        Ok(Reply::Ok(_)) | Err(_) => Err(held.refuse(Code::ERR_BAD_REPLY)),
    }
}

/// A page's refusal as its visitor sees it. By path the text is the gateway's own: that origin belongs to no listener.
fn rejection(refusal: head::Refusal, way: Way) -> Refusal {
    let status = refusal.status.and_then(|status| StatusCode::from_u16(status).ok());
    let answer = Refusal::from(Code::ERR_REJECTED).status(status.unwrap_or(StatusCode::FORBIDDEN));
    let answer = refusal.retry_after.into_iter().fold(answer, Refusal::retry_after);
    if way == Way::OwnOrigin && !refusal.message.is_empty() {
        answer.message(refusal.message)
    } else {
        answer
    }
}

/// The subprotocol that the page chose, which the visitor must have offered.
fn chosen(accepted: &Accepted, handshake: &Handshake) -> Result<Option<String>, Code> {
    let named: Vec<_> =
        accepted.headers.iter().filter(|(name, _)| *name == "sec-websocket-protocol").collect();
    match named.as_slice() {
        [] => Ok(None),
        [(_, protocol)] if handshake.protocols.iter().any(|offered| offered == protocol) => {
            Ok(Some((*protocol).to_owned()))
        }
        _ => Err(Code::ERR_BAD_REPLY),
    }
}

/// A stream to a page whose visitor may vanish at any moment; then both directions end with a reason.
struct Held {
    stream: Option<Stream>,
    reason: Code,
}

impl Held {
    fn new(stream: Stream) -> Held {
        Held { stream: Some(stream), reason: Code::ERR_VISITOR_GONE }
    }

    fn stream(&mut self) -> Result<&mut Stream, Code> {
        self.stream.as_mut().ok_or(Code::ERR_INTERNAL)
    }

    /// Ends the stream with this reason, which is the visitor's answer too.
    fn refuse(&mut self, reason: Code) -> Refusal {
        self.reason = reason;
        reason.into()
    }

    fn into_inner(mut self) -> Option<Stream> {
        self.stream.take()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.reset(self.reason);
            stream.stop(self.reason);
        }
    }
}
