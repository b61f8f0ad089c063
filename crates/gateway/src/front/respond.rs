//! Answers of the gateway itself. A refusal has a code in the header `pageport-error` and in its body, as JSON or, for browsers, as
//! a small page; nothing that came from outside is in it unescaped.

use bytes::Bytes;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use pageport_proto::Code;

use super::body::Body;
use super::{advice, error_page};

/// Addresses of pages come and go, and what stands there instead of them is nothing to find.
const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// The field that has the code of every refusal.
pub(crate) const PAGEPORT_ERROR: &str = "pageport-error";

/// When a visitor should come again: a page that reconnects is back by then.
const RETRY_AFTER_SECONDS: u64 = 5;

/// Why a request is not served.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    status: Option<StatusCode>,
    message: Option<String>,
    retry_after: Option<u64>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Refusal { code, status: None, message: None, retry_after: None, headers: Vec::new() }
    }
}

impl Refusal {
    /// Another status than the code's own.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// What to say instead of the code's meaning.
    pub(crate) fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// When to come again.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// A field that the status asks for.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The answer, in the form that the request prefers.
    ///
    /// It closes the connection: what follows a refused head cannot be told from a body or another protocol.
    pub(crate) fn into_response(self, request: &HeaderMap) -> Response<Body> {
        let (head, body) = self.into_parts(request);
        head.map(|()| Body::from(body))
    }

    /// The same as bytes, for requests that never became one.
    pub(crate) fn into_bytes(self) -> Bytes {
        let (head, body) = self.into_parts(&HeaderMap::new());
        let mut out =
            format!("HTTP/1.1 {}\r\ncontent-length: {}\r\n", head.status(), body.len()).into_bytes();
        for (name, value) in head.headers() {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body.as_bytes());
        out.into()
    }

    fn into_parts(self, request: &HeaderMap) -> (Response<()>, String) {
        let advice = advice::of(self.code);
        let name = self.code.name().unwrap_or("ERR_INTERNAL");
        let status = self.status.unwrap_or(advice.status);
        let (kind, body) = if prefers_html(request) {
            let words = error_page::Words {
                status,
                code: name,
                message: self.message.as_deref(),
                meaning: advice.meaning,
                hint: advice.hint,
                retry_after: self.retry_after,
            };
            ("text/html; charset=utf-8", error_page::page(&words))
        } else {
            let message = self.message.as_deref().unwrap_or(advice.meaning);
            let body = serde_json::json!({ "error": name, "message": message, "hint": advice.hint });
            ("application/json", format!("{body}\n"))
        };
        let mut response = Response::new(());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        common_headers(headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(PAGEPORT_ERROR, HeaderValue::from_static(name));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_SECURITY_POLICY, error_page::policy());
        headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        (response, body)
    }
}

/// A refusal that will not last.
pub(crate) fn retry_soon(code: Code) -> Refusal {
    Refusal::from(code).retry_after(RETRY_AFTER_SECONDS)
}

/// What every answer carries.
pub(crate) fn common_headers(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// Browsers name `text/html` when they navigate; programs that want JSON name it, or nothing.
fn prefers_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let place = |kind: &str| {
        accepted.split(',').position(|range| range.split(';').next().map(str::trim) == Some(kind))
    };
    match (place("text/html"), place("application/json")) {
        (Some(html), Some(json)) => html < json,
        (html, _) => html.is_some(),
    }
}
