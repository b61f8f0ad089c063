//! Where the service is, parsed once.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use pageport_link::relay::keep_urgent;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A service that takes no connection for so long does not answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// `host:port`, or a port of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// A name, or an address without brackets.
    host: String,
    port: u16,
}

/// What the service sees as Host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostHeader {
    /// Its own address: what it would see from a browser on this machine.
    Target,
    /// What the visitor sent.
    Visitor,
    /// This.
    Fixed(String),
}

impl Target {
    /// Connects to the service.
    pub(crate) async fn connect(&self) -> io::Result<TcpStream> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let stream =
            timeout(PATIENCE, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        stream.set_nodelay(true)?;
        keep_urgent(&stream);
        Ok(stream)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        let (host, port) = text.rsplit_once(':').unwrap_or(("localhost", text));
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host_fits = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                (1..=253).contains(&host.len())
                    && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
            }
        };
        match port.parse() {
            Ok(port @ 1..) if host_fits => Ok(Target { host: bare.unwrap_or(host).to_owned(), port }),
            _ => Err("write a port such as 3000, or host:port".to_owned()),
        }
    }
}

impl FromStr for HostHeader {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<HostHeader, Infallible> {
        Ok(match text {
            "target" => HostHeader::Target,
            "visitor" => HostHeader::Visitor,
            other => HostHeader::Fixed(other.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn targets_are_ports_or_hosts_with_ports() {
        for (text, shown) in [
            ("3000", "localhost:3000"),
            ("example.org:80", "example.org:80"),
            ("127.0.0.1:22", "127.0.0.1:22"),
            ("[::1]:5432", "[::1]:5432"),
        ] {
            assert_eq!(text.parse::<Target>().map(|target| target.to_string()).as_deref(), Ok(shown));
        }
        for text in
            ["", "0", "70000", "host", "host:", ":80", "http://localhost:3000", "::1:80", "a b:80", "[x]:80"]
        {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
