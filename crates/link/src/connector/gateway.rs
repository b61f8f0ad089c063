//! The address of a gateway, parsed once.

use http::Uri;

use crate::LinkError;

/// Where a gateway's `/link` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gateway {
    /// A name, or an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Whether it is spoken to through TLS.
    pub(super) secure: bool,
    /// As it stands in the Host field.
    pub(super) authority: String,
    /// The path of `/link`.
    pub(super) path: String,
}

impl Gateway {
    pub(super) fn parse(text: &str) -> Result<Gateway, LinkError> {
        let invalid = || LinkError::Address(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let secure = match uri.scheme_str() {
            Some("http" | "ws") => false,
            Some("https" | "wss") => true,
            _ => return Err(invalid()),
        };
        let authority = uri.authority().ok_or_else(invalid)?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(invalid());
        }
        Ok(Gateway {
            host: authority.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            secure,
            authority: authority.to_string(),
            path: format!("{}/link", uri.path().trim_end_matches('/')),
        })
    }

    /// Host and port for a tunnel (RFC 9110 §9.3.6).
    pub(super) fn target(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Scheme, host and port as browsers write them (RFC 6454 §6.2).
    pub(super) fn origin(&self) -> String {
        let (scheme, default) = if self.secure { ("https", ":443") } else { ("http", ":80") };
        let authority = self.authority.to_ascii_lowercase();
        format!("{scheme}://{}", authority.strip_suffix(default).unwrap_or(&authority))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Option<(&str, u16, bool, &str, &str)>) {
        let got = Gateway::parse(text).ok();
        let want = want.map(|(host, port, secure, authority, path)| Gateway {
            host: host.to_owned(),
            port,
            secure,
            authority: authority.to_owned(),
            path: path.to_owned(),
        });
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn an_origin_is_as_browsers_write_it() {
        for (text, origin) in [
            ("http://LOCALHOST:7070/x", "http://localhost:7070"),
            ("ws://gw.example:80", "http://gw.example"),
            ("https://gw.example:443/", "https://gw.example"),
            ("wss://[::1]:80", "https://[::1]:80"),
        ] {
            assert_eq!(Gateway::parse(text).map(|gateway| gateway.origin()).ok().as_deref(), Some(origin));
        }
    }

    #[test]
    fn addresses_of_gateways_are_taken_apart_or_refused() {
        check("http://localhost:7070", Some(("localhost", 7070, false, "localhost:7070", "/link")));
        check("ws://gw.example/", Some(("gw.example", 80, false, "gw.example", "/link")));
        check("http://[::1]:7070/base/", Some(("::1", 7070, false, "[::1]:7070", "/base/link")));
        check("https://gw.example", Some(("gw.example", 443, true, "gw.example", "/link")));
        check("wss://gw.example:8443/", Some(("gw.example", 8443, true, "gw.example:8443", "/link")));
        check("http://user@gw.example", None);
        check("http://gw.example/?token=1", None);
        check("gw.example", None);
        check("tcp://gw.example:1", None);
        check("", None);
    }
}
