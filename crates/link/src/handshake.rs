//! The client's half of a WebSocket handshake over HTTP/1.1 (RFC 6455 §4.1).
//!
//! Reads the head of an answer, at most 16 KiB of it, and leaves everything behind it to the caller. Must never take an answer for the
//! right one that the RFC does not.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use pageport_proto::Code;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::LinkError;
use crate::connector::upgrade::{FIELDS, HEAD, accept};

/// What is asked for. Nothing here is checked for line breaks: all of it comes from types that have none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Handshake<'a> {
    /// As in the Host field.
    pub authority: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Subprotocols on offer, as the field has them; `None` for none.
    pub protocols: Option<&'a str>,
    /// On whose behalf.
    pub origin: Option<&'a str>,
    /// What this program calls itself.
    pub user_agent: Option<&'a str>,
}

/// A WebSocket, before its first frame.
#[derive(Debug)]
pub struct Opened {
    /// The subprotocol that the server chose: one of those on offer, or none.
    pub protocol: Option<String>,
    /// What was read behind the answer.
    pub read_ahead: Bytes,
}

impl Handshake<'_> {
    /// Asks, and waits for the answer as long as it takes.
    ///
    /// # Errors
    /// [`LinkError::Refused`] with the status when that is not 101, [`LinkError::Answer`] for what is no answer of a WebSocket server,
    /// [`LinkError::Io`].
    pub async fn run(&self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<Opened, LinkError> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| LinkError::Io(io::Error::other(error)))?;
        let key = STANDARD.encode(nonce);
        stream.write_all(self.request(&key).as_bytes()).await?;
        stream.flush().await?;
        let mut read = BytesMut::with_capacity(1024);
        loop {
            if stream.read_buf(&mut read).await? == 0 {
                return Err(LinkError::Answer("the connection ended before an answer"));
            }
            while let Some((protocol, length)) = self.judge(&read, &key)? {
                let _ = read.split_to(length);
                if let Some(protocol) = protocol {
                    return Ok(Opened { protocol: protocol.0, read_ahead: Bytes::copy_from_slice(&read) });
                }
            }
            if read.len() > HEAD {
                return Err(LinkError::Answer("its head is too large"));
            }
        }
    }

    fn request(&self, key: &str) -> String {
        let field = |name: &str, value: Option<&str>| {
            value.map_or_else(String::new, |value| format!("{name}: {value}\r\n"))
        };
        format!(
            "GET {} HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: {key}\r\n{}{}{}\r\n",
            self.target,
            self.authority,
            field("sec-websocket-protocol", self.protocols),
            field("origin", self.origin),
            field("user-agent", self.user_agent),
        )
    }

    /// The length of a whole head, with what it says when it completes the handshake; `None` in its place for one that announces another
    /// (RFC 9110 §15.2).
    fn judge(&self, bytes: &[u8], key: &str) -> Result<Option<(Option<Chosen>, usize)>, LinkError> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let parsed = response.parse(bytes).map_err(|_| LinkError::Answer("it is not HTTP/1.1"))?;
        let httparse::Status::Complete(length) = parsed else { return Ok(None) };
        let status = response.code.unwrap_or(0);
        match status {
            101 => {}
            100 | 102..200 => return Ok(Some((None, length))),
            _ => {
                let code = single(response.headers, "pageport-error");
                let code = code.ok().flatten().and_then(|name| Code::from_name(&name));
                return Err(LinkError::Refused { status, code });
            }
        }
        let field = |name| single(response.headers, name);
        let upgrade = field("upgrade")?.unwrap_or_default();
        let connection = field("connection")?.unwrap_or_default();
        let upgrades = connection.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
        if !upgrade.eq_ignore_ascii_case("websocket") || !upgrades {
            return Err(LinkError::Answer("it is not that of a WebSocket server"));
        }
        if field("sec-websocket-accept")?.unwrap_or_default() != accept(key) {
            return Err(LinkError::Answer("its sec-websocket-accept is wrong"));
        }
        let protocol = field("sec-websocket-protocol")?;
        let offered = |protocol: &String| {
            let mut offers = self.protocols.unwrap_or_default().split(',');
            offers.any(|offer| offer.trim() == protocol)
        };
        let extensions = field("sec-websocket-extensions")?;
        if extensions.is_some() || protocol.as_ref().is_some_and(|protocol| !offered(protocol)) {
            return Err(LinkError::Answer("it chose what was not offered"));
        }
        Ok(Some((Some(Chosen(protocol)), length)))
    }
}

struct Chosen(Option<String>);

/// The value of a field that may stand there once.
fn single(fields: &[httparse::Header<'_>], name: &str) -> Result<Option<String>, LinkError> {
    let mut found = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some(field), None) => {
            let value =
                std::str::from_utf8(field.value).map_err(|_| LinkError::Answer("a field is no text"))?;
            Ok(Some(value.trim().to_owned()))
        }
        _ => Err(LinkError::Answer("a field stands there twice")),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    /// What comes of an answer in which `ACCEPT` stands for the right value.
    async fn answered(answer: &str) -> Result<Opened, LinkError> {
        let (mut client, mut server) = duplex(64 * 1024);
        let serving = async {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(server.read_u8().await.expect("a request"));
            }
            let request = String::from_utf8(request).expect("text");
            let key = request.split_once("sec-websocket-key: ").expect("a key").1;
            let key = key.split_once("\r\n").expect("a line").0;
            let answer = answer.replace("ACCEPT", &accept(key));
            server.write_all(answer.as_bytes()).await.expect("is sent");
            drop(server);
        };
        let handshake = Handshake {
            authority: "a.example",
            target: "/",
            protocols: Some("chat, echo"),
            ..Handshake::default()
        };
        tokio::join!(serving, handshake.run(&mut client)).1
    }

    const GOOD: &str = "HTTP/1.1 101 x\r\nupgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\nsec-websocket-accept: ACCEPT\r\n";

    #[tokio::test]
    async fn a_server_chooses_among_what_is_offered_or_nothing() {
        let chosen =
            answered(&format!("{GOOD}sec-websocket-protocol: echo\r\n\r\n\u{81}")).await.expect("opens");
        assert_eq!((chosen.protocol.as_deref(), &chosen.read_ahead[..]), (Some("echo"), "\u{81}".as_bytes()));
        assert_eq!(answered(&format!("{GOOD}\r\n")).await.expect("opens").protocol, None);
        let early = format!("HTTP/1.1 103 x\r\nlink: y\r\n\r\n{GOOD}\r\n");
        assert!(answered(&early).await.is_ok(), "an early hint is no answer");
    }

    #[tokio::test]
    async fn what_breaks_the_rfc_completes_nothing() {
        for broken in [
            format!("{GOOD}sec-websocket-protocol: other\r\n\r\n"),
            format!("{GOOD}sec-websocket-protocol: chat, echo\r\n\r\n"),
            format!("{GOOD}sec-websocket-protocol: chat\r\nsec-websocket-protocol: chat\r\n\r\n"),
            format!("{GOOD}sec-websocket-extensions: permessage-deflate\r\n\r\n"),
            format!("{GOOD}sec-websocket-accept: ACCEPT\r\n\r\n"),
            GOOD.replace("ACCEPT", "AAAA") + "\r\n",
            GOOD.replace("upgrade: WebSocket\r\n", "") + "\r\n",
            GOOD.replace("connection: keep-alive, Upgrade\r\n", "") + "\r\n",
            "SSH-2.0-OpenSSH_9\r\n".to_owned(),
            format!("HTTP/1.1 101 x\r\na: {}", "b".repeat(20_000)),
            String::new(),
        ] {
            let error = answered(&broken).await.expect_err(&broken);
            assert!(matches!(error, LinkError::Answer(_)), "{broken}: {error}");
        }
        for status in [200, 301, 403, 500] {
            let refused = answered(&format!("HTTP/1.1 {status} x\r\n\r\n")).await.expect_err("is refused");
            assert!(
                matches!(refused, LinkError::Refused { status: told, .. } if told == status),
                "{refused}"
            );
        }
    }
}
