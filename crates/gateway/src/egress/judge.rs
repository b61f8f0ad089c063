//! Which rule decides about a target, and why. First by the text of it, before anything is looked up; then for each address.
//!
//! Must never allow by an address what was asked for by a name: whoever owns the name chooses its addresses.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use pageport_proto::target::{Endpoint, Host, Protocol, Target};

use super::destination::is_mail;
use super::nearby::{carried, is_nearby};
use super::own::Own;
use super::special::{is_meant, special};
use super::{Egress, Hosts, Party, Rule};

/// Why a target may not be connected to. Rules are counted from 0, in the order in which they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// No rule names it for this party.
    NoRule,
    /// Rules name it, but none as mail asks for: with this very port, and no pattern of names.
    Mail,
    /// A `[[deny]]` names it, or this address of it.
    Denied {
        /// Which one.
        deny: usize,
        /// The address, unless it is the target as it was written.
        address: Option<IpAddr>,
    },
    /// The rule does not mean this address.
    Special {
        /// Which rule.
        rule: usize,
        /// The address.
        address: IpAddr,
        /// What it is.
        purpose: &'static str,
    },
    /// The gateway itself is there.
    Own,
    /// Nobody is ever there.
    Nowhere(IpAddr),
    /// The name has no address.
    Unresolved,
    /// Too many names are being looked up.
    Busy,
}

/// What is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    /// By which rule.
    pub(crate) rule: usize,
    /// Where, in the order in which the addresses were found.
    pub(crate) addresses: Vec<SocketAddr>,
}

/// A wish to be connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) target: Target,
    /// Whether TLS may begin later.
    pub(crate) starttls: bool,
}

impl From<Target> for Wanted {
    fn from(target: Target) -> Wanted {
        Wanted { target, starttls: false }
    }
}

impl Wanted {
    fn endpoint(&self) -> &Endpoint {
        &self.target.endpoint
    }

    /// What is spoken.
    pub(crate) fn protocol(&self) -> Protocol {
        self.target.protocol
    }

    /// Whether its addresses are those that a name has today.
    pub(super) fn is_named(&self) -> bool {
        matches!(&self.endpoint().host, Host::Name(_)) && !self.endpoint().host.is_localhost()
    }
}

impl Egress {
    /// The rules that name a target, by its text alone; at least one.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn candidates(&self, wanted: &Wanted, party: &Party, own: &Own) -> Result<Vec<usize>, Why> {
        let (endpoint, protocol) = (wanted.endpoint(), wanted.target.protocol);
        let forbids =
            |deny: &super::Deny| deny.names(endpoint) && deny.is_for(protocol, wanted.starttls, party);
        if let Some(deny) = self.deny.iter().position(forbids) {
            return Err(Why::Denied { deny, address: None });
        }
        let names = |rule: &Rule| rule.to.names(endpoint) && rule.is_for(protocol, wanted.starttls, party);
        let named: Vec<usize> = (0..self.allow.len()).filter(|at| names(&self.allow[*at])).collect();
        if named.is_empty() {
            return Err(Why::NoRule);
        }
        if own.is_called(endpoint) {
            return Err(Why::Own);
        }
        if !is_mail(endpoint.port) {
            return Ok(named);
        }
        let for_mail: Vec<usize> = named.into_iter().filter(|at| self.allow[*at].to.is_for_mail()).collect();
        if for_mail.is_empty() { Err(Why::Mail) } else { Ok(for_mail) }
    }

    /// The first of these rules that means one of the addresses, and those that it means.
    ///
    /// # Errors
    /// Why none does.
    pub(super) fn judge(
        &self,
        candidates: &[usize],
        found: &[IpAddr],
        wanted: &Wanted,
        party: &Party,
        own: &Own,
    ) -> Result<Granted, Why> {
        let (port, mut first) = (wanted.endpoint().port, None);
        let mut left = Vec::with_capacity(found.len());
        for ip in found {
            match self.never(*ip, wanted, party, own) {
                None => left.push(*ip),
                Some(why) => first = first.or(Some(why)),
            }
        }
        for rule in candidates {
            let not_meant = |ip: &IpAddr| self.not_meant(*rule, *ip, wanted);
            // Whoever may use any name could let one lead anywhere: of such a name nothing is believed.
            let suspect = self.allow[*rule].to.hosts.is_wildcard();
            if let Some(why) = found.iter().find_map(not_meant).filter(|_| suspect) {
                first = first.or(Some(why));
                continue;
            }
            let meant: Vec<_> = left.iter().filter(|ip| not_meant(ip).is_none()).collect();
            if !meant.is_empty() {
                let addresses = meant.into_iter().map(|ip| SocketAddr::from((*ip, port))).collect();
                return Ok(Granted { rule: *rule, addresses });
            }
            first = first.or_else(|| left.iter().find_map(not_meant));
        }
        Err(first.unwrap_or(Why::Unresolved))
    }

    /// Whether a connection to this address would be allowed now.
    pub(super) fn permits(&self, address: IpAddr, wanted: &Wanted, party: &Party, own: &Own) -> bool {
        self.candidates(wanted, party, own)
            .and_then(|rules| self.judge(&rules, &[address], wanted, party, own))
            .is_ok()
    }

    /// Whether a certificate of this name may be asked for in place of the target's own: a rule must name it as a target of the same kind.
    pub(super) fn permits_name(&self, name: &Host, wanted: &Wanted, party: &Party, own: &Own) -> bool {
        let endpoint = Endpoint { host: name.clone(), port: wanted.endpoint().port };
        let target = Target { endpoint, ..wanted.target.clone() };
        *name == wanted.endpoint().host
            || self.candidates(&Wanted { target, starttls: wanted.starttls }, party, own).is_ok()
    }

    /// Why an address is out of reach, whichever rule would mean it.
    fn never(&self, ip: IpAddr, wanted: &Wanted, party: &Party, own: &Own) -> Option<Why> {
        let port = wanted.endpoint().port;
        let plain = ip.to_canonical();
        if plain.is_unspecified() || plain.is_multicast() {
            return Some(Why::Nowhere(ip));
        }
        let forms = [ip, plain, carried(ip)];
        if forms.iter().any(|ip| own.has((*ip, port).into())) {
            return Some(Why::Own);
        }
        let forbids = |deny: &super::Deny| {
            deny.is_for(wanted.target.protocol, wanted.starttls, party)
                && forms.iter().any(|ip| deny.to.reaches(*ip, port))
        };
        let deny = self.deny.iter().position(forbids)?;
        Some(Why::Denied { deny, address: Some(ip) })
    }

    /// Why a rule that names the target does not mean this address of it.
    fn not_meant(&self, rule: usize, ip: IpAddr, wanted: &Wanted) -> Option<Why> {
        let purpose = || special(ip).or_else(|| special(carried(ip))).map_or("nearby", |block| block.purpose);
        let meant = match &self.allow[rule].to.hosts {
            Hosts::Exact(_) => !wanted.is_named() || !is_nearby(ip.to_canonical()),
            Hosts::Network(network) => is_meant(network, ip),
            Hosts::Below(_) | Hosts::Any => special(ip).is_none(),
        };
        (!meant).then(|| Why::Special { rule, address: ip, purpose: purpose() })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}
