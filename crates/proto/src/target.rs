//! Where connections may go: hosts, ports, targets and WebSocket URLs, in a form that two readers cannot read differently (§7.5).
//!
//! Knows forms only. Whether somebody may connect there, and what a name resolves to, is for the gateway.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

/// The longest domain (RFC 1035 §2.3.4), and the longest of its labels.
const NAME: usize = 253;
const LABEL: usize = 63;

/// A domain in lower case, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// Labels of `a-z`, `0-9`, `-` and `_`; no dot at the end.
    Name(Box<str>),
    /// `192.0.2.7`, or `[2001:db8::7]` in brackets.
    Ip(IpAddr),
}

/// A host and a port, which is never 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// What is spoken with a target, as far as rules tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Bytes.
    Tcp,
    /// Bytes within TLS, which the gateway does.
    Tls,
    /// Datagrams.
    Udp,
    /// A WebSocket.
    Ws,
    /// A WebSocket within TLS.
    Wss,
}

/// A place and what is spoken there: `tcp://host:port`. The port is always written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// What is spoken.
    pub protocol: Protocol,
    /// Where.
    pub endpoint: Endpoint,
}

/// The URL of a WebSocket server: no user, no fragment, and all of it visible ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SocketUrl {
    /// Whether it is `wss`.
    pub secure: bool,
    /// Whose it is.
    pub endpoint: Endpoint,
    /// What is asked for there.
    pub path: Path,
}

/// A path with its query: `/`, then visible ASCII without `#`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path(Box<str>);

impl Host {
    /// Reads a host; upper case counts as lower case. Like browsers (WHATWG URL §3.5) it takes what ends in a number for an address, and
    /// only the usual form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Host> {
        if let Some(inner) = text.strip_prefix('[') {
            let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Host::Ip(address.into()));
        }
        let label_fits = |label: &str| {
            (1..=LABEL).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if text.len() > NAME || !text.split('.').all(label_fits) {
            return None;
        }
        let name = text.to_ascii_lowercase();
        if is_number(name.rsplit('.').next()?) {
            return name.parse::<Ipv4Addr>().ok().map(|address| Host::Ip(address.into()));
        }
        Some(Host::Name(name.into()))
    }

    /// Whether it is `localhost` or a name under it, which mean this machine whatever a resolver says (RFC 6761 §6.3).
    #[must_use]
    pub fn is_localhost(&self) -> bool {
        matches!(self, Host::Name(name) if &**name == "localhost" || name.ends_with(".localhost"))
    }
}

/// Decimal, or hexadecimal as `0x` announces it.
fn is_number(label: &str) -> bool {
    let hexadecimal = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    label.bytes().all(|byte| byte.is_ascii_digit()) || label.strip_prefix("0x").is_some_and(hexadecimal)
}

impl Endpoint {
    /// Reads `host:port`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Endpoint> {
        let (host, port) = text.rsplit_once(':')?;
        Some(Endpoint { host: Host::parse(host)?, port: port_of(port)? })
    }
}

fn port_of(digits: &str) -> Option<u16> {
    let fits = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| fits)
}

impl Protocol {
    /// All of them.
    pub const ALL: [Protocol; 5] = [Protocol::Tcp, Protocol::Tls, Protocol::Udp, Protocol::Ws, Protocol::Wss];

    /// The word for it, which is the scheme of its URLs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Tls => "tls",
            Protocol::Udp => "udp",
            Protocol::Ws => "ws",
            Protocol::Wss => "wss",
        }
    }

    /// The protocol of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Protocol> {
        Protocol::ALL.into_iter().find(|protocol| protocol.name() == word)
    }
}

impl Target {
    /// Reads `protocol://host:port`, with nothing behind it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Target> {
        let (protocol, endpoint) = text.split_once("://")?;
        Some(Target { protocol: Protocol::parse(protocol)?, endpoint: Endpoint::parse(endpoint)? })
    }
}

impl SocketUrl {
    /// Where it is, without what is asked for there.
    #[must_use]
    pub fn target(&self) -> Target {
        let protocol = if self.secure { Protocol::Wss } else { Protocol::Ws };
        Target { protocol, endpoint: self.endpoint.clone() }
    }

    /// Reads `ws://host[:port][/path][?query]`, or the same with `wss`.
    #[must_use]
    pub fn parse(text: &str) -> Option<SocketUrl> {
        let (secure, rest) = match text.split_once("://")? {
            ("ws", rest) => (false, rest),
            ("wss", rest) => (true, rest),
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // The last colon of an address in brackets is inside of them.
        let port_at = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        let (host, port) = match port_at {
            Some(at) => (&authority[..at], port_of(&authority[at + 1..])?),
            None => (authority, default_port(secure)),
        };
        let endpoint = Endpoint { host: Host::parse(host)?, port };
        let path = if path.starts_with('/') { Path::parse(path)? } else { Path::parse(&format!("/{path}"))? };
        Some(SocketUrl { secure, endpoint, path })
    }

    /// Host and port as they stand in a Host field: without the port that the scheme implies.
    #[must_use]
    pub fn authority(&self) -> String {
        let Endpoint { host, port } = &self.endpoint;
        if *port == default_port(self.secure) { host.to_string() } else { format!("{host}:{port}") }
    }
}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

impl Path {
    /// Reads a path with its query.
    #[must_use]
    pub fn parse(text: &str) -> Option<Path> {
        let fits = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        fits.then(|| Path(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Path {
    /// `/`
    fn default() -> Path {
        Path("/".into())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Ip(IpAddr::V4(address)) => write!(f, "{address}"),
            Host::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.protocol, self.endpoint)
    }
}

impl fmt::Display for SocketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_one_form() {
        for (text, form) in [
            ("ws://A.example", "ws://a.example/"),
            ("ws://a.example:80?q", "ws://a.example/?q"),
            ("wss://a.example:443/x?y=z", "wss://a.example/x?y=z"),
            ("ws://a.example:443/", "ws://a.example:443/"),
            ("ws://127.0.0.1:9/", "ws://127.0.0.1:9/"),
            ("wss://[2001:DB8::0:1]:8443/", "wss://[2001:db8::1]:8443/"),
            ("ws://[::1]", "ws://[::1]/"),
            ("ws://under_score.example/", "ws://under_score.example/"),
        ] {
            assert_eq!(SocketUrl::parse(text).map(|url| url.to_string()).as_deref(), Some(form), "{text}");
            let again = SocketUrl::parse(form).expect(form);
            assert_eq!(again.to_string(), form);
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_no_url() {
        for text in [
            "http://a.example/",
            "WS://a.example/",
            "ws:/a.example/",
            "ws://",
            "ws:///path",
            "ws://user@a.example/",
            "ws://a.example:0/",
            "ws://a.example:080/",
            "ws://a.example:/",
            "ws://a.example:65536/",
            "ws://a.example:+1/",
            "ws://a.example./",
            "ws://a..example/",
            "ws://a.example/#part",
            "ws://a.example#part",
            "ws://a.example/a b",
            "ws://a.example/\u{e4}",
            "ws://b\u{fc}cher.example/",
            "ws://a.example\\b/",
            "ws://%61.example/",
            "ws://127.1/",
            "ws://0x7f.0.0.1/",
            "ws://127.0.0.0x1/",
            "ws://2130706433/",
            "ws://127.0.0.01/",
            "ws://1.2.3.4.5/",
            "ws://::1/",
            "ws://[::1/",
            "ws://[fe80::1%25eth0]/",
            "ws://[127.0.0.1]/",
        ] {
            assert_eq!(SocketUrl::parse(text), None, "{text}");
        }
    }

    #[test]
    fn targets_say_what_is_spoken_and_nothing_more() {
        for text in ["tcp://a.example:25", "tls://[::1]:993", "udp://10.0.0.1:53"] {
            assert_eq!(Target::parse(text).map(|to| to.to_string()).as_deref(), Some(text));
        }
        for text in [
            "tcp://a.example",
            "tcp:a.example:25",
            "TCP://a.example:25",
            "tcp://a.example:25/",
            "a.example:25",
        ] {
            assert_eq!(Target::parse(text), None, "{text}");
        }
    }

    #[test]
    fn endpoints_are_written_with_their_port() {
        for (text, form) in
            [("A.example:443", "a.example:443"), ("[::1]:80", "[::1]:80"), ("10.0.0.1:1", "10.0.0.1:1")]
        {
            assert_eq!(Endpoint::parse(text).map(|to| to.to_string()).as_deref(), Some(form));
        }
        for text in [
            "a.example",
            "a.example:",
            ":80",
            "*:80",
            "*.example:80",
            "a.example:http",
            "::1:80",
            "a.example:0",
        ] {
            assert_eq!(Endpoint::parse(text), None, "{text}");
        }
    }
}
