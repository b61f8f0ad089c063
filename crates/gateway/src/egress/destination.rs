//! Destinations of rules: which hosts and which ports, in one text. One reading of each; what could mean two things is refused.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use ipnet::IpNet;
use pageport_proto::target::{Endpoint, Host};

/// Where mail is handed over (RFC 5321, RFC 8314, and a custom): what a gateway must not be used for by accident.
const MAIL: [u16; 4] = [25, 465, 587, 2525];

/// Hosts and ports of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Destination {
    /// Which hosts.
    pub hosts: Hosts,
    /// Which ports.
    pub ports: Ports,
}

/// Hosts of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hosts {
    /// One name or address.
    Exact(Host),
    /// `*.example.com`: every name below, at any depth, and not the name itself.
    Below(Box<str>),
    /// Addresses of a network: `10.1.0.0/16`, `[fd00::/8]`.
    Network(IpNet),
    /// `*`: every name and every address.
    Any,
}

/// Ports of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ports {
    /// One port.
    One(u16),
    /// `6660-6669`
    Range(RangeInclusive<u16>),
    /// `*`
    Any,
}

impl Destination {
    /// Reads `hosts:ports`. The error says what would be right.
    ///
    /// # Errors
    /// When it is no destination.
    pub fn parse(text: &str) -> Result<Destination, &'static str> {
        const FORM: &str = "HOST:PORTS, such as \"chat.example:443\", \"[::1]:8080\", \"*.example.com:443\", \"10.1.0.0/16:*\" or \
                            \"irc.example:6660-6669\": no scheme, no path";
        let (hosts, ports) = text.rsplit_once(':').ok_or(FORM)?;
        Ok(Destination { hosts: Hosts::parse(hosts, FORM)?, ports: Ports::parse(ports).ok_or(FORM)? })
    }

    /// Exactly this one.
    #[must_use]
    pub fn exactly(endpoint: Endpoint) -> Destination {
        Destination { hosts: Hosts::Exact(endpoint.host), ports: Ports::One(endpoint.port) }
    }

    /// Whether the text of a target is meant: nothing is looked up.
    pub(super) fn names(&self, endpoint: &Endpoint) -> bool {
        self.ports.have(endpoint.port) && self.hosts.name(&endpoint.host)
    }

    /// Whether an address at a port is meant, whatever name led to it.
    pub(super) fn reaches(&self, ip: IpAddr, port: u16) -> bool {
        self.ports.have(port) && self.hosts.name(&Host::Ip(ip))
    }

    /// Whether it was written with a certain port, and with hosts that are no pattern of names, as handing over mail asks for.
    pub(super) fn is_for_mail(&self) -> bool {
        matches!(self.ports, Ports::One(_)) && !self.hosts.is_wildcard()
    }

    /// Whether it is for mail alone, and written as mail must not be.
    pub(crate) fn is_vain(&self) -> bool {
        matches!(self.ports, Ports::One(port) if is_mail(port)) && !self.is_for_mail()
    }
}

/// Whether mail is handed over at this port.
pub(super) fn is_mail(port: u16) -> bool {
    MAIL.contains(&port)
}

impl Hosts {
    fn parse(text: &str, form: &'static str) -> Result<Hosts, &'static str> {
        if text == "*" {
            return Ok(Hosts::Any);
        }
        if let Some(suffix) = text.strip_prefix("*.") {
            return match Host::parse(suffix) {
                Some(Host::Name(name)) => Ok(Hosts::Below(name)),
                _ => Err(form),
            };
        }
        if let Some((address, length)) = text.trim_start_matches('[').trim_end_matches(']').split_once('/') {
            let bracketed = text.starts_with('[') && text.ends_with(']');
            return network(address, length, bracketed);
        }
        Host::parse(text).map(Hosts::Exact).ok_or(form)
    }

    /// Whether it stands for names that nobody has written down.
    pub(super) fn is_wildcard(&self) -> bool {
        matches!(self, Hosts::Below(_) | Hosts::Any)
    }

    fn name(&self, host: &Host) -> bool {
        match (self, host) {
            (Hosts::Any, _) => true,
            (Hosts::Exact(exact), host) => exact == host,
            (Hosts::Below(parent), Host::Name(name)) => {
                name.strip_suffix(&**parent).is_some_and(|label| label.ends_with('.'))
            }
            (Hosts::Network(network), Host::Ip(ip)) => network.contains(ip),
            _ => false,
        }
    }
}

/// Strict where others guess: the address in its usual form, no bits behind the prefix, brackets for IPv6 and only there.
fn network(address: &str, length: &str, bracketed: bool) -> Result<Hosts, &'static str> {
    const FORM: &str = "a network, such as 10.1.0.0/16 or [fd00::/8]";
    const BITS: &str = "a network has no bits set behind its prefix: 10.1.0.0/16, not 10.1.2.3/16";
    let address = if bracketed {
        address.parse::<Ipv6Addr>().map(IpAddr::from).map_err(|_| FORM)?
    } else {
        address.parse::<Ipv4Addr>().map(IpAddr::from).map_err(|_| FORM)?
    };
    let length = number(length, 3).and_then(|length| u8::try_from(length).ok()).ok_or(FORM)?;
    let network = IpNet::new(address, length).map_err(|_| FORM)?;
    if network.trunc() == network { Ok(Hosts::Network(network)) } else { Err(BITS) }
}

impl Ports {
    fn parse(text: &str) -> Option<Ports> {
        let port = |text| number(text, 5).and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
        match text.split_once('-') {
            _ if text == "*" => Some(Ports::Any),
            None => port(text).map(Ports::One),
            Some((first, last)) => {
                let (first, last) = (port(first)?, port(last)?);
                (first < last).then_some(Ports::Range(first..=last))
            }
        }
    }

    fn have(&self, port: u16) -> bool {
        match self {
            Ports::One(one) => *one == port,
            Ports::Range(range) => range.contains(&port),
            Ports::Any => port != 0,
        }
    }
}

/// Digits without a zero in front.
fn number(text: &str, most: usize) -> Option<u32> {
    let fits = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    text.parse().ok().filter(|_| fits && !padded)
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.hosts, self.ports)
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hosts::Exact(host) => host.fmt(f),
            Hosts::Below(parent) => write!(f, "*.{parent}"),
            Hosts::Network(IpNet::V4(network)) => network.fmt(f),
            Hosts::Network(IpNet::V6(network)) => write!(f, "[{network}]"),
            Hosts::Any => f.write_str("*"),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ports::One(port) => port.fmt(f),
            Ports::Range(range) => write!(f, "{}-{}", range.start(), range.end()),
            Ports::Any => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(rule: &str, target: &str) -> bool {
        let rule = Destination::parse(rule).expect(rule);
        rule.names(&Endpoint::parse(target).expect(target))
    }

    #[test]
    fn what_is_read_is_written_the_same() {
        for (text, form) in [
            ("Mail.example:993", "mail.example:993"),
            ("[2001:DB8::1]:80", "[2001:db8::1]:80"),
            ("*.Example.com:443", "*.example.com:443"),
            ("*:*", "*:*"),
            ("10.1.0.0/16:6660-6669", "10.1.0.0/16:6660-6669"),
            ("0.0.0.0/0:1", "0.0.0.0/0:1"),
            ("[fd00::/8]:*", "[fd00::/8]:*"),
            ("127.0.0.1/32:1", "127.0.0.1/32:1"),
        ] {
            let parsed = Destination::parse(text).expect(text);
            assert_eq!(parsed.to_string(), form);
            assert_eq!(Destination::parse(form).as_ref(), Ok(&parsed));
        }
    }

    #[test]
    fn what_could_mean_two_things_is_no_destination() {
        for text in [
            "",
            "a.example",
            "a.example:",
            ":443",
            "a.example:0",
            "a.example:080",
            "a.example:65536",
            "a.example:http",
            "a.example:1-",
            "a.example:-1",
            "a.example:9-1",
            "a.example:9-9",
            "a.example:1-2-3",
            "a.example:1,2",
            "a.example:1 - 2",
            "a.example.:443",
            "*example.com:443",
            "a.*.example:443",
            "*.*.example:443",
            "*.:443",
            "*.10.0.0.1:443",
            "**:443",
            "tcp://a.example:443",
            "a.example:443/path",
            "10.1.2.3/16:1",
            "10.1/16:1",
            "10.1.0.0/33:1",
            "10.1.0.0/016:1",
            "010.1.0.0/16:1",
            "0x0a.1.0.0/16:1",
            "[10.1.0.0/16]:1",
            "fd00::/8:1",
            "[fd00::]/8:1",
            "[fd00::/129]:1",
            "[fd00::1/8]:1",
            "[fe80::1%eth0]:1",
            "127.1:1",
            "2130706433:1",
        ] {
            assert!(Destination::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn patterns_mean_what_they_say_and_nothing_beside_it() {
        for (rule, yes, no) in [
            ("a.example:1-9", "A.example:9", "a.example:10"),
            ("*.example.com:*", "a.b.example.com:65535", "example.com:1"),
            ("*.example.com:1", "a.example.com:1", "a-example.com:1"),
            ("*.example.com:1", "a.example.com:1", "a.example.com.evil.test:1"),
            ("10.0.0.0/8:1", "10.255.255.255:1", "11.0.0.0:1"),
            ("[fd00::/8]:1", "[fdff::1]:1", "[fc00::1]:1"),
            ("0.0.0.0/0:1", "203.0.113.9:1", "[::1]:1"),
            ("10.0.0.0/8:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"),
            ("127.0.0.1:1", "127.0.0.1:1", "[::ffff:127.0.0.1]:1"),
        ] {
            assert!(names(rule, yes), "{rule} {yes}");
            assert!(!names(rule, no), "{rule} {no}");
        }
        assert!(names("*:1", "a:1") && names("*:1", "192.0.2.1:1") && names("*:1", "[2001:db8::1]:1"));
        assert!(!names("10.0.0.0/8:1", "ten.example:1"), "a name is no address, whatever it resolves to");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_read_has_one_form(text in "[*\\[\\]/:.0-9a-f%-]{0,24}(:[0-9*-]{1,6})?") {
            if let Ok(parsed) = Destination::parse(&text) {
                let form = parsed.to_string();
                assert_eq!(Destination::parse(&form).as_ref(), Ok(&parsed), "{text}");
                assert_eq!(Destination::parse(&form).map(|again| again.to_string()), Ok(form));
            }
        }
    }
}
