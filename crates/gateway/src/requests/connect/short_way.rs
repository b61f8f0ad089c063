//! URLs that lead back to this gateway: a listener is reached without a socket, everything else of the gateway not at all.

use pageport_proto::Code;
use pageport_proto::name::Name;
use pageport_proto::target::{Host, Path, SocketUrl};

use crate::address::PublicAddress;
use crate::shared::Shared;

/// The listener whose URL this is; `None` for a URL of somebody else.
///
/// # Errors
/// [`Code::ERR_TARGET_FORBIDDEN`] for what is the gateway's own, [`Code::ERR_LISTENER_UNKNOWN`] for what is no name.
pub(super) fn find(shared: &Shared, url: &SocketUrl) -> Option<Result<(Name, Path), Code>> {
    let lan = shared.lan.as_ref().map(|lan| &lan.address);
    [Some(&shared.address), lan].into_iter().flatten().find_map(|address| find_at(address, url))
}

fn find_at(address: &PublicAddress, url: &SocketUrl) -> Option<Result<(Name, Path), Code>> {
    if url.secure != address.secure || url.endpoint.port != address.port {
        return None;
    }
    let host = url.endpoint.host.to_string();
    let is_base = host == *address.base || (&*address.base == "localhost" && is_loopback(&url.endpoint.host));
    if is_base {
        return Some(by_path(url.path.as_str()).ok_or(Code::ERR_TARGET_FORBIDDEN));
    }
    let label = host.strip_suffix(&*address.base)?.strip_suffix('.')?;
    let name = Name::parse(label).ok_or(Code::ERR_LISTENER_UNKNOWN);
    Some(name.map(|name| (name, url.path.clone())))
}

/// `/@name/path?query`
fn by_path(path: &str) -> Option<(Name, Path)> {
    let rest = path.strip_prefix("/@")?;
    let (name, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let slash = if rest.starts_with('/') { "" } else { "/" };
    Some((Name::parse(name)?, Path::parse(&format!("{slash}{rest}"))?))
}

fn is_loopback(host: &Host) -> bool {
    matches!(host, Host::Ip(ip) if ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(secure: bool, base: &str, port: u16, url: &str) -> Option<Result<String, Code>> {
        let address = PublicAddress { secure, base: base.into(), port };
        let found = find_at(&address, &SocketUrl::parse(url).expect(url))?;
        Some(found.map(|(name, path)| format!("{name} {}", path.as_str())))
    }

    #[test]
    fn urls_of_listeners_are_known_by_both_forms() {
        let dev = |url| found(false, "localhost", 7070, url);
        for (url, listener) in [
            ("ws://chat.localhost:7070", "chat /"),
            ("ws://CHAT.localhost:7070/a?b", "chat /a?b"),
            ("ws://localhost:7070/@chat", "chat /"),
            ("ws://127.0.0.1:7070/@chat?b", "chat /?b"),
            ("ws://[::1]:7070/@chat/a?b", "chat /a?b"),
        ] {
            assert_eq!(dev(url), Some(Ok(listener.to_owned())), "{url}");
        }
        let public = found(true, "gw.example", 443, "wss://chat.gw.example/x");
        assert_eq!(public, Some(Ok("chat /x".to_owned())));
    }

    #[test]
    fn nothing_else_of_the_gateway_is_reached_and_the_rest_is_not_its_own() {
        let dev = |url| found(false, "localhost", 7070, url);
        for own in ["ws://localhost:7070/link", "ws://127.0.0.1:7070/", "ws://localhost:7070/@-/"] {
            assert_eq!(dev(own), Some(Err(Code::ERR_TARGET_FORBIDDEN)), "{own}");
        }
        assert_eq!(dev("ws://a.b.localhost:7070/"), Some(Err(Code::ERR_LISTENER_UNKNOWN)));
        for other in [
            "ws://localhost:7071/",
            "wss://localhost:7070/",
            "ws://notlocalhost:7070/",
            "ws://10.0.0.1:7070/",
        ] {
            assert_eq!(dev(other), None, "{other}");
        }
        assert_eq!(found(true, "gw.example", 443, "wss://gw.example.evil.test/"), None);
        assert_eq!(found(true, "gw.example", 443, "wss://127.0.0.1/"), None);
    }
}
