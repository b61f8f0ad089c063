//! A forward proxy on the way to a gateway (RFC 9110 §7.3.2): a tunnel by CONNECT, or requests that it passes on.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use http::Uri;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::gateway::Gateway;
use super::upgrade::{HEAD, parse};
use crate::LinkError;

/// An HTTP proxy, spoken to without TLS.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    /// The value of `Proxy-Authorization`, of the address's user and password.
    authorization: Option<String>,
}

impl Proxy {
    /// Of `http://[user:password@]host[:port]`.
    pub(crate) fn parse(text: &str) -> Result<Proxy, LinkError> {
        let invalid = || LinkError::Address(without_password(text));
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(invalid)?;
        if uri.query().is_some() || !matches!(uri.path(), "" | "/") {
            return Err(invalid());
        }
        let user = authority.as_str().rsplit_once('@').map(|(user, _)| percent_decoded(user));
        Ok(Proxy {
            host: authority.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authorization: user.map(|user| format!("Basic {}", STANDARD.encode(user))),
        })
    }

    /// The field that says who asks, if anybody has to.
    pub(crate) fn field(&self) -> String {
        let field = |value: &String| format!("proxy-authorization: {value}\r\n");
        self.authorization.as_ref().map(field).unwrap_or_default()
    }

    /// Asks for a tunnel to the gateway.
    ///
    /// # Errors
    /// [`LinkError::Proxy`] when it refuses.
    pub(super) async fn tunnel(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        gateway: &Gateway,
    ) -> Result<(), LinkError> {
        let target = gateway.target();
        let request = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n{}\r\n", self.field());
        let broken = |_| LinkError::Answer("the proxy broke the connection");
        stream.write_all(request.as_bytes()).await.map_err(broken)?;
        stream.flush().await.map_err(broken)?;
        let mut read = BytesMut::with_capacity(1024);
        loop {
            if stream.read_buf(&mut read).await.map_err(broken)? == 0 {
                return Err(LinkError::Answer("the proxy ended the connection"));
            }
            match parse(&read)? {
                Some((answer, _)) if !(200..300).contains(&answer.status) => {
                    return Err(LinkError::Proxy { status: answer.status });
                }
                Some((_, length)) if length < read.len() => {
                    return Err(LinkError::Answer("the proxy sent more than the beginning of a tunnel"));
                }
                Some(_) => return Ok(()),
                None if read.len() > HEAD => return Err(LinkError::Answer("its head is too large")),
                None => {}
            }
        }
    }
}

/// Never shows the password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}

fn without_password(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 < at => format!("{}…{}", &text[..scheme + 3], &text[at..]),
        _ => text.to_owned(),
    }
}

/// `%40` → `@`; what is no such escape stays as it is.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let escaped = behind
            .first_chunk::<2>()
            .filter(|_| byte == b'%')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match escaped {
            Some(value) => {
                out.push(value);
                rest = &behind[2..];
            }
            None => {
                out.push(byte);
                rest = behind;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_proxies_are_taken_apart_or_refused() {
        let proxy = Proxy::parse("http://proxy.example:3128/").unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port, proxy.field().as_str()), ("proxy.example", 3128, ""));
        let proxy = Proxy::parse("http://me:p%40ss@[::1]").unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("::1", 80));
        assert_eq!(proxy.field(), "proxy-authorization: Basic bWU6cEBzcw==\r\n");
        assert_eq!(format!("{proxy:?}"), "Proxy(::1:80)");
        for text in ["https://proxy.example", "proxy.example:3128", "http://proxy.example/path", ""] {
            assert!(Proxy::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_in_an_error() {
        let error = Proxy::parse("ftp://me:secret@proxy.example").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
