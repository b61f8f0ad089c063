//! Which web origins may attach. Exact comparison only: no patterns, no suffixes, and `null` never.

use std::collections::HashSet;
use std::fmt;

use http::HeaderMap;
use http::header::ORIGIN;
use pageport_proto::Code;

/// A web origin as browsers write it (RFC 6454 §6.2): lower case, no path, no default port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    text: Box<str>,
    host: (usize, usize),
}

/// The origins that a gateway lets attach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// `dev`: `http` and `https` on exactly `localhost`, `127.0.0.1` and `[::1]`, at any port, since development servers have their own.
    Loopback,
    /// Exactly these.
    Listed(HashSet<Origin>),
}

impl Origin {
    /// Reads an origin; `None` for `null` and for everything that no browser would send.
    #[must_use]
    pub fn parse(text: &str) -> Option<Origin> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme_fits = scheme.starts_with(|char: char| char.is_ascii_lowercase())
            && scheme.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'));
        let (host, port) = split_port(authority)?;
        let port_fits = match (port, scheme) {
            (None, _) => true,
            (Some("80"), "http") | (Some("443"), "https") => false,
            (Some(port), _) => !port.starts_with('0') && port.parse::<u16>().is_ok(),
        };
        let start = scheme.len() + 3;
        (scheme_fits && port_fits && host_fits(host))
            .then(|| Origin { text: text.into(), host: (start, start + host.len()) })
    }

    /// The origin that a request names.
    ///
    /// # Errors
    /// [`Code::ERR_ORIGIN_FORBIDDEN`] when there are several, or one that is not an origin.
    pub fn of(headers: &HeaderMap) -> Result<Option<Origin>, Code> {
        let mut values = headers.get_all(ORIGIN).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => {
                let origin = value.to_str().ok().and_then(Origin::parse);
                origin.map(Some).ok_or(Code::ERR_ORIGIN_FORBIDDEN)
            }
            _ => Err(Code::ERR_ORIGIN_FORBIDDEN),
        }
    }

    /// Whether this is the origin of some listener: there pages of strangers run, so it never may attach.
    #[must_use]
    pub fn is_under(&self, base: &str) -> bool {
        [base, "localhost"]
            .iter()
            .any(|parent| self.host().strip_suffix(parent).is_some_and(|label| label.ends_with('.')))
    }

    /// The text that browsers send.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn host(&self) -> &str {
        &self.text[self.host.0..self.host.1]
    }
}

impl AllowedOrigins {
    /// Whether this origin may attach to a gateway with this base domain.
    #[must_use]
    pub fn allow(&self, origin: &Origin, base: &str) -> bool {
        if origin.is_under(base) {
            return false;
        }
        match self {
            AllowedOrigins::Loopback => {
                (origin.text.starts_with("http://") || origin.text.starts_with("https://"))
                    && matches!(origin.host(), "localhost" | "127.0.0.1" | "[::1]")
            }
            AllowedOrigins::Listed(list) => list.contains(origin),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let after_host = if authority.starts_with('[') { authority.find(']')? + 1 } else { 0 };
    match authority[after_host..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(after_host + colon);
            let digits = port.len() > 1 && port[1..].bytes().all(|byte| byte.is_ascii_digit());
            digits.then_some((host, Some(&port[1..])))
        }
        None => Some((authority, None)),
    }
}

fn host_fits(host: &str) -> bool {
    if let Some(literal) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return literal.parse::<std::net::Ipv6Addr>().is_ok_and(|address| address.to_string() == literal);
    }
    let label_fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    host.len() <= 253 && host.split('.').all(label_fits)
}
