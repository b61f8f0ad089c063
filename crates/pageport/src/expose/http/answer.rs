//! The service's answer on its way to the visitor. What the service cuts short is a reset.

use std::io;
use std::sync::atomic::Ordering;

use ::http::header::{CONNECTION, LOCATION};
use ::http::{HeaderMap, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use pageport_link::WriteHalf;
use pageport_link::head::{Accepted, Headers, HeadersError, HttpVisit, Refusal, Reply};
use pageport_proto::Code;

use super::request::Site;
use super::{Outcome, refused};
use crate::expose::pipe::Traffic;
use crate::expose::unreachable;

/// Between hops (RFC 9110 §7.6.1), besides what Connection names.
const HOP_BY_HOP: &[&str] =
    &["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

pub(super) async fn send(
    site: &Site,
    response: Response<Incoming>,
    visit: &HttpVisit,
    mut write: WriteHalf,
    traffic: &Traffic,
) -> Outcome {
    let (head, body) = response.into_parts();
    let status = head.status.as_u16();
    let headers = match headers(&head.headers, site, visit) {
        Ok(headers) => headers,
        Err(error) => {
            let message = format!("The program behind this address answers with {error}.");
            let refusal = Refusal { message, ..unreachable() };
            return refused(write, refusal, io::Error::other(error));
        }
    };
    let result = match write.respond(&Reply::Ok(Accepted { status, headers })) {
        Ok(()) => stream(body, &mut write, traffic).await,
        Err(error) => Err(error.into()),
    };
    match &result {
        Ok(()) => write.finish(),
        Err(_) => write.reset(Code::ERR_ABORTED),
    }
    Outcome { status: Some(status), result }
}

async fn stream(mut body: Incoming, write: &mut WriteHalf, traffic: &Traffic) -> io::Result<()> {
    loop {
        // Whoever wants no more of it is noticed while the service is silent, too.
        let frame = tokio::select! {
            frame = body.frame() => frame,
            gone = write.stopped() => return Err(gone.into()),
        };
        let Some(frame) = frame else { return Ok(()) };
        // Trailers are not carried.
        if let Ok(bytes) = frame.map_err(io::Error::other)?.into_data() {
            let length = bytes.len() as u64;
            write.write_chunk(bytes).await?;
            traffic.sent.fetch_add(length, Ordering::Relaxed);
        }
    }
}

fn headers(from: &HeaderMap, site: &Site, visit: &HttpVisit) -> Result<Headers, HeadersError> {
    let named: Vec<String> = from
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let mut headers = Headers::default();
    for (name, value) in from {
        let text = name.as_str();
        if HOP_BY_HOP.contains(&text) || named.iter().any(|other| other == text) {
            continue;
        }
        let moved = value.to_str().ok().filter(|_| name == LOCATION).and_then(|to| site.location(to, visit));
        match moved {
            Some(location) => headers.push(text, &location)?,
            None => headers.push_bytes(text, trim(value.as_bytes()))?,
        }
    }
    Ok(headers)
}

/// White space around a value is no part of it (RFC 9110 §5.5).
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
