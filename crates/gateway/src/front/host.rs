//! Whose request this is: exactly one Host (RFC 9112 §3.2) or authority (RFC 9113 §8.3.1), and only those that this gateway serves. Checked before anything else,
//! so that a page of a foreign domain that points at this address (DNS rebinding) gets nothing.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri, Version};
use pageport_proto::Code;
use pageport_proto::name::Name;

/// Whom a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Site {
    /// The gateway itself.
    Gateway,
    /// The listener with this name, whether or not it exists.
    Listener(Name),
}

impl Site {
    /// Reads Host, and the target when it is in absolute form. Over HTTP/2 the target has the authority, and Host may be absent; when
    /// both are there they must be equal.
    ///
    /// # Errors
    /// [`Code::ERR_HOST_INVALID`] for none, several, or one that is not a host; [`Code::ERR_HOST_UNKNOWN`] for a foreign one.
    pub fn of(version: Version, uri: &Uri, headers: &HeaderMap, base: &str) -> Result<Site, Code> {
        let host = host(version, uri, headers)?;
        Site::of_host(&host, base).ok_or(Code::ERR_HOST_UNKNOWN)
    }

    /// The port plays no part: forwarding to another one is common, and a foreign page cannot choose Host's name.
    fn of_host(host: &str, base: &str) -> Option<Site> {
        if host == base || (base == "localhost" && matches!(host, "127.0.0.1" | "[::1]")) {
            return Some(Site::Gateway);
        }
        let label = host.strip_suffix(base)?.strip_suffix('.')?;
        Name::parse(label).map(Site::Listener)
    }
}

/// The host that a request names, in lower case and without a port.
pub(super) fn host(version: Version, uri: &Uri, headers: &HeaderMap) -> Result<String, Code> {
    let value = authority(version, uri, headers)?;
    Ok(host_of(value).ok_or(Code::ERR_HOST_INVALID)?.to_ascii_lowercase())
}

/// The gateway's origin as whoever sent this request knows it: `scheme://host[:port]` as browsers write it.
///
/// # Errors
/// [`Code::ERR_HOST_INVALID`]
pub fn own_origin(version: Version, uri: &Uri, headers: &HeaderMap, secure: bool) -> Result<Box<str>, Code> {
    let value = authority(version, uri, headers)?;
    let host = host_of(value).ok_or(Code::ERR_HOST_INVALID)?;
    let port = value[host.len()..].trim_start_matches(':').parse::<u16>().ok();
    let scheme = if secure { "https" } else { "http" };
    let port =
        port.filter(|port| *port != default_port(secure)).map_or(String::new(), |port| format!(":{port}"));
    Ok(format!("{scheme}://{}{port}", host.to_ascii_lowercase()).into())
}

/// Whether a request is for this host and port and no other; without a port it is for the scheme's own. By any name of this machine for
/// `localhost`, as for the front door.
///
/// # Errors
/// [`Code::ERR_HOST_INVALID`] for none, several, or one that is not a host.
pub(crate) fn is_for(
    version: Version,
    uri: &Uri,
    headers: &HeaderMap,
    host: &str,
    port: u16,
    secure: bool,
) -> Result<bool, Code> {
    let value = authority(version, uri, headers)?;
    let named = host_of(value).ok_or(Code::ERR_HOST_INVALID)?;
    let bare = named.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let same = bare == host || (host == "localhost" && matches!(bare.as_str(), "127.0.0.1" | "::1"));
    let said = value[named.len()..].strip_prefix(':').and_then(|port| port.parse().ok());
    Ok(same && said.unwrap_or(default_port(secure)) == port)
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

fn authority<'a>(version: Version, uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, Code> {
    let mut values = headers.get_all(HOST).iter();
    let target = uri.authority().map(Authority::as_str);
    match (values.next(), values.next(), target) {
        (None, None, Some(target)) if version == Version::HTTP_2 => Ok(target),
        (Some(value), None, target) => {
            let value = value.to_str().map_err(|_| Code::ERR_HOST_INVALID)?;
            let same = target.is_none_or(|target| target.eq_ignore_ascii_case(value));
            if same { Ok(value) } else { Err(Code::ERR_HOST_INVALID) }
        }
        _ => Err(Code::ERR_HOST_INVALID),
    }
}

/// The host of a `host [":" port]` (RFC 9110 §7.2), or `None` when that is not what it is.
#[must_use]
pub fn host_of(value: &str) -> Option<&str> {
    let end = match value.strip_prefix('[') {
        Some(literal) => literal.find(']')? + 2,
        None => value.find(':').unwrap_or(value.len()),
    };
    let (host, port) = value.split_at(end);
    let port_fits = match port.strip_prefix(':') {
        Some(digits) => digits.parse::<u16>().is_ok() && digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    let host_fits = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(literal) => literal.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            (1..=253).contains(&host.len())
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    };
    (host_fits && port_fits).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_a_port_is_for_the_schemes_own() {
        let says = |value: &'static str, port, secure| {
            let headers = HeaderMap::from_iter([(HOST, http::HeaderValue::from_static(value))]);
            is_for(Version::HTTP_11, &Uri::from_static("/"), &headers, "gw.example", port, secure)
        };
        for (value, port, secure) in
            [("gw.example", 80, false), ("gw.example", 443, true), ("gw.example:80", 80, false)]
        {
            assert_eq!(says(value, port, secure), Ok(true), "{value} {port}");
        }
        for (value, port, secure) in
            [("gw.example", 443, false), ("gw.example", 80, true), ("gw.example", 7070, false)]
        {
            assert_eq!(says(value, port, secure), Ok(false), "{value} {port}");
        }
        assert_eq!(says("gw.example:", 80, false), Err(Code::ERR_HOST_INVALID));
    }
}
