//! Where a load goes, and what is spoken on the way.

use std::net::SocketAddr;
use std::str::FromStr;

use crate::Outcome;

/// What a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Nothing but bytes.
    Raw,
    /// Bytes behind a light handshake: `Upgrade: tcp`.
    Upgrade,
    /// Binary messages (RFC 6455).
    WebSocket,
}

/// `HOST:PORT`, `upgrade://HOST:PORT/path` or `ws://HOST:PORT/path`; hosts are addresses.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) way: Way,
    pub(crate) address: SocketAddr,
    /// With the query; empty for `Raw`.
    pub(crate) path: String,
}

impl FromStr for Target {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(text: &str) -> Outcome<Target> {
        let (way, rest) = match text.split_once("://") {
            None => (Way::Raw, text),
            Some(("upgrade", rest)) => (Way::Upgrade, rest),
            Some(("ws", rest)) => (Way::WebSocket, rest),
            Some((other, _)) => return Err(format!("nothing speaks {other}").into()),
        };
        let (address, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        Ok(Target { way, address: address.parse()?, path: path.to_owned() })
    }
}
