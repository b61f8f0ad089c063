//! `/link/close` (§7.4 of the protocol): how a page ends its session when no carrier takes a word any more, as when it is being closed.
//!
//! The answer never says whether there was such a session.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use pageport_proto::hello::{Secret, SessionId};
use pageport_proto::{Code, json};
use serde::Deserialize;
use tokio::time::timeout;

use super::admission::Applicant;
use super::body::{Body, RequestBody, discard};
use super::connection::Connection;
use super::respond::{Refusal, common_headers};

/// The longest body, in bytes.
const BODY: u64 = 512;

#[derive(Deserialize)]
struct Farewell {
    session: SessionId,
    secret: Secret,
}

/// Ends the session that the body names and proves.
///
/// # Errors
/// For another method, an origin that may not attach, and a body that is too long or does not come.
pub(crate) async fn serve(
    connection: &Arc<Connection>,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Body>, Refusal> {
    let shared = &connection.shared;
    if *request.method() != Method::POST {
        let refusal = Refusal::from(Code::ERR_METHOD_NOT_ALLOWED);
        return Err(refusal.header(ALLOW, HeaderValue::from_static("POST")));
    }
    // A credential is not asked for: the session's secret is more than one.
    let applicant = Applicant::of(request.headers(), false, connection)?;
    let patience = shared.policy.load().limits.body_timeout;
    if body.length.is_some_and(|length| length > BODY) {
        return Err(Code::ERR_BODY_TOO_LARGE.into());
    }
    let mut incoming = body.take();
    let read = timeout(patience, read(incoming.as_mut())).await.unwrap_or(Err(Code::ERR_BODY_TIMEOUT));
    if let (Err(_), Some(rest)) = (&read, incoming) {
        let time = shared.policy.load().limits.linger;
        shared.lifetime.spawn(discard(rest, request.version(), time));
    }
    let text = read?;
    if let Ok(Farewell { session, secret }) = json::object(&text) {
        shared.sessions.close(&session, &secret, &applicant);
    }
    let mut response = Response::new(Body::Absent);
    *response.status_mut() = StatusCode::NO_CONTENT;
    common_headers(response.headers_mut());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn read(incoming: Option<&mut Incoming>) -> Result<Bytes, Code> {
    let Some(incoming) = incoming else { return Ok(Bytes::new()) };
    let limit = usize::try_from(BODY).unwrap_or(usize::MAX);
    match Limited::new(incoming, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Code::ERR_BODY_TOO_LARGE),
        // Whoever is gone does not see the answer.
        Err(_) => Ok(Bytes::new()),
    }
}
