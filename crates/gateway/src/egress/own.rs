//! Where the gateway itself can be reached: never a target, whatever name or form of address leads there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use pageport_proto::target::{Endpoint, Host};

use crate::address::PublicAddress;
use crate::config::Tcp;

/// Where the gateway listens, admin included, the ports that its listeners may have, and what it is called.
#[derive(Debug, Default)]
pub(crate) struct Own {
    listening: Vec<SocketAddr>,
    ports: Option<Tcp>,
    called: Vec<PublicAddress>,
}

impl Own {
    pub(crate) fn new(listening: impl IntoIterator<Item = SocketAddr>, ports: Option<Tcp>) -> Own {
        Own { listening: listening.into_iter().collect(), ports, called: Vec::new() }
    }

    /// That is also called so.
    pub(crate) fn called(mut self, addresses: impl IntoIterator<Item = PublicAddress>) -> Own {
        self.called.extend(addresses);
        self
    }

    /// Whether a target is the gateway, one of its listeners or one of its public ports by its text, wherever that may lead today.
    pub(super) fn is_called(&self, endpoint: &Endpoint) -> bool {
        let Host::Name(name) = &endpoint.host else { return false };
        let is_below = |base: &str| {
            let rest = name.strip_suffix(base);
            rest.is_some_and(|label| label.is_empty() || label.ends_with('.'))
        };
        let ports = self.ports.as_ref();
        self.called.iter().any(|own| own.port == endpoint.port && is_below(&own.base))
            || ports.is_some_and(|tcp| tcp.ports.contains(&endpoint.port) && *tcp.host == **name)
    }

    pub(super) fn has(&self, address: SocketAddr) -> bool {
        let (ip, port) = (address.ip().to_canonical(), address.port());
        let mut listening = self.listening.iter().filter(|own| own.port() == port);
        // Of public ports the whole range: who listens where may be different a moment later.
        let ports = self.ports.as_ref().filter(|tcp| tcp.ports.contains(&port));
        listening.any(|own| is_at(own.ip(), ip)) || ports.is_some_and(|tcp| is_bound(tcp.bind, ip))
    }
}

/// Whether what listens at `own` is reached at `ip`.
fn is_at(own: IpAddr, ip: IpAddr) -> bool {
    let own = own.to_canonical();
    own == ip || (own.is_unspecified() && is_of_this_machine(ip))
}

/// The same for public ports, where one loopback address stands for both.
fn is_bound(bind: IpAddr, ip: IpAddr) -> bool {
    let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    is_at(bind, ip) || (bind.is_loopback() && both.contains(&ip))
}

/// Only an address of this machine can be bound to.
fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || UdpSocket::bind((ip, 0)).is_ok()
}
