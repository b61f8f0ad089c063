//! `/link/up` and `/link/down` (§9 of the protocol, `http`): carrier messages over plain requests.
//!
//! Both URLs are constant and nothing of a session is in them. Who asks is judged on every request, as on `/link`; a page of an
//! allowed origin may read each answer, refusals included.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use pageport_link::Upload;
use pageport_proto::numbered::{DOWN, Down, UP_HEAD, Up};
use pageport_proto::{Code, limits};
use tokio::time::timeout;

use super::admission::Applicant;
use super::body::{Body, RequestBody};
use super::carried::Carried;
use super::connection::Connection;
use super::link::origin_of_claims;
use super::respond::{PAGEPORT_ERROR, Refusal, common_headers};
use crate::carriers::{self, Caller};

/// Of the two, which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// How long browsers may remember what OPTIONS said; Chromium takes no more than two hours.
const PREFLIGHT_SECONDS: &str = "7200";
const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
/// What keeps nginx, and those that learned it from nginx, from holding an answer back.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Answers a request of a carrier.
///
/// # Errors
/// The refusal, by code.
pub(crate) async fn serve(
    connection: &Arc<Connection>,
    direction: Direction,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Body>, Refusal> {
    let applicant = Applicant::of_origin(request.headers(), false, connection)?;
    let shown = shown_to(&applicant)?;
    match answer(connection, direction, request, applicant, body).await {
        Ok(mut response) => {
            response.headers_mut().extend(shown);
            Ok(response)
        }
        Err(refusal) => Err(shown.into_iter().fold(refusal, |refusal, (name, value)| match name {
            Some(name) => refusal.header(name, value),
            None => refusal,
        })),
    }
}

async fn answer(
    connection: &Arc<Connection>,
    direction: Direction,
    request: &Request<()>,
    applicant: Applicant,
    body: &mut RequestBody,
) -> Result<Response<Body>, Refusal> {
    let applicant = applicant.with_bearer(request.headers(), &connection.shared)?;
    match *request.method() {
        Method::OPTIONS => Ok(preflight()),
        Method::POST => match direction {
            Direction::Up => up(connection, request, &applicant, body).await,
            Direction::Down => down(connection, request, &applicant, body).await,
        },
        _ => {
            let refusal = Refusal::from(Code::ERR_METHOD_NOT_ALLOWED);
            Err(refusal.header(ALLOW, HeaderValue::from_static("POST, OPTIONS")))
        }
    }
}

/// What lets a page of another origin read the answer: its own origin, exactly.
fn shown_to(applicant: &Applicant) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = applicant.origin() {
        let origin = HeaderValue::from_str(origin.as_str()).map_err(|_| Code::ERR_INTERNAL)?;
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(PAGEPORT_ERROR));
        headers.insert(TIMING_ALLOW_ORIGIN, origin);
    }
    Ok(headers)
}

fn preflight() -> Response<Body> {
    let mut response = empty();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_SECONDS));
    response
}

async fn up(
    connection: &Arc<Connection>,
    request: &Request<()>,
    applicant: &Applicant,
    body: &mut RequestBody,
) -> Result<Response<Body>, Refusal> {
    check_length(body, UP_HEAD + limits::MESSAGE)?;
    let mut reading = Reading::of(connection, body);
    let (up, rest) = loop {
        if let Some((up, length)) = Up::parse(&reading.unparsed)? {
            reading.unparsed.advance(length);
            break (up, reading.unparsed.split());
        }
        if !reading.more().await? {
            return Err(Code::ERR_CARRIER_REQUEST.into());
        }
    };
    let caller = caller(connection, request, applicant)?;
    let line = carriers::find(&connection.shared, &up.id, &caller, up.seq == 0)?;
    match line.upload(up.seq)? {
        Some(upload) => take(&mut reading, upload, &rest).await?,
        // The session has it; what is left of the body must be read, or its sender would not read the answer.
        None => reading.skip(UP_HEAD + limits::MESSAGE).await?,
    }
    Ok(empty())
}

/// Takes a message in, unless a newer request for it is complete before.
async fn take(reading: &mut Reading<'_>, mut upload: Upload, beginning: &[u8]) -> Result<(), Refusal> {
    if reading.body.length.is_some_and(|length| length > (UP_HEAD + upload.limit()) as u64) {
        return Err(Code::ERR_BODY_TOO_LARGE.into());
    }
    if let Some(length) = reading.body.length {
        upload.expect(usize::try_from(length).unwrap_or(usize::MAX));
    }
    upload.push(beginning)?;
    loop {
        let next = tokio::select! {
            next = reading.next() => next?,
            code = upload.superseded() => return Err(code.into()),
        };
        match next {
            Some(bytes) => upload.push(&bytes)?,
            None => return Ok(upload.finish().await?),
        }
    }
}

async fn down(
    connection: &Arc<Connection>,
    request: &Request<()>,
    applicant: &Applicant,
    body: &mut RequestBody,
) -> Result<Response<Body>, Refusal> {
    check_length(body, DOWN)?;
    let mut reading = Reading::of(connection, body);
    while reading.unparsed.len() <= DOWN && reading.more().await? {}
    if reading.unparsed.len() > DOWN {
        return Err(Code::ERR_BODY_TOO_LARGE.into());
    }
    let down = Down::parse(&reading.unparsed)?;
    let caller = caller(connection, request, applicant)?;
    let line = carriers::find(&connection.shared, &down.id, &caller, down.ack == 0)?;
    let mut response = Response::new(Body::Carried(Box::new(Carried::new(
        line.download(down.ack, down.mode)?,
        Arc::clone(&connection.queue),
    ))));
    let headers = response.headers_mut();
    common_headers(headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

fn caller<'a>(
    connection: &Connection,
    request: &Request<()>,
    applicant: &'a Applicant,
) -> Result<Caller<'a>, Code> {
    let origin = origin_of_claims(connection, request)?;
    Ok(Caller { applicant, peer: connection.peer, origin })
}

fn check_length(body: &RequestBody, limit: usize) -> Result<(), Code> {
    match body.length {
        Some(length) if length > limit as u64 => Err(Code::ERR_BODY_TOO_LARGE),
        _ => Ok(()),
    }
}

fn empty() -> Response<Body> {
    let mut response = Response::new(Body::Absent);
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    common_headers(headers);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    response
}

/// A body that is taken as it comes. What is left of a refused one is for [`RequestBody::drop_unread`].
struct Reading<'a> {
    body: &'a mut RequestBody,
    patience: Duration,
    unparsed: BytesMut,
}

impl<'a> Reading<'a> {
    fn of(connection: &Connection, body: &'a mut RequestBody) -> Reading<'a> {
        let patience = connection.shared.policy.load().limits.body_timeout;
        Reading { body, patience, unparsed: BytesMut::new() }
    }

    /// Reads more; false when the body has ended.
    ///
    /// # Errors
    /// [`Code::ERR_BODY_TIMEOUT`] when it stands still; [`Code::ERR_CARRIER_REQUEST`] when it broke, which nobody sees.
    async fn more(&mut self) -> Result<bool, Code> {
        let Some(bytes) = self.next().await? else { return Ok(false) };
        self.unparsed.extend_from_slice(&bytes);
        Ok(true)
    }

    /// Reads to the end and keeps nothing.
    async fn skip(&mut self, limit: usize) -> Result<(), Code> {
        let mut read = 0;
        while let Some(bytes) = self.next().await? {
            read += bytes.len();
            if read > limit {
                return Err(Code::ERR_BODY_TOO_LARGE);
            }
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Code> {
        match timeout(self.patience, self.body.chunk()).await {
            Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
            Ok(Some(Err(_))) => Err(Code::ERR_CARRIER_REQUEST),
            Ok(None) => Ok(None),
            Err(_) => Err(Code::ERR_BODY_TIMEOUT),
        }
    }
}
