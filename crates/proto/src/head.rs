//! Heads and replies (§7): the JSON object that opens a stream, and the one that answers it.

mod connect;
mod headers;
mod reply;
mod request;
mod tls;

pub use connect::{Connect, Measure, Protocols};
pub use headers::{Headers, HeadersError};
pub use reply::{Accepted, Listening, ListeningPort, Ready, Refusal, Reply};
pub use request::{Claim, Kind, Listen, Request};
pub use tls::{Alpn, Secured, StartTls, TlsWish, Verified};

use serde::{Deserialize, Serialize};

use crate::{Code, json, limits};

/// What a gateway says of a visitor when it opens a stream to a listening page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Visit {
    /// A WebSocket handshake that waits for the page.
    WebSocket(HttpVisit),
    /// A request; its body follows.
    Http(HttpVisit),
    /// A connection whose bytes follow once the page has answered.
    Tcp(TcpVisit),
    /// Another page, whose bytes follow once this one has answered.
    Page(PageVisit),
}

/// A visitor's request or handshake, as a page sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpVisit {
    /// The name of the listener that it came to, or `:` and its port.
    pub listener: String,
    /// A token of at most 32 characters; `GET` for a handshake.
    pub method: String,
    /// The listener's own URL with the visitor's path and query.
    pub url: String,
    /// What the visitor sent, without what is none of the page's business.
    pub headers: Headers,
    /// An opaque id of the visitor's address.
    pub peer: String,
}

/// A visitor's TCP connection, as a page sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpVisit {
    /// `:` and the port that it came to.
    pub listener: String,
    /// An opaque id of the visitor's address.
    pub peer: String,
}

/// Another page that wants to be connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageVisit {
    /// The name that it asked for.
    pub listener: String,
    /// `page:` and the name, with the path and query that it asked for.
    pub url: String,
    /// `origin`, where the other one is a web page.
    pub headers: Headers,
    /// An opaque id of its session.
    pub peer: String,
}

impl Visit {
    /// Reads a head that a gateway sent.
    ///
    /// # Errors
    /// [`Code::ERR_UNSUPPORTED`] for a kind that is not known, [`Code::ERR_HEAD_INVALID`] for what breaks the format.
    pub fn parse(bytes: &[u8]) -> Result<Visit, Code> {
        let RawVisit { kind } = read(bytes)?;
        if !matches!(kind.as_str(), "websocket" | "http" | "tcp" | "page") {
            return Err(Code::ERR_UNSUPPORTED);
        }
        let visit: Visit = read(bytes)?;
        match &visit {
            Visit::Http(http) if !is_method(&http.method) => Err(Code::ERR_HEAD_INVALID),
            _ => Ok(visit),
        }
    }

    /// The name of the listener that it came to, or `:` and its port.
    #[must_use]
    pub fn listener(&self) -> &str {
        match self {
            Visit::WebSocket(visit) | Visit::Http(visit) => &visit.listener,
            Visit::Tcp(visit) => &visit.listener,
            Visit::Page(visit) => &visit.listener,
        }
    }
}

/// A token (RFC 9110 §9.1) of a length that some method may have.
fn is_method(text: &str) -> bool {
    text.len() <= 32 && is_token(text)
}

/// RFC 9110 §5.6.2
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[derive(Deserialize)]
struct RawVisit {
    kind: String,
}

/// Size first, strictness second, shape last.
fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Code> {
    if bytes.len() > limits::HEAD {
        return Err(Code::ERR_HEAD_TOO_LARGE);
    }
    json::object(bytes).map_err(|_| Code::ERR_HEAD_INVALID)
}
