//! A visitor's request: to the page as it comes, and back the page's answer as it comes.

use std::sync::Arc;

use http::header::{ALLOW, CONNECTION};
use http::{HeaderValue, Method, Request, Response, Version};
use pageport_proto::Code;
use pageport_proto::head::{Accepted, Reply, Visit};
use pageport_proto::name::Name;

use super::download::Download;
use super::exchange::Exchange;
use super::{Way, open_refusal, present, rejection, visit};
use crate::front::body::{Body, RequestBody};
use crate::front::connection::Connection;
use crate::front::respond::Refusal;
use crate::front::response_headers::ResponseHead;
use crate::sessions::Entry;

/// What a page's `Request` can be (Fetch standard), of a length that fits a head. CONNECT would make a tunnel of the connection.
const FORBIDDEN: [&str; 3] = ["CONNECT", "TRACE", "TRACK"];
const METHOD_LENGTH: usize = 32;
/// What is said to be allowed where one of those was tried: others are, too.
pub(crate) const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Answers a request to a listener's own origin.
///
/// # Errors
/// The refusal, by code.
pub(super) async fn serve(
    connection: &Arc<Connection>,
    request: &Request<()>,
    body: &mut RequestBody,
    name: &Name,
    entry: &Entry,
) -> Result<Response<Body>, Refusal> {
    let shared = &connection.shared;
    let method = request.method();
    if method.as_str().len() > METHOD_LENGTH || FORBIDDEN.contains(&method.as_str()) {
        let allow = HeaderValue::from_static(METHODS);
        return Err(Refusal::from(Code::ERR_METHOD_NOT_ALLOWED).header(ALLOW, allow));
    }
    let url = shared.address.listener_http(name);
    let head = Visit::Http(visit(connection, request, body.length, name.as_str(), &url, Way::OwnOrigin)?);
    present(shared, entry).await?;
    let stream = entry.session.open(&head).map_err(open_refusal)?;
    let version = request.version();
    let mut exchange = Exchange::begin(shared, stream, version, body.take());
    let wait = shared.policy.load().limits.accept_timeout;
    let reply = exchange.reply(wait).await?;
    match Reply::<Accepted>::parse(&reply) {
        Ok(Reply::Ok(accepted)) => respond(exchange, &accepted, method, version),
        Ok(Reply::Refused(refusal)) => Err(exchange.refuse(rejection(refusal, Way::OwnOrigin))),
        Err(_) => Err(exchange.refuse(Code::ERR_BAD_REPLY.into())),
    }
}

/// The page's answer, with the rest of it to come.
///
/// # Errors
/// [`Code::ERR_BAD_REPLY`].
pub(super) fn respond(
    mut exchange: Exchange,
    accepted: &Accepted,
    method: &Method,
    version: Version,
) -> Result<Response<Body>, Refusal> {
    let head = match ResponseHead::of(accepted, method) {
        Ok(head) => head,
        Err(code) => return Err(exchange.refuse(code.into())),
    };
    let mut response = Response::new(Body::Absent);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    if version < Version::HTTP_2 && !exchange.is_sent() {
        // Whether the rest is read to its end is not known yet, and what follows it would wait for that.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if head.has_body {
        *response.body_mut() = Body::Streamed(Box::new(Download::new(exchange, head.length)));
    } else {
        exchange.complete_without_body();
    }
    Ok(response)
}
