//! A second door, to the local network: the gateway's own pages under an address that other machines reach, always over TLS. Names below
//! the base domain do not lead there, so listeners are visited by path. Must never let in a page of any other origin than its own.

use std::io;
use std::net::SocketAddr;

use http::Request;

use crate::address::PublicAddress;
use crate::bind::BindError;
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
    /// # Errors
    /// [`BindError`] for what no browser would send as an origin: without one the door would be the front door once more.
    pub(crate) fn new(bound: SocketAddr) -> Result<Lan, BindError> {
        let base = match bound {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        let address = PublicAddress { secure: true, base: base.into(), port: bound.port() };
        let no_origin =
            || BindError { admin: false, address: bound, error: io::ErrorKind::AddrNotAvailable.into() };
        let origin = Origin::parse(&address.site()).ok_or_else(no_origin)?;
        Ok(Lan { address, origin })
    }

    /// Whether a request names this door, port included: no other host is the gateway's own here.
    pub(crate) fn is_meant_by(&self, request: &Request<()>) -> bool {
        own_origin(request.version(), request.uri(), request.headers(), true)
            .is_ok_and(|origin| *origin == *self.origin.as_str())
    }
}
