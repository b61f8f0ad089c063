//! What a page asks to be connected to (§7.5), or to measure (§7.6).
//!
//! Knows the shape of it. Whether it may, and whether anybody is there, is for the gateway to say.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::tls::{RawWish, TlsWish};
use super::{Kind, is_token};
use crate::name::Name;
use crate::target::{Endpoint, Path, Protocol, SocketUrl, Target};
use crate::{Code, json, limits, varint};

/// The longest of them, in characters.
const PROTOCOL: usize = 128;

/// `{"connect": …}`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connect {
    /// To a WebSocket server.
    Server {
        /// Where it is.
        url: SocketUrl,
        /// What the page offers to speak.
        protocols: Protocols,
    },
    /// To a TCP server.
    Tcp {
        /// Where it is.
        to: Endpoint,
        /// Whether TLS may begin on this connection later.
        starttls: bool,
    },
    /// To a TCP server, within TLS.
    Tls {
        /// Where it is.
        to: Endpoint,
        /// What is wished of TLS.
        wish: TlsWish,
    },
    /// To a UDP server: datagrams whose flow is the stream's id.
    Udp {
        /// Where it is.
        to: Endpoint,
    },
    /// To another page.
    Page {
        /// The name that it listens under.
        name: Name,
        /// What it is asked for.
        path: Path,
        /// `None`: to its listener for pages. Otherwise to its WebSocket listener, as a visitor comes by name who offers these.
        handshake: Option<Protocols>,
    },
}

/// Subprotocols on offer: distinct tokens in the order of preference (RFC 6455 §4.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protocols(Vec<Box<str>>);

/// `{"measure": …}`: bytes that are nothing but bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// What comes goes back.
    Echo,
    /// So many bytes come.
    Source {
        /// How many.
        bytes: u64,
    },
    /// What comes is thrown away.
    Sink,
}

impl Protocols {
    /// Checks a list of them.
    #[must_use]
    pub fn parse(list: Vec<String>) -> Option<Protocols> {
        let fits = |protocol: &String| protocol.len() <= PROTOCOL && is_token(protocol);
        let are_distinct = || list.iter().enumerate().all(|(at, protocol)| !list[..at].contains(protocol));
        let fits = list.len() <= limits::PROTOCOLS && list.iter().all(fits) && are_distinct();
        fits.then(|| Protocols(list.into_iter().map(Into::into).collect()))
    }

    /// Whether this one is on offer.
    #[must_use]
    pub fn offer(&self, protocol: &str) -> bool {
        self.0.iter().any(|offered| **offered == *protocol)
    }

    /// As a field value has them; `None` when there are none.
    #[must_use]
    pub fn field(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join(", "))
    }
}

impl Connect {
    /// Reads the fields of such a head.
    ///
    /// # Errors
    /// [`Code::ERR_UNSUPPORTED`] for a target or kind that is not known, [`Code::ERR_NAME_INVALID`], [`Code::ERR_HEAD_INVALID`].
    pub(super) fn parse(target: &str, raw: RawConnect) -> Result<Connect, Code> {
        let RawConnect { kind, url, protocols, starttls, wish } = raw;
        let protocols = Protocols::parse(protocols).ok_or(Code::ERR_HEAD_INVALID)?;
        let scheme = target.split_once(':');
        // What belongs to another kind of target is a mistake that must not go unnoticed.
        let misplaced = match scheme {
            Some(("tcp", _)) => !protocols.0.is_empty() || !wish.is_absent(),
            Some(("tls", _)) => !protocols.0.is_empty() || starttls,
            Some(("udp", _)) => !protocols.0.is_empty() || starttls || !wish.is_absent(),
            Some(("ws" | "wss" | "page", _)) => starttls || !wish.is_absent(),
            _ => return Err(Code::ERR_UNSUPPORTED),
        };
        if misplaced {
            return Err(Code::ERR_HEAD_INVALID);
        }
        match scheme {
            Some(("ws" | "wss", _)) => {
                let url = SocketUrl::parse(target).ok_or(Code::ERR_HEAD_INVALID)?;
                Ok(Connect::Server { url, protocols })
            }
            Some(("tcp" | "tls" | "udp", _)) => {
                let Target { protocol, endpoint: to } =
                    Target::parse(target).ok_or(Code::ERR_HEAD_INVALID)?;
                match protocol {
                    Protocol::Tls => Ok(Connect::Tls { to, wish: TlsWish::parse(wish)? }),
                    Protocol::Udp => Ok(Connect::Udp { to }),
                    _ => Ok(Connect::Tcp { to, starttls }),
                }
            }
            Some(("page", name)) => {
                let path = url.as_deref().map_or(Some(Path::default()), Path::parse);
                let path = path.ok_or(Code::ERR_HEAD_INVALID)?;
                let name = Name::parse(name).ok_or(Code::ERR_NAME_INVALID)?;
                match kind.as_deref() {
                    None | Some("page") if protocols.0.is_empty() => {
                        Ok(Connect::Page { name, path, handshake: None })
                    }
                    None | Some("page") => Err(Code::ERR_HEAD_INVALID),
                    Some("websocket") => Ok(Connect::Page { name, path, handshake: Some(protocols) }),
                    Some(_) => Err(Code::ERR_UNSUPPORTED),
                }
            }
            _ => Err(Code::ERR_UNSUPPORTED),
        }
    }
}

impl Measure {
    /// Reads the fields of such a head.
    ///
    /// # Errors
    /// [`Code::ERR_UNSUPPORTED`] for what is not known, [`Code::ERR_HEAD_INVALID`].
    pub(super) fn parse(what: &str, raw: &RawMeasure) -> Result<Measure, Code> {
        match (what, raw.bytes) {
            ("echo", _) => Ok(Measure::Echo),
            ("sink", _) => Ok(Measure::Sink),
            ("source", Some(bytes)) if bytes <= varint::MAX => Ok(Measure::Source { bytes }),
            ("source", _) => Err(Code::ERR_HEAD_INVALID),
            _ => Err(Code::ERR_UNSUPPORTED),
        }
    }
}

impl Serialize for Connect {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        let protocols = match self {
            Connect::Server { url, protocols } => {
                map.serialize_entry("connect", &url.to_string())?;
                Some(protocols)
            }
            Connect::Tcp { to, starttls } => {
                map.serialize_entry("connect", &format!("tcp://{to}"))?;
                if *starttls {
                    map.serialize_entry("starttls", starttls)?;
                }
                None
            }
            Connect::Tls { to, wish } => {
                map.serialize_entry("connect", &format!("tls://{to}"))?;
                wish.serialize_into(&mut map)?;
                None
            }
            Connect::Udp { to } => {
                map.serialize_entry("connect", &format!("udp://{to}"))?;
                None
            }
            Connect::Page { name, path, handshake } => {
                map.serialize_entry("connect", &format!("page:{name}"))?;
                let kind = if handshake.is_some() { Kind::WebSocket } else { Kind::Page };
                map.serialize_entry("kind", &kind)?;
                map.serialize_entry("url", path.as_str())?;
                handshake.as_ref()
            }
        };
        if let Some(Protocols(list)) = protocols.filter(|protocols| !protocols.0.is_empty()) {
            map.serialize_entry("protocols", list)?;
        }
        map.end()
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        let what = match self {
            Measure::Echo => "echo",
            Measure::Source { .. } => "source",
            Measure::Sink => "sink",
        };
        map.serialize_entry("measure", what)?;
        if let Measure::Source { bytes } = self {
            map.serialize_entry("bytes", bytes)?;
        }
        map.end()
    }
}

#[derive(Deserialize)]
pub(super) struct RawConnect {
    #[serde(default, deserialize_with = "json::present")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    url: Option<String>,
    #[serde(default)]
    protocols: Vec<String>,
    #[serde(default)]
    starttls: bool,
    #[serde(flatten)]
    wish: RawWish,
}

#[derive(Deserialize)]
pub(super) struct RawMeasure {
    #[serde(default, deserialize_with = "json::present")]
    bytes: Option<u64>,
}
