//! Visitors of a listener: what the page is told of them, and who waits for whom until it answers.
//!
//! | module | what |
//! |---|---|
//! | `websocket` | a handshake that the page decides about, then bytes |
//! | `http` | a request and its answer |
//! | `exchange`, `upload`, `download` | both bodies, and how each of them ends |

pub(crate) mod download;
mod exchange;
mod http;
mod upload;
mod websocket;

use std::sync::Arc;

use ::http::{Method, Request, Response, StatusCode};
use pageport_link::OpenError;
use pageport_proto::Code;
use pageport_proto::head::{self, HttpVisit};
use pageport_proto::name::Name;

pub(crate) use self::http::METHODS;
use crate::front::body::{Body, RequestBody};
use crate::front::connection::Connection;
use crate::front::handshake::Wanted;
use crate::front::headers::for_page;
use crate::front::host::is_for;
use crate::front::link::upgrade_required;
use crate::front::respond::{Refusal, retry_soon};
use crate::listeners::Found;
use crate::ports::accept::Listener as PortListener;
use crate::presence::{self, open_code, will_pass};
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
    body: &mut RequestBody,
    name: Name,
    way: Way,
) -> Result<Response<Body>, Refusal> {
    let found = connection.shared.listeners.find(&name).ok_or(Code::ERR_LISTENER_UNKNOWN)?;
    found.entry.visit().map_err(retry_soon)?;
    if Wanted::of(request) == Wanted::WebSocket {
        let url = connection.shared.address.listener(&name);
        websocket::serve(connection, request, name.as_str(), &url, &found, way).await
    } else if found.http && way == Way::OwnOrigin {
        http::serve(connection, request, body, &name, &found.entry).await
    } else {
        Err(upgrade_required("websocket"))
    }
}

/// Answers a visitor of a listener that has a port of its own: there is nothing else at that port.
///
/// # Errors
/// The refusal, by code.
pub(crate) async fn serve_at_port(
    connection: &Arc<Connection>,
    request: &mut Request<()>,
    listener: &PortListener,
) -> Result<Response<Body>, Refusal> {
    let host = connection.shared.ports.host();
    let secure = connection.shared.policy.load().tls.is_some();
    if !is_for(request.version(), request.uri(), request.headers(), host, listener.port(), secure)? {
        return Err(Code::ERR_HOST_UNKNOWN.into());
    }
    if listener.is_over() {
        return Err(Code::ERR_LISTENER_UNKNOWN.into());
    }
    if Wanted::of(request) != Wanted::WebSocket {
        return Err(upgrade_required("websocket"));
    }
    let entry = Arc::clone(listener.entry());
    entry.visit().map_err(retry_soon)?;
    let found = Found { entry, websocket: true, http: false, page: false };
    let url = listener.url();
    websocket::serve(connection, request, listener.name(), url, &found, Way::OwnOrigin).await
}

/// What the page is told; `url` is the listener's, without a path.
fn visit(
    connection: &Connection,
    request: &Request<()>,
    length: Option<u64>,
    name: &str,
    url: &str,
    way: Way,
) -> Result<HttpVisit, Code> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    if target == "*" {
        // It stands for a server as a whole (RFC 9112 §3.2.4), and a page has no URL for that.
        return Err(Code::ERR_HEADER_INVALID);
    }
    let target = match way {
        Way::OwnOrigin => target,
        Way::Path => target.trim_start_matches("/@").trim_start_matches(|char| char != '/' && char != '?'),
    };
    let slash = if target.starts_with('/') { "" } else { "/" };
    Ok(HttpVisit {
        listener: name.to_owned(),
        // A WebSocket's handshake is a GET to its page, also when it came as CONNECT over HTTP/2.
        method: if *request.method() == Method::CONNECT { Method::GET } else { request.method().clone() }
            .to_string(),
        url: format!("{url}{slash}{target}"),
        headers: for_page(request.headers(), length, way == Way::Path)?,
        peer: connection.shared.peers.id(name, connection.peer.ip()),
    })
}

/// Waits a moment for a page that is away.
async fn present(shared: &Shared, entry: &Entry) -> Result<(), Refusal> {
    presence::present(shared, entry).await.map_err(not_now)
}

fn open_refusal(error: OpenError) -> Refusal {
    not_now(open_code(error))
}

fn not_now(code: Code) -> Refusal {
    if will_pass(code) { retry_soon(code) } else { code.into() }
}

/// A page's refusal as its visitor sees it. By path the text is the gateway's own: that origin belongs to no listener.
fn rejection(refusal: head::Refusal, way: Way) -> Refusal {
    // Of the codes only what says more than "refused" is believed: a page does not speak for the gateway.
    let code = match Code::from_name(&refusal.error) {
        Some(code @ (Code::ERR_TARGET_UNREACHABLE | Code::ERR_INTERNAL)) => code,
        _ => Code::ERR_REJECTED,
    };
    let status = refusal.status.and_then(|status| StatusCode::from_u16(status).ok());
    let answer = status.into_iter().fold(Refusal::from(code), Refusal::status);
    let answer = refusal.retry_after.into_iter().fold(answer, Refusal::retry_after);
    if way == Way::OwnOrigin && !refusal.message.is_empty() {
        answer.message(refusal.message)
    } else {
        answer
    }
}
