//! A second door, to the local network: the gateway's own pages under an address that other machines reach, always over TLS. Names below
//! the base domain do not lead there, so listeners are visited by path. Must never let in a page of any other origin than its own.

use std::net::SocketAddr;

use http::Request;

use crate::address::PublicAddress;
use crate::front::host::own_origin;
use crate::front::origin::Origin;

/// Which of the gateway's doors a connection has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Where `listen` is.
    Front,
    /// The one to the local network.
    Lan,
}

/// How the second door is reached.
#[derive(Debug)]
pub(crate) struct Lan {
    /// With the IP address in place of a base domain.
    pub(crate) address: PublicAddress,
    /// The only one whose pages may attach here.
    pub(crate) origin: Origin,
}

impl Lan {
    /// `None` for what no browser would send as an origin, such as an address with a scope.
    pub(crate) fn new(address: SocketAddr) -> Option<Lan> {
        let base = match address {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        let address = PublicAddress { secure: true, base: base.into(), port: address.port() };
        let origin = Origin::parse(&address.site())?;
        Some(Lan { address, origin })
    }

    /// Whether a request names this door, port included: no other host is the gateway's own here.
    pub(crate) fn is_meant_by(&self, request: &Request<()>) -> bool {
        own_origin(request.version(), request.uri(), request.headers(), true)
            .is_ok_and(|origin| *origin == *self.origin.as_str())
    }
}
