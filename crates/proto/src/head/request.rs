//! What a page asks of a gateway when it opens a stream (§7.1).
//!
//! Knows the shape of a request. Whether a name is one, and whether a claim holds, is for the gateway to say.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::{Connect, Measure, StartTls, read};
use crate::hello::{Opaque, Public};
use crate::{Code, json};

/// What a page asks of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `{"listen": …}`: be given a name or a port.
    Listen(Listen),
    /// `{"connect": …}`: be connected to a server, or to another page.
    Connect(Connect),
    /// `{"starttls": …}`: go on within TLS.
    StartTls(StartTls),
    /// `{"measure": …}`: find out what the way to the gateway can do.
    Measure(Measure),
}

/// What to listen for, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// What kind of visitors.
    pub kind: Kind,
    /// The name that is wanted, as it was written; `None` for a random one, or with a port.
    pub name: Option<String>,
    /// The port that is wanted, 0 for any; `None` with a name. Always there for TCP.
    pub port: Option<u16>,
    /// What proves that the caller may have it.
    pub claim: Option<Claim>,
}

/// Proof that a name or port belongs to a key (§7.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The Ed25519 public key.
    pub key: Opaque<32, Public>,
    /// Over the gateway, the session, its nonce, the name or port, and the key.
    pub signature: Opaque<64, Public>,
    /// What a random name was derived from, besides the key.
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    pub slot: Option<Opaque<16, Public>>,
}

/// What kind of visitors a listener takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// WebSocket handshakes.
    WebSocket,
    /// HTTP requests.
    Http,
    /// TCP connections.
    Tcp,
    /// Other pages.
    Page,
}

impl Request {
    /// Reads a head that a page sent.
    ///
    /// # Errors
    /// [`Code::ERR_UNSUPPORTED`] for a request that is not known, [`Code::ERR_HEAD_INVALID`] for what breaks the format,
    /// [`Code::ERR_NAME_INVALID`] for a page that cannot be.
    pub fn parse(bytes: &[u8]) -> Result<Request, Code> {
        let RawRequest { listen, connect, measure, starttls } = read(bytes)?;
        match (listen, connect, measure, starttls) {
            (Some(kind), None, None, None) => Listen::parse(&kind, read(bytes)?).map(Request::Listen),
            (None, Some(target), None, None | Some(RawStart::Later(_))) => {
                Connect::parse(&target, read(bytes)?).map(Request::Connect)
            }
            (None, None, Some(what), None) => Measure::parse(&what, &read(bytes)?).map(Request::Measure),
            (None, None, None, Some(RawStart::Now(stream))) => {
                StartTls::parse(stream, read(bytes)?).map(Request::StartTls)
            }
            (None, None, None, None) => Err(Code::ERR_UNSUPPORTED),
            _ => Err(Code::ERR_HEAD_INVALID),
        }
    }
}

impl Listen {
    fn parse(kind: &str, raw: RawListen) -> Result<Listen, Code> {
        let kind = match kind {
            "websocket" => Kind::WebSocket,
            "http" => Kind::Http,
            "tcp" => Kind::Tcp,
            "page" => Kind::Page,
            _ => return Err(Code::ERR_UNSUPPORTED),
        };
        let RawListen { name, port, claim } = raw;
        let port = if kind == Kind::Tcp { Some(port.unwrap_or(0)) } else { port };
        if port.is_some() && (matches!(kind, Kind::Http | Kind::Page) || name.is_some()) {
            return Err(Code::ERR_HEAD_INVALID);
        }
        Ok(Listen { kind, name, port, claim })
    }

    /// For visitors of a kind, at a random name, or at any port for TCP.
    #[must_use]
    pub fn new(kind: Kind) -> Listen {
        Listen { kind, name: None, port: (kind == Kind::Tcp).then_some(0), claim: None }
    }
}

impl From<Kind> for Request {
    fn from(kind: Kind) -> Request {
        Request::Listen(Listen::new(kind))
    }
}

impl Serialize for Request {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Request::Listen(listen) => listen.serialize(out),
            Request::Connect(connect) => connect.serialize(out),
            Request::Measure(measure) => measure.serialize(out),
            Request::StartTls(start) => start.serialize(out),
        }
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let Listen { kind, name, port, claim } = self;
        let mut map = out.serialize_map(None)?;
        map.serialize_entry("listen", kind)?;
        if let Some(name) = name {
            map.serialize_entry("name", name)?;
        }
        if let Some(port) = port {
            map.serialize_entry("port", port)?;
        }
        if let Some(claim) = claim {
            map.serialize_entry("claim", claim)?;
        }
        map.end()
    }
}

#[derive(Deserialize)]
struct RawRequest {
    #[serde(default, deserialize_with = "json::present")]
    listen: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    connect: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    measure: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    starttls: Option<RawStart>,
}

/// Of a stream that is there already, or part of a wish to be connected.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawStart {
    Now(u64),
    Later(#[allow(dead_code, reason = "read again with the rest of the wish")] bool),
}

#[derive(Deserialize)]
struct RawListen {
    #[serde(default, deserialize_with = "json::present")]
    name: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    port: Option<u16>,
    #[serde(default, deserialize_with = "json::present")]
    claim: Option<Claim>,
}
