//! Heads and replies (§7): the JSON object that opens a stream, and the one that answers it.

mod headers;
mod reply;

pub use headers::{Headers, HeadersError};
pub use reply::{Accepted, Listening, Refusal, Reply};

use serde::{Deserialize, Serialize};

use crate::{Code, json, limits};

/// What a gateway says of a visitor when it opens a stream to a listening page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Visit {
    /// A WebSocket handshake that waits for the page.
    WebSocket(WebSocketVisit),
}

/// A visitor's WebSocket handshake, as a page sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSocketVisit {
    /// The name of the listener that it came to.
    pub listener: String,
    /// Always `GET` so far.
    pub method: String,
    /// The listener's own URL with the visitor's path and query.
    pub url: String,
    /// What the visitor sent, without what is none of the page's business.
    pub headers: Headers,
    /// An opaque id of the visitor's address.
    pub peer: String,
}

/// What a page asks of a gateway when it opens a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `{"listen": "websocket"}`: be given a name.
    Listen(Kind),
}

/// What kind of visitors a listener takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// WebSocket handshakes.
    WebSocket,
}

impl Visit {
    /// Reads a head that a gateway sent.
    ///
    /// # Errors
    /// [`Code::ERR_UNSUPPORTED`] for a kind that is not known, [`Code::ERR_HEAD_INVALID`] for what breaks the format.
    pub fn parse(bytes: &[u8]) -> Result<Visit, Code> {
        let RawVisit { kind } = read(bytes)?;
        if kind == "websocket" { read(bytes) } else { Err(Code::ERR_UNSUPPORTED) }
    }
}

impl Request {
    /// Reads a head that a page sent.
    ///
    /// # Errors
    /// [`Code::ERR_UNSUPPORTED`] for a request that is not known, [`Code::ERR_HEAD_INVALID`] for what breaks the format.
    pub fn parse(bytes: &[u8]) -> Result<Request, Code> {
        let RawRequest { listen } = read(bytes)?;
        match listen.as_deref() {
            Some("websocket") => Ok(Request::Listen(Kind::WebSocket)),
            _ => Err(Code::ERR_UNSUPPORTED),
        }
    }
}

impl Serialize for Request {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let Request::Listen(kind) = self;
        out.collect_map([("listen", kind)])
    }
}

#[derive(Deserialize)]
struct RawVisit {
    kind: String,
}

#[derive(Deserialize)]
struct RawRequest {
    #[serde(default, deserialize_with = "json::present")]
    listen: Option<String>,
}

/// Size first, strictness second, shape last.
fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Code> {
    if bytes.len() > limits::HEAD {
        return Err(Code::ERR_HEAD_TOO_LARGE);
    }
    json::object(bytes).map_err(|_| Code::ERR_HEAD_INVALID)
}
