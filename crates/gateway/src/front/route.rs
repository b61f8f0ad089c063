//! From a request to whoever answers it. Host first, size second, and only then a path.

use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, UPGRADE, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use pageport_proto::Code;
use pageport_proto::name::Name;

use super::admission::Applicant;
use super::body::{self, Body, RequestBody};
use super::connection::Connection;
use super::handshake::Wanted;
use super::host::Site;
use super::link_http::{self, Direction};
use super::respond::{Refusal, common_headers};
use super::{assets, headers, http2, link, link_close, site_files, well_known};
use crate::dialects;
use crate::visitor::{self, METHODS, Way};

/// Answers one request.
pub(crate) async fn route(connection: &Arc<Connection>, request: Request<Incoming>) -> Response<Body> {
    let (mut request, mut body) = RequestBody::of(request);
    if request.version() >= Version::HTTP_2 {
        http2::join_cookies(request.headers_mut());
    }
    let mut response = match dispatch(connection, &mut request, &mut body).await {
        Ok(response) => response,
        Err(refusal) => {
            connection.shared.metrics.refused(refusal.code);
            tracing::debug!(code = %refusal.code, peer = %connection.peer, "request refused");
            refusal.into_response(request.headers())
        }
    };
    if *request.method() == Method::HEAD {
        body::leave_out(&mut response);
    }
    if request.version() >= Version::HTTP_2 {
        if *request.method() == Method::CONNECT && response.status().is_success() {
            connection.shared.metrics.h2_websockets.increment(1);
        }
        // There connections are not a response's business (RFC 9113 §8.2.2).
        response.headers_mut().remove(CONNECTION);
        response.headers_mut().remove(UPGRADE);
    } else if body.is_unread() || is_refused_upgrade(&request, &response) {
        // What follows cannot be told from a body that nobody took, or from the protocol that was asked for.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    body.drop_unread(&connection.shared);
    response
}

/// The connection goes on as what it was.
fn is_refused_upgrade(request: &Request<()>, response: &Response<Body>) -> bool {
    request.headers().contains_key(UPGRADE) && response.status() != StatusCode::SWITCHING_PROTOCOLS
}

async fn dispatch(
    connection: &Arc<Connection>,
    request: &mut Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Body>, Refusal> {
    let shared = &connection.shared;
    if let Some(listener) = &connection.port {
        headers::check_size(request, &shared.policy.load().limits)?;
        return visitor::serve_at_port(connection, request, listener).await;
    }
    let site = match Site::of(request.version(), request.uri(), request.headers(), &shared.address.base) {
        Err(Code::ERR_HOST_UNKNOWN) if connection.lan().is_some_and(|lan| lan.is_meant_by(request)) => {
            Site::Gateway
        }
        site => site?,
    };
    headers::check_size(request, &shared.policy.load().limits)?;
    if *request.method() == Method::CONNECT && Wanted::of(request) != Wanted::WebSocket {
        // This is no proxy, and over HTTP/2 only WebSockets are spoken by CONNECT.
        let allow = if site == Site::Gateway { "GET, HEAD" } else { METHODS };
        return Err(
            Refusal::from(Code::ERR_METHOD_NOT_ALLOWED).header(ALLOW, HeaderValue::from_static(allow))
        );
    }
    let path = request.uri().path();
    match site {
        Site::Listener(name) => visitor::serve(connection, request, body, name, Way::OwnOrigin).await,
        Site::Gateway if path == "/link" => link::serve(connection, request),
        Site::Gateway if path == "/link/up" => {
            link_http::serve(connection, Direction::Up, request, body).await
        }
        Site::Gateway if path == "/link/down" => {
            link_http::serve(connection, Direction::Down, request, body).await
        }
        Site::Gateway if path == "/link/close" => link_close::serve(connection, request, body).await,
        Site::Gateway if dialects::speaks(path, shared.policy.load().dialects) => {
            // Few requests are for these, and every connection has room for the answering of one.
            Box::pin(dialects::serve(connection, request)).await
        }
        Site::Gateway => match listener_by_path(path) {
            Some(name) => {
                let name = name.ok_or(Code::ERR_LISTENER_UNKNOWN)?;
                visitor::serve(connection, request, body, name, Way::Path).await
            }
            None => file(connection, request).await,
        },
    }
}

/// `/@name`, `/@name/…`: `None` for other paths, `Some(None)` for what cannot be a name.
fn listener_by_path(path: &str) -> Option<Option<Name>> {
    let rest = path.strip_prefix("/@")?;
    Some(Name::parse(rest.split_once('/').map_or(rest, |(name, _)| name)))
}

async fn file(connection: &Connection, request: &Request<()>) -> Result<Response<Body>, Refusal> {
    let shared = &connection.shared;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let refusal = Refusal::from(Code::ERR_METHOD_NOT_ALLOWED);
        return Err(refusal.header(ALLOW, HeaderValue::from_static("GET, HEAD")));
    }
    match request.uri().path() {
        "/.well-known/pageport" => Ok(describe(connection, request.headers())),
        path if path == "/pageport.js" || path.starts_with("/pageport/") => {
            assets::module(path, request.headers())
        }
        _ if shared.policy.load().websockify.web.is_some() => site_file(connection, request).await,
        _ if shared.dev => assets::gallery(request, &shared.address),
        "/" => assets::landing(),
        _ => Err(Code::ERR_NOT_FOUND.into()),
    }
}

async fn site_file(connection: &Connection, request: &Request<()>) -> Result<Response<Body>, Refusal> {
    let directory = connection.shared.policy.load().websockify.web.clone().ok_or(Code::ERR_NOT_FOUND)?;
    site_files::serve(&directory, request).await
}

/// Open to every origin: it says what a port scan would, and a page that may not attach can tell why.
fn describe(connection: &Connection, request: &HeaderMap) -> Response<Body> {
    let shared = &connection.shared;
    let policy = shared.policy.load();
    // The door to the local network has no QUIC.
    let webtransport = shared.webtransport.as_ref().filter(|_| connection.lan().is_none());
    let webtransport = webtransport.map(|door| door.describe(connection.own_address()));
    let mut document =
        well_known::document(connection.own_address(), &shared.address.base, &policy, webtransport);
    if let Err(code) = Applicant::of_origin(request, false, connection) {
        document["refusal"] = code.to_string().into();
    }
    let mut response = Response::new(Body::from(format!("{document:#}\n")));
    let headers = response.headers_mut();
    common_headers(headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(VARY, HeaderValue::from_static("origin"));
    response
}
