//! Where to connect to, parsed once: to a listener, directly; or to a page or a server, through a gateway.

use pageport_link::head::{Connect, TlsWish};
use pageport_proto::Code;
use pageport_proto::name::Name;
use pageport_proto::target::{Path, Protocol, Target};

use crate::failure::NativeFailure;

/// What is meant by an address, and by whether a gateway was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A listener's public URL: no gateway is asked.
    Listener,
    /// What a gateway is asked for; the target, when it is a server.
    Beyond(Connect, Option<Target>),
}

impl Place {
    /// Reads an address. A `tcp` one is a listener's port, unless a gateway was named: then it is a server behind that.
    ///
    /// # Errors
    /// ERR_INVALID_ARGUMENT, or ERR_NAME_INVALID for a page's name.
    pub(crate) fn parse(text: &str, gateway_named: bool) -> Result<Place, NativeFailure> {
        if let Some(page) = text.strip_prefix("page:") {
            return page_of(page).map(|wish| Place::Beyond(wish, None));
        }
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        if !(scheme == "tls" || scheme == "tcp" && gateway_named) {
            return Ok(Place::Listener);
        }
        let invalid = || NativeFailure::new(&format!("not a target: {text:?}"), Code::ERR_INVALID_ARGUMENT);
        let target = Target::parse(text).ok_or_else(invalid)?;
        Ok(Place::Beyond(wish(&target), Some(target)))
    }
}

/// What is asked of the gateway for this server.
fn wish(target: &Target) -> Connect {
    let to = target.endpoint.clone();
    match target.protocol {
        Protocol::Tls => Connect::Tls { to, wish: TlsWish::default() },
        _ => Connect::Tcp { to, starttls: false },
    }
}

fn page_of(page: &str) -> Result<Connect, NativeFailure> {
    let (name, path) = page.split_at(page.find(['/', '?']).unwrap_or(page.len()));
    let slash = if path.starts_with('/') { "" } else { "/" };
    let path = Path::parse(&format!("{slash}{path}"));
    let path =
        path.ok_or_else(|| NativeFailure::new("not the address of a page", Code::ERR_INVALID_ARGUMENT))?;
    let name = Name::parse(name).ok_or_else(|| NativeFailure::new("not a name", Code::ERR_NAME_INVALID))?;
    Ok(Connect::Page { name, path, handshake: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_with_a_gateway_is_a_tcp_address_that_of_a_server() {
        let beyond = |text: &str, named| match Place::parse(text, named).expect("a place") {
            Place::Listener => None,
            Place::Beyond(_, target) => Some(target.map(|target| target.to_string())),
        };
        assert_eq!(beyond("tcp://a.example:22", false), None);
        assert_eq!(beyond("tcp://a.example:22", true), Some(Some("tcp://a.example:22".to_owned())));
        assert_eq!(beyond("tls://[::1]:993", false), Some(Some("tls://[::1]:993".to_owned())));
        assert_eq!(beyond("ws://name.localhost:7070/", true), None);
        assert_eq!(beyond("page:shop", false), Some(None));
        for wrong in ["tcp://::1:22", "tcp://a.example", "tcp://a.example:22/", "tls://127.1:1", "page:-"] {
            assert!(Place::parse(wrong, true).is_err(), "{wrong}");
        }
    }
}
