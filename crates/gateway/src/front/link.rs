//! `/link`: where pages and programs attach. The upgrade is decided here; what the carrier says then is for [`crate::sessions`].

use std::sync::Arc;

use http::header::{ALLOW, CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use pageport_link::Carrier;
use pageport_proto::Code;

use super::admission::Applicant;
use super::body::Body;
use super::connection::{Connection, socket};
use super::handshake::{Handshake, HandshakeError, Wanted, upgradable};
use super::host::{host, own_origin};
use super::respond::{Refusal, common_headers, retry_soon};
use crate::sessions;

/// The subprotocol, and the name of the raw upgrade.
const PROTOCOL: &str = "pageport.v1";

/// Answers a request for `/link`.
///
/// # Errors
/// The refusal, by code.
pub(crate) fn serve(
    connection: &Arc<Connection>,
    request: &mut Request<()>,
) -> Result<Response<Body>, Refusal> {
    if connection.shared.lifetime.is_draining() {
        return Err(retry_soon(Code::ERR_GOING_AWAY));
    }
    if !matches!(*request.method(), Method::GET | Method::CONNECT) {
        let refusal = Refusal::from(Code::ERR_METHOD_NOT_ALLOWED);
        return Err(refusal.header(ALLOW, HeaderValue::from_static("GET")));
    }
    let wanted = Wanted::of(request);
    let native = wanted == Wanted::Pageport;
    let applicant = Applicant::of(request.headers(), native, connection)?;
    let origin = origin_of_claims(connection, request)?;
    let response = match wanted {
        Wanted::WebSocket => websocket(request)?,
        Wanted::Pageport => bytes(request)?,
        Wanted::Http | Wanted::Unknown => return Err(upgrade_required("websocket, pageport.v1")),
    };
    let upgrade = hyper::upgrade::on(request);
    let task = Arc::clone(connection);
    connection.shared.lifetime.spawn(async move {
        let Some((stream, read_ahead)) = upgrade.await.ok().and_then(socket) else { return };
        let carrier = if native {
            Carrier::bytes(stream, read_ahead)
        } else {
            Carrier::websocket_server(stream, read_ahead)
        };
        sessions::arrive(&task.shared, task.peer, carrier, applicant, origin).await;
    });
    Ok(response)
}

/// The gateway's origin, for which this carrier's page signs its claims. Whoever passes them on, from another port of the same host,
/// chooses Host: so only its name counts, of which a gateway may have several. In `dev` ports are forwarded, and a page knows only
/// where the forwarding begins.
pub(crate) fn origin_of_claims(connection: &Connection, request: &Request<()>) -> Result<Box<str>, Code> {
    let (version, uri, headers) = (request.version(), request.uri(), request.headers());
    let address = connection.own_address();
    if connection.shared.dev {
        own_origin(version, uri, headers, address.secure)
    } else {
        Ok(address.site_at(&host(version, uri, headers)?).into())
    }
}

/// What a handshake error is as an answer.
pub(crate) fn handshake_refusal(error: HandshakeError) -> Refusal {
    let refusal = Refusal::from(error.code());
    match error {
        HandshakeError::Invalid(expected) => refusal.message(format!("The handshake needs {expected}.")),
        // RFC 6455 §4.4
        HandshakeError::Version => {
            refusal.header(http::header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
        }
    }
}

/// 426 with what would be taken.
pub(crate) fn upgrade_required(protocols: &'static str) -> Refusal {
    let refusal =
        Refusal::from(Code::ERR_UPGRADE_REQUIRED).header(UPGRADE, HeaderValue::from_static(protocols));
    refusal.header(CONNECTION, HeaderValue::from_static("upgrade"))
}

/// 101 for a WebSocket, or 200 over HTTP/2, where nothing is left to accept (RFC 8441 §5).
///
/// # Errors
/// Only when `protocol` cannot be in a header, which a checked one can.
pub(crate) fn switch_to_websocket(
    accept: &Option<String>,
    protocol: Option<&str>,
) -> Result<Response<Body>, Refusal> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Refusal::from(Code::ERR_INTERNAL));
    let mut response = match accept {
        Some(accept) => {
            let mut response = switch("websocket");
            response.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, value(accept)?);
            response
        }
        None => {
            let mut response = Response::new(Body::default());
            common_headers(response.headers_mut());
            response
        }
    };
    if let Some(protocol) = protocol {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value(protocol)?);
    }
    Ok(response)
}

fn websocket(request: &Request<()>) -> Result<Response<Body>, Refusal> {
    let handshake = Handshake::of(request.method(), request.version(), request.headers());
    let handshake = handshake.map_err(handshake_refusal)?;
    if !handshake.protocols.iter().any(|offered| offered == PROTOCOL) {
        let refusal = Refusal::from(Code::ERR_HANDSHAKE_INVALID);
        return Err(refusal.message("The handshake needs the subprotocol pageport.v1."));
    }
    switch_to_websocket(&handshake.accept, Some(PROTOCOL))
}

fn bytes(request: &Request<()>) -> Result<Response<Body>, Refusal> {
    upgradable(request.method(), request.version(), request.headers()).map_err(handshake_refusal)?;
    Ok(switch(PROTOCOL))
}

/// 101 for something else than a WebSocket.
pub(crate) fn switch(protocol: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    common_headers(response.headers_mut());
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static(protocol));
    response
}
