//! A visitor's WebSocket handshake: it waits for the page, and nothing else of the visitor flows before the page has answered.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use pageport_link::Stream;
use pageport_proto::Code;
use pageport_proto::head::{Accepted, Reply, Visit};
use tokio::time::timeout;

use super::exchange::{Exchange, no_reply};
use super::{Way, http as plain, open_refusal, present, rejection, visit};
use crate::front::body::Body;
use crate::front::connection::{Connection, socket};
use crate::front::handshake::Handshake;
use crate::front::link::{handshake_refusal, switch_to_websocket};
use crate::front::respond::Refusal;
use crate::held::Held;
use crate::listeners::Found;
use crate::relay;
use crate::shared::Shared;

/// Answers a handshake.
///
/// # Errors
/// The refusal, by code.
pub(super) async fn serve(
    connection: &Arc<Connection>,
    request: &mut Request<()>,
    name: &str,
    url: &str,
    found: &Found,
    way: Way,
) -> Result<Response<Body>, Refusal> {
    let shared = &connection.shared;
    let handshake = Handshake::of(request.method(), request.version(), request.headers());
    let handshake = handshake.map_err(handshake_refusal)?;
    let head = Visit::WebSocket(visit(connection, request, None, name, url, way)?);
    present(shared, &found.entry).await?;
    let stream = found.entry.session.open(&head).map_err(open_refusal)?;
    let (mut held, accepted) = answer(shared, stream, way).await?;
    if accepted.status != 101 {
        // Over HTTP/2 any success would complete the handshake (RFC 8441 §4).
        let would_accept = handshake.accept.is_none() && (200..300).contains(&accepted.status);
        if found.websocket || would_accept {
            return Err(held.end(Code::ERR_BAD_REPLY).into());
        }
        return ordinary(shared, held, &accepted, request, way);
    }
    let protocol = chosen(&accepted, &handshake).map_err(|code| held.end(code))?;
    let response = switch_to_websocket(&handshake.accept, protocol.as_deref())?;
    let upgrade = hyper::upgrade::on(request);
    let task = Arc::clone(connection);
    shared.metrics.visitors.increment(1);
    shared.lifetime.spawn(async move {
        let Some((socket, read_ahead)) = upgrade.await.ok().and_then(socket) else { return };
        let Some(stream) = held.take() else { return };
        relay::run(socket, read_ahead, stream, &task.shared.metrics).await;
    });
    Ok(response)
}

/// Waits for the page's decision. When the visitor leaves meanwhile, hyper drops this, and the page hears of it.
async fn answer(shared: &Shared, stream: Stream, way: Way) -> Result<(Held, Accepted), Refusal> {
    let mut held = Held::new(stream);
    let wait = shared.policy.load().limits.accept_timeout;
    let reply = match timeout(wait, held.stream()?.reply()).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => {
            let refusal = no_reply(error);
            held.end(refusal.code);
            return Err(refusal);
        }
        Err(_) => return Err(held.end(Code::ERR_ACCEPT_TIMEOUT).into()),
    };
    match Reply::<Accepted>::parse(&reply) {
        Ok(Reply::Ok(accepted)) => Ok((held, accepted)),
        Ok(Reply::Refused(refusal)) => {
            held.end(Code::ERR_REJECTED);
            Err(rejection(refusal, way))
        }
        Err(_) => Err(held.end(Code::ERR_BAD_REPLY).into()),
    }
}

/// A listener for requests answers a handshake as it would a request, which refuses it. By path nothing of that is used: that
/// origin belongs to no listener.
fn ordinary(
    shared: &Arc<Shared>,
    mut held: Held,
    accepted: &Accepted,
    request: &Request<()>,
    way: Way,
) -> Result<Response<Body>, Refusal> {
    if way == Way::Path {
        let status = StatusCode::from_u16(accepted.status).ok();
        let status = status.filter(|status| status.is_client_error() || status.is_server_error());
        return Err(
            Refusal::from(held.end(Code::ERR_REJECTED)).status(status.unwrap_or(StatusCode::FORBIDDEN))
        );
    }
    let stream = held.take().ok_or(Code::ERR_INTERNAL)?;
    let exchange = Exchange::begin(shared, stream, request.version(), None);
    plain::respond(exchange, accepted, request.method(), request.version())
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
