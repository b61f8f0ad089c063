//! From a target to addresses that may be connected to. What is checked here is what is connected to: nobody looks the name up again.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use pageport_proto::Code;
use pageport_proto::target::{Endpoint, Host};

use super::lookup::Resolver;
use super::nearby::{carried, is_nearby};
use super::own::Own;
use crate::config::Limits;

/// Finds where targets are.
pub(crate) struct Finder {
    own: Own,
    resolver: Resolver,
}

impl Finder {
    /// For a gateway that listens there.
    pub(crate) fn new(own: Own) -> Finder {
        Finder { own, resolver: Resolver::default() }
    }

    /// The addresses of a target in the order in which to try them, without those that must not be connected to; `dns` are the servers to ask,
    /// or none for the system's.
    ///
    /// # Errors
    /// [`Code::ERR_TARGET_UNRESOLVED`], [`Code::ERR_OVERLOADED`], or [`Code::ERR_TARGET_FORBIDDEN`] when none may be connected to.
    pub(crate) async fn addresses(
        &self,
        to: &Endpoint,
        dns: &[SocketAddr],
        limits: &Limits,
    ) -> Result<Vec<SocketAddr>, Code> {
        let (found, named) = match &to.host {
            Host::Ip(ip) => (vec![*ip], false),
            host if host.is_localhost() => {
                (vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()], false)
            }
            Host::Name(name) => (self.resolver.lookup(name, dns, limits.lookups).await?, true),
        };
        let may = |address: &SocketAddr| {
            let ip = address.ip().to_canonical();
            let meant = !named || !is_nearby(ip);
            let to_itself = self.own.has(*address) || self.own.has((carried(ip), address.port()).into());
            meant && !ip.is_unspecified() && !ip.is_multicast() && !to_itself
        };
        let found = found.into_iter().map(|ip| SocketAddr::from((ip, to.port)));
        let mut left = by_turns(found.filter(may));
        left.truncate(usize::try_from(limits.connect_addresses).unwrap_or(usize::MAX));
        if left.is_empty() { Err(Code::ERR_TARGET_FORBIDDEN) } else { Ok(left) }
    }
}

/// The two families by turns, the first one's first (RFC 8305 §4): all of one family may be out of reach at once.
fn by_turns(list: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut list = list.peekable();
    let first = list.peek().is_some_and(SocketAddr::is_ipv4);
    let (one, other): (Vec<_>, Vec<_>) = list.partition(|address| address.is_ipv4() == first);
    let mut other = other.into_iter();
    let mut turns = Vec::with_capacity(one.len() + other.len());
    for address in one {
        turns.push(address);
        turns.extend(other.next());
    }
    turns.extend(other);
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn left(to: &str, own: &[&str]) -> Result<usize, Code> {
        let own = Own::new(own.iter().map(|text| text.parse().expect("an address")), None);
        let to = Endpoint::parse(to).expect(to);
        Finder::new(own).addresses(&to, &[], &Limits::default()).await.map(|left| left.len())
    }

    #[tokio::test]
    async fn the_gateways_own_addresses_are_never_a_target() {
        const FORBIDDEN: Result<usize, Code> = Err(Code::ERR_TARGET_FORBIDDEN);
        for own in ["127.0.0.1:70", "0.0.0.0:70", "[::]:70", "[::ffff:127.0.0.1]:70"] {
            assert_eq!(left("127.0.0.1:70", &[own]).await, FORBIDDEN, "{own}");
            assert_eq!(left("[::ffff:127.0.0.1]:70", &[own]).await, FORBIDDEN, "{own}");
            assert_eq!(left("127.0.0.1:71", &[own]).await, Ok(1), "control: another port of {own}");
        }
        assert_eq!(left("127.1.2.3:70", &["0.0.0.0:70"]).await, FORBIDDEN);
        assert_eq!(left("localhost:70", &["127.0.0.1:70", "[::1]:70"]).await, FORBIDDEN);
        assert_eq!(
            left("localhost:70", &["127.0.0.1:70"]).await,
            Ok(1),
            "the other family is not the gateway's"
        );
        assert_eq!(left("192.0.2.1:70", &["0.0.0.0:70"]).await, Ok(1), "control: of another machine");
        assert_eq!(
            left("[64:ff9b::127.0.0.1]:70", &["127.0.0.1:70"]).await,
            FORBIDDEN,
            "translated on its way"
        );
        assert_eq!(left("[64:ff9b::127.0.0.1]:70", &[]).await, Ok(1), "an address that the operator wrote");
        for never in ["0.0.0.0:1", "[::]:1", "224.0.0.1:1", "[ff02::1]:1"] {
            assert_eq!(left(never, &[]).await, FORBIDDEN, "{never}");
        }
    }

    #[test]
    fn families_take_turns() {
        let turns = |list: &str| {
            let list = list.split(' ').map(|ip| SocketAddr::new(ip.parse().expect("an address"), 1));
            by_turns(list).iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(turns("::a ::b ::c 192.0.2.1"), "::a 192.0.2.1 ::b ::c");
        assert_eq!(turns("192.0.2.1 ::a ::b ::c"), "192.0.2.1 ::a ::b ::c");
        assert_eq!(turns("192.0.2.1 192.0.2.2 ::a"), "192.0.2.1 ::a 192.0.2.2");
        assert_eq!(turns("192.0.2.1 192.0.2.2"), "192.0.2.1 192.0.2.2");
    }
}
