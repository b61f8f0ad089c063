//! From a request's header fields to the list that a page gets: what is between hops, or none of the page's business, stays here.

use http::header::{CONNECTION, COOKIE};
use http::{HeaderMap, HeaderValue, Request};
use pageport_proto::Code;
use pageport_proto::head::{Headers, HeadersError};

use super::handshake::list;
use crate::config::Limits;

/// Between hops (RFC 9110 §7.6.1), of the handshake (the gateway completes it), what the URL says already, and what is said anew.
const NOT_PASSED_ON: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-version",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What proxies and content networks say of a client's address, or what clients claim in their name.
const FORWARDING: &[&str] = &[
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-ipcountry",
    "cf-pseudo-ipv4",
    "client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-real-ip",
];
const FORWARDING_PREFIXES: &[&str] = &["x-forwarded", "x-original-", "x-envoy-"];

/// By path all listeners share one origin, so what a browser keeps for it must not reach any of them.
const NOT_BY_PATH: &[&str] = &["authorization", "cookie"];

/// Refuses a head that has more fields or bytes than the limits allow.
///
/// # Errors
/// [`Code::ERR_HEADERS_TOO_LARGE`].
pub fn check_size(request: &Request<()>, limits: &Limits) -> Result<(), Code> {
    let fits = |value: usize, limit: u64| u64::try_from(value).is_ok_and(|value| value <= limit);
    if fits(request.headers().len(), limits.headers) && fits(head_bytes(request), limits.header_bytes) {
        Ok(())
    } else {
        Err(Code::ERR_HEADERS_TOO_LARGE)
    }
}

/// The size of a request's head as it was sent, but for optional white space.
#[must_use]
pub fn head_bytes(request: &Request<()>) -> usize {
    const AROUND_REQUEST_LINE: usize = "  HTTP/1.1\r\n".len();
    const AROUND_FIELD: usize = ": \r\n".len();
    let target = request.uri().to_string().len();
    let fields =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + AROUND_FIELD);
    request.method().as_str().len() + target + AROUND_REQUEST_LINE + fields.sum::<usize>() + "\r\n".len()
}

/// The list for a page. `length` is that of the request's body, when it was announced.
///
/// # Errors
/// [`Code::ERR_HEADER_INVALID`] for a field that may not travel, [`Code::ERR_HEADERS_TOO_LARGE`] for too many.
pub fn for_page(headers: &HeaderMap, length: Option<u64>, by_path: bool) -> Result<Headers, Code> {
    let named: Vec<String> = list(headers, &CONNECTION).map(str::to_ascii_lowercase).collect();
    let mut out = Headers::default();
    for name in headers.keys() {
        let text = name.as_str();
        let stays = NOT_PASSED_ON.contains(&text)
            || named.iter().any(|listed| listed == text)
            || FORWARDING.contains(&text)
            || FORWARDING_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
            || (by_path && (NOT_BY_PATH.contains(&text) || text.starts_with("proxy-")));
        if stays {
            continue;
        }
        let mut values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
        if name == COOKIE {
            // HTTP/2 may send them one by one (RFC 9113 §8.2.3).
            out.push_bytes(text, &values.collect::<Vec<_>>().join(&b"; "[..])).map_err(refused)?;
        } else {
            values.try_for_each(|value| out.push_bytes(text, value)).map_err(refused)?;
        }
    }
    if let Some(length) = length {
        out.push("content-length", &length.to_string()).map_err(refused)?;
    }
    Ok(out)
}

fn refused(error: HeadersError) -> Code {
    match error {
        HeadersError::Count => Code::ERR_HEADERS_TOO_LARGE,
        HeadersError::Name | HeadersError::Value => Code::ERR_HEADER_INVALID,
    }
}
