//! From a target to addresses that may be connected to. What is checked here is what is connected to: nobody looks the name up again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use pageport_proto::Code;
use pageport_proto::target::{Endpoint, Host};

use super::judge::{Granted, Wanted, Why};
use super::lookup::Resolver;
use super::own::Own;
use super::{Egress, Party};
use crate::config::Limits;

/// Finds where targets are, and whether they may be connected to.
pub(crate) struct Finder {
    own: Own,
    resolver: Resolver,
}

impl Finder {
    /// For a gateway that listens there.
    pub(crate) fn new(own: Own) -> Finder {
        Finder { own, resolver: Resolver::default() }
    }

    /// Which rule allows a target, and its addresses in the order in which to try them; `dns` are the servers to ask, or none for the system's.
    /// What no rule names is not looked up.
    ///
    /// # Errors
    /// Why it may not be connected to.
    pub(crate) async fn decide(
        &self,
        egress: &Egress,
        wanted: &Wanted,
        party: &Party,
        (dns, limits): (&[SocketAddr], &Limits),
    ) -> Result<Granted, Why> {
        let candidates = egress.candidates(wanted, party, &self.own)?;
        let found = self.addresses(&wanted.target.endpoint, dns, limits).await?;
        let granted = egress.judge(&candidates, &found, wanted, party, &self.own)?;
        let mut addresses = by_turns(granted.addresses.into_iter());
        addresses.truncate(usize::try_from(limits.connect_addresses).unwrap_or(usize::MAX));
        Ok(Granted { addresses, ..granted })
    }

    /// Whether a connection to this address of a target would be allowed now.
    pub(crate) fn permits(&self, egress: &Egress, address: IpAddr, wanted: &Wanted, party: &Party) -> bool {
        egress.permits(address, wanted, party, &self.own)
    }

    /// Whether a certificate of this name may be asked for in place of the target's own.
    pub(crate) fn permits_name(&self, egress: &Egress, name: &Host, wanted: &Wanted, party: &Party) -> bool {
        egress.permits_name(name, wanted, party, &self.own)
    }

    async fn addresses(
        &self,
        to: &Endpoint,
        dns: &[SocketAddr],
        limits: &Limits,
    ) -> Result<Vec<IpAddr>, Why> {
        match &to.host {
            Host::Ip(ip) => Ok(vec![*ip]),
            host if host.is_localhost() => Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
            Host::Name(name) => {
                self.resolver.lookup(name, dns, limits.lookups).await.map_err(|code| match code {
                    Code::ERR_OVERLOADED => Why::Busy,
                    _ => Why::Unresolved,
                })
            }
        }
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
    use crate::egress::Rule;
    use pageport_proto::target::Target;

    async fn left(to: &str, own: &[&str]) -> Result<usize, Why> {
        let own = Own::new(own.iter().map(|text| text.parse().expect("an address")), None);
        let target = Target::parse(&format!("tcp://{to}")).expect(to);
        let egress = Egress { allow: vec![Rule::exactly(target.clone())], deny: Vec::new() };
        let limits = Limits::default();
        let decided =
            Finder::new(own).decide(&egress, &target.into(), &Party::default(), (&[], &limits)).await;
        decided.map(|granted| granted.addresses.len())
    }

    #[tokio::test]
    async fn the_gateways_own_addresses_are_never_a_target() {
        const FORBIDDEN: Result<usize, Why> = Err(Why::Own);
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
            assert!(matches!(left(never, &[]).await, Err(Why::Nowhere(_))), "{never}");
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
