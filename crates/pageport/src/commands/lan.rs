//! The address at which other machines of the local network reach this one. Must never choose one that the internet may reach: who wants
//! that has to say so.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::str::FromStr;

use pageport_gateway::config::Listen;

use crate::failure::Failure;

/// What follows `--lan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LanAddress {
    /// The one that this machine has in its private network.
    Auto,
    /// Exactly this one.
    Given(IpAddr),
}

/// Why there is none.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum LanFailure {
    #[error("this machine has no address that others reach: {0}")]
    #[diagnostic(
        code(ERR_ADDRESS_INVALID),
        help("connect it to a network, or name an address: --lan=192.168.1.5")
    )]
    Offline(io::Error),
    #[error("{0} is not an address of a private network: perhaps the whole internet reaches it")]
    #[diagnostic(code(ERR_ADDRESS_INVALID), help("say --lan={0} if that is what you want"))]
    Public(IpAddr),
    #[error("{0} is not an address that other machines reach")]
    #[diagnostic(
        code(ERR_ADDRESS_INVALID),
        help("name this machine's own in its network: --lan=192.168.1.5")
    )]
    Unreachable(IpAddr),
    #[error("--lan adds an address to loopback, and --listen names others")]
    #[diagnostic(code(ERR_ADDRESS_INVALID), help("give --listen a port alone, such as --listen 8080"))]
    NotLoopback,
}

impl FromStr for LanAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<LanAddress, String> {
        match text {
            "auto" => Ok(LanAddress::Auto),
            text => {
                text.parse().map(LanAddress::Given).map_err(|_| "an IP address of this machine".to_owned())
            }
        }
    }
}

/// The address to listen at.
pub(crate) fn find(wanted: LanAddress, listen: &Listen) -> Result<IpAddr, Failure> {
    if !matches!(listen, Listen::Loopback(_)) {
        return Err(LanFailure::NotLoopback.into());
    }
    let address = match wanted {
        LanAddress::Given(address) => address,
        LanAddress::Auto => match own().map_err(LanFailure::Offline)? {
            address if is_private(address) => address,
            address => return Err(LanFailure::Public(address).into()),
        },
    };
    if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
        return Err(LanFailure::Unreachable(address).into());
    }
    Ok(address)
}

/// From where this machine would speak to the rest of the world. Nothing is sent: connecting a datagram socket asks for the route only.
fn own() -> io::Result<IpAddr> {
    // Addresses for documentation (RFC 5737, RFC 3849): they belong to nobody.
    let anywhere: [(SocketAddr, SocketAddr); 2] = [
        ((Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::new(203, 0, 113, 1), 9).into()),
        ((Ipv6Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into()),
    ];
    let own = |(from, to): (SocketAddr, SocketAddr)| -> io::Result<IpAddr> {
        let socket = UdpSocket::bind(from)?;
        socket.connect(to)?;
        Ok(socket.local_addr()?.ip())
    };
    own(anywhere[0]).or_else(|_| own(anywhere[1]))
}

/// RFC 1918, RFC 6598 (behind a provider's NAT), RFC 3927, RFC 4193.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_private() || address.is_link_local() || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_private_networks_are_chosen_unasked() {
        for inside in ["10.1.2.3", "172.31.0.1", "192.168.1.5", "100.64.0.1", "169.254.1.1", "fd00::2"] {
            assert!(is_private(inside.parse().expect("an address")), "{inside}");
        }
        for outside in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "192.0.2.2", "2001:db8::1", "fe80::1"] {
            assert!(!is_private(outside.parse().expect("an address")), "{outside}");
        }
    }

    #[test]
    fn what_is_named_is_taken_unless_no_other_machine_reaches_it() {
        let find = |text: &str| find(text.parse().expect("an address"), &Listen::Loopback(0));
        assert_eq!(find("203.0.113.7").ok(), Some(IpAddr::from([203, 0, 113, 7])));
        for nowhere in ["127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.1"] {
            assert!(find(nowhere).is_err(), "{nowhere}");
        }
        assert!("nonsense".parse::<LanAddress>().is_err());
    }

    #[test]
    fn it_adds_to_loopback_and_to_nothing_else() {
        let address = LanAddress::Given([192, 168, 1, 5].into());
        let listen = Listen::Addresses(vec![([0, 0, 0, 0], 7070).into()]);
        assert!(find(address, &listen).is_err());
        assert!(find(address, &Listen::Loopback(7070)).is_ok());
    }
}
