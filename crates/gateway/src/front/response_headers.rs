//! From a page's reply to the head that its visitor gets. Nothing passes that would bind a browser beyond this response or this
//! host, or that belongs to the gateway's own connection. SECURITY.md has the list for people.

use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, SET_COOKIE, TRANSFER_ENCODING,
};
use http::{Method, StatusCode};
use pageport_proto::Code;
use pageport_proto::head::{Accepted, Headers};

/// Between hops (RFC 9110 §7.6.1 and §11.7).
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a browser would remember for longer than this response, or for more than this host; and the gateway's own word.
const BINDING: &[&str] = &[
    "alt-svc",
    "clear-site-data",
    "nel",
    "pageport-error",
    "public-key-pins",
    "public-key-pins-report-only",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "strict-transport-security",
];

const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// The head of a visitor's answer, and how long its body is to be.
#[derive(Debug)]
pub struct ResponseHead {
    /// 200 to 599.
    pub status: StatusCode,
    /// What passes.
    pub headers: HeaderMap,
    /// The length that the page promised; the one in `headers`.
    pub length: Option<u64>,
    /// Whether a body follows.
    pub has_body: bool,
}

impl ResponseHead {
    /// Reads a page's answer to a request with this method.
    ///
    /// # Errors
    /// [`Code::ERR_BAD_REPLY`] for a status that is none of a final response, and for a `content-length` that is not one number.
    pub fn of(accepted: &Accepted, method: &Method) -> Result<ResponseHead, Code> {
        if !(200..=599).contains(&accepted.status) {
            return Err(Code::ERR_BAD_REPLY);
        }
        let status = StatusCode::from_u16(accepted.status).map_err(|_| Code::ERR_BAD_REPLY)?;
        let length = content_length(&accepted.headers)?;
        let mut headers = passed_on(&accepted.headers)?;
        let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        // 204 must not have one, and a 304 would speak of the 200 that a cache already has (RFC 9110 §8.6): pages mean their own empty body with it.
        if let (Some(length), false) = (length, bodiless) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        let described = bodiless || *method == Method::HEAD;
        Ok(ResponseHead { status, headers, length, has_body: !described && length != Some(0) })
    }
}

/// The one `content-length` of a list.
///
/// # Errors
/// [`Code::ERR_BAD_REPLY`] for several, and for what is not a number of decimal digits.
pub fn content_length(headers: &Headers) -> Result<Option<u64>, Code> {
    let mut values = headers.iter().filter(|(name, _)| *name == CONTENT_LENGTH.as_str());
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some((_, value)), None) if value.bytes().all(|byte| byte.is_ascii_digit()) => {
            value.parse().map(Some).map_err(|_| Code::ERR_BAD_REPLY)
        }
        _ => Err(Code::ERR_BAD_REPLY),
    }
}

/// Whether a `set-cookie` names a domain (RFC 6265 §5.2): such a cookie would reach sibling listeners too.
///
/// Stricter than browsers: whatever stands around the attribute's name does not hide it.
#[must_use]
pub fn names_domain(cookie: &str) -> bool {
    cookie.split(';').skip(1).any(|attribute| {
        let name = attribute.split('=').next().unwrap_or_default();
        name.trim_matches(|char: char| !char.is_ascii_alphanumeric()).eq_ignore_ascii_case("domain")
    })
}

fn passed_on(list: &Headers) -> Result<HeaderMap, Code> {
    let named: Vec<&str> = list
        .iter()
        .filter(|(name, _)| *name == CONNECTION.as_str())
        .flat_map(|(_, value)| value.split(','))
        .map(|token| token.trim_matches([' ', '\t']))
        .collect();
    let mut out = HeaderMap::with_capacity(list.len() + 1);
    for (name, value) in list.iter() {
        let stays = HOP_BY_HOP.contains(&name)
            || BINDING.contains(&name)
            || name == CONTENT_LENGTH.as_str()
            || named.iter().any(|listed| listed.eq_ignore_ascii_case(name))
            || (name == SET_COOKIE.as_str() && names_domain(value));
        if !stays {
            let (name, value) = (HeaderName::from_bytes(name.as_bytes()), field_value(value));
            out.append(name.map_err(|_| Code::ERR_BAD_REPLY)?, value?);
        }
    }
    debug_assert!(!out.contains_key(TRANSFER_ENCODING));
    if !out.contains_key(&X_ROBOTS_TAG) {
        out.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex"));
    }
    Ok(out)
}

/// One byte for each character.
fn field_value(value: &str) -> Result<HeaderValue, Code> {
    let bytes: Result<Vec<u8>, _> = value.chars().map(|char| u8::try_from(u32::from(char))).collect();
    bytes.ok().and_then(|bytes| HeaderValue::from_bytes(&bytes).ok()).ok_or(Code::ERR_BAD_REPLY)
}
