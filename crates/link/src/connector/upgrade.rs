//! The HTTP/1.1 upgrade of a carrier, from the client's end (RFC 9110 §7.8, RFC 6455 §4.1).
//!
//! Reads the head of one answer, at most 16 KiB of it, and leaves everything behind it to the carrier.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use pageport_proto::Code;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::gateway::Gateway;
use crate::LinkError;

/// The subprotocol, and the name of the raw upgrade.
const PROTOCOL: &str = "pageport.v1";
/// The largest head of an answer, and how many fields it may have.
pub(crate) const HEAD: usize = 16 * 1024;
pub(crate) const FIELDS: usize = 64;
/// RFC 6455 §1.3
const ACCEPT: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a connection is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Frames back to back.
    Raw,
    /// A WebSocket with our subprotocol.
    WebSocket,
}

/// One upgrade.
pub(super) struct Upgrade {
    protocol: Protocol,
    /// `Sec-WebSocket-Key`, drawn anew for each.
    key: String,
}

/// What an answer's head says.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) upgrade: String,
    pub(crate) accept: String,
    pub(crate) protocol: String,
    pub(crate) extensions: bool,
    pub(crate) code: Option<Code>,
    /// Its body comes in chunks.
    pub(crate) chunked: bool,
    /// Its body has this length.
    pub(crate) length: Option<u64>,
    /// Another request may follow on the connection (RFC 9112 §9.3).
    pub(crate) persistent: bool,
}

impl Upgrade {
    pub(super) fn new(protocol: Protocol) -> Result<Upgrade, LinkError> {
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(|error| LinkError::Io(io::Error::other(error)))?;
        Ok(Upgrade { protocol, key: STANDARD.encode(key) })
    }

    /// Asks for the upgrade and waits for the answer. What was read behind it.
    pub(super) async fn run(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        gateway: &Gateway,
        credential: Option<&str>,
    ) -> Result<Bytes, LinkError> {
        stream.write_all(self.request(gateway, credential)?.as_bytes()).await?;
        stream.flush().await?;
        let mut read = BytesMut::with_capacity(1024);
        loop {
            if stream.read_buf(&mut read).await? == 0 {
                return Err(LinkError::Answer("the connection ended before an answer"));
            }
            if let Some((answer, len)) = parse(&read)? {
                self.check(&answer)?;
                return Ok(Bytes::copy_from_slice(&read[len..]));
            }
            if read.len() > HEAD {
                return Err(LinkError::Answer("its head is too large"));
            }
        }
    }

    fn request(&self, gateway: &Gateway, credential: Option<&str>) -> Result<String, LinkError> {
        let mut request = format!(
            "GET {} HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\n",
            gateway.path, gateway.authority
        );
        if let Some(token) = credential {
            request.push_str(&bearer(token)?);
        }
        match self.protocol {
            Protocol::Raw => request.push_str(&format!("upgrade: {PROTOCOL}\r\n\r\n")),
            Protocol::WebSocket => request.push_str(&format!(
                "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {}\r\n\
                 sec-websocket-protocol: {PROTOCOL}\r\n\r\n",
                self.key,
            )),
        }
        Ok(request)
    }

    fn check(&self, answer: &Answer) -> Result<(), LinkError> {
        if answer.status != 101 {
            return Err(LinkError::Refused { status: answer.status, code: answer.code });
        }
        match self.protocol {
            Protocol::Raw if !answer.upgrade.eq_ignore_ascii_case(PROTOCOL) => {
                Err(LinkError::Answer("it upgraded to something else"))
            }
            Protocol::Raw => Ok(()),
            Protocol::WebSocket if !answer.upgrade.eq_ignore_ascii_case("websocket") => {
                Err(LinkError::Answer("it upgraded to something else"))
            }
            Protocol::WebSocket if answer.accept != accept(&self.key) => {
                Err(LinkError::Answer("its sec-websocket-accept is wrong"))
            }
            Protocol::WebSocket if answer.protocol != PROTOCOL || answer.extensions => {
                Err(LinkError::Answer("it does not speak pageport.v1"))
            }
            Protocol::WebSocket => Ok(()),
        }
    }
}

/// The field that shows a token (RFC 6750 §2.1).
///
/// # Errors
/// [`Code::ERR_CREDENTIAL_INVALID`] when it cannot stand in a field.
pub(crate) fn bearer(token: &str) -> Result<String, LinkError> {
    if token.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(format!("authorization: Bearer {token}\r\n"))
    } else {
        Err(LinkError::Code(Code::ERR_CREDENTIAL_INVALID))
    }
}

/// The head of an answer and its length; `None` while it is not complete.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Answer, usize)>, LinkError> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let status = response.parse(bytes).map_err(|_| LinkError::Answer("it is not HTTP/1.1"))?;
    let httparse::Status::Complete(len) = status else { return Ok(None) };
    let field = |name: &str| {
        let value = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        value.map(|field| String::from_utf8_lossy(field.value).trim().to_owned())
    };
    let has = |name: &str, wanted: &str| {
        field(name).is_some_and(|list| list.split(',').any(|one| one.trim().eq_ignore_ascii_case(wanted)))
    };
    let answer = Answer {
        status: response.code.unwrap_or(0),
        upgrade: field("upgrade").unwrap_or_default(),
        accept: field("sec-websocket-accept").unwrap_or_default(),
        protocol: field("sec-websocket-protocol").unwrap_or_default(),
        extensions: field("sec-websocket-extensions").is_some(),
        code: field("pageport-error").and_then(|name| Code::from_name(&name)),
        chunked: has("transfer-encoding", "chunked"),
        length: field("content-length").and_then(|length| length.parse().ok()),
        persistent: match response.version {
            Some(0) => has("connection", "keep-alive"),
            _ => !has("connection", "close"),
        },
    };
    Ok(Some((answer, len)))
}

/// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 §4.2.2, item 5.4).
#[must_use]
pub fn accept(key: &str) -> String {
    let digest = sha1_smol::Sha1::from([key, ACCEPT].concat()).digest();
    STANDARD.encode(digest.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_value_is_that_of_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_credential_cannot_smuggle_header_fields() {
        let upgrade = Upgrade::new(Protocol::Raw).unwrap();
        let gateway = Gateway::parse("http://gw.example").unwrap();
        assert!(upgrade.request(&gateway, Some("a\r\nx: y")).is_err());
        assert!(upgrade.request(&gateway, Some("abc")).unwrap().contains("authorization: Bearer abc\r\n"));
    }
}
