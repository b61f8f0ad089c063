//! As much of HTTP/1.1 as a client of one gateway needs (RFC 9112): POST with a body in memory, and the answer as it comes.
//!
//! Reads heads of at most 16 KiB and never more of a body than it is asked for.

use std::{fmt, io};

use bytes::{Buf as _, Bytes, BytesMut};
use pageport_proto::Code;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::dialer::Dialer;
use super::upgrade::{self, HEAD};
use crate::LinkError;
use crate::carrier::Wire;

/// What one read takes.
const READ: usize = 16 * 1024;

/// How requests to a gateway look.
#[derive(Clone)]
pub(crate) struct Requests {
    dialer: Dialer,
    /// Fields of each request, the credential's among them.
    fields: String,
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("dialer", &self.dialer).finish_non_exhaustive()
    }
}

/// A connection on which one request follows the other.
#[derive(Debug)]
pub(crate) struct Exchange {
    wire: Wire,
    read: BytesMut,
    body: Body,
    /// Another request may follow.
    reusable: bool,
}

/// How the body that is being read ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Over,
    /// After so many bytes.
    Length(u64),
    /// With the chunk of length zero; so much is left of the current one.
    Chunked(u64),
    /// The line end behind a chunk.
    ChunkEnd,
    /// With the connection.
    Close,
}

/// The head of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) code: Option<Code>,
}

impl Requests {
    /// # Errors
    /// [`Code::ERR_CREDENTIAL_INVALID`] when it cannot stand in a field.
    pub(crate) fn new(dialer: Dialer, credential: Option<&str>) -> Result<Requests, LinkError> {
        let mut fields =
            dialer.proxy.as_ref().filter(|_| dialer.forwards()).map_or(String::new(), |p| p.field());
        if let Some(token) = credential {
            fields.push_str(&upgrade::bearer(token)?);
        }
        Ok(Requests { dialer, fields })
    }

    /// Sends a request on `idle`, if that takes it, or on a new connection; [`Exchange::head`] is next. For requests that may be made
    /// twice: an idle connection may turn out to be dead only then.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(crate) async fn post(
        &self,
        idle: Option<Exchange>,
        path: &str,
        body: &[Bytes],
    ) -> Result<Exchange, LinkError> {
        let length: usize = body.iter().map(Bytes::len).sum();
        let head = self.head(path, &format!("content-length: {length}"));
        self.ask(idle, &head, body).await
    }

    /// Sends the head of a request and the beginning of its body, on a new connection; the rest never follows. `length` is what is
    /// announced; `None` for a body in chunks (RFC 9112 §7.1).
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(crate) async fn begin(
        &self,
        path: &str,
        length: Option<usize>,
        beginning: Bytes,
    ) -> Result<Exchange, LinkError> {
        if let Some(length) = length {
            let head = self.head(path, &format!("content-length: {length}"));
            return self.ask(None, &head, &[beginning]).await;
        }
        let size = Bytes::from(format!("{:x}\r\n", beginning.len()));
        let head = self.head(path, "transfer-encoding: chunked");
        self.ask(None, &head, &[size, beginning, Bytes::from_static(b"\r\n")]).await
    }

    /// Asks for what the gateway has at a path of its own.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(crate) async fn get(&self, idle: Option<Exchange>, path: &str) -> Result<Exchange, LinkError> {
        let gateway = &self.dialer.gateway;
        let head = format!(
            "GET {}{}{path} HTTP/1.1\r\nhost: {}\r\n{}\r\n",
            self.origin(),
            gateway.path.trim_end_matches("/link"),
            gateway.authority,
            self.fields
        );
        self.ask(idle, &head, &[]).await
    }

    /// Asks for an upgrade of a connection of its own, without a tunnel; `fields` say to what.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(crate) async fn upgrade(&self, fields: &str) -> Result<Exchange, LinkError> {
        let gateway = &self.dialer.gateway;
        let head = format!(
            "GET {}{} HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\n{fields}{}\r\n",
            self.origin(),
            gateway.path,
            gateway.authority,
            self.fields
        );
        self.ask(None, &head, &[]).await
    }

    async fn ask(&self, idle: Option<Exchange>, head: &str, body: &[Bytes]) -> Result<Exchange, LinkError> {
        if let Some(mut exchange) = idle
            && exchange.ask(head, body).await.is_ok()
        {
            return Ok(exchange);
        }
        let socket = self.dialer.clone().connect_for_requests().await?;
        let mut exchange = Exchange::new(Wire::new(socket, Bytes::new()));
        exchange.ask(head, body).await?;
        Ok(exchange)
    }

    fn head(&self, path: &str, framing: &str) -> String {
        let gateway = &self.dialer.gateway;
        format!(
            "POST {}{}{path} HTTP/1.1\r\nhost: {}\r\n{framing}\r\n{}\r\n",
            self.origin(),
            gateway.path,
            gateway.authority,
            self.fields
        )
    }

    /// What stands before the path of a request that a proxy passes on.
    fn origin(&self) -> String {
        if self.dialer.forwards() { self.dialer.gateway.origin() } else { String::new() }
    }
}

impl Exchange {
    fn new(wire: Wire) -> Exchange {
        Exchange { wire, read: BytesMut::new(), body: Body::Over, reusable: true }
    }

    async fn ask(&mut self, head: &str, body: &[Bytes]) -> io::Result<()> {
        self.wire.write_all(head.as_bytes()).await?;
        for part in body {
            self.wire.write_all(part).await?;
        }
        self.wire.flush().await
    }

    /// Reads the head of the answer.
    ///
    /// # Errors
    /// When none comes.
    pub(crate) async fn head(&mut self) -> Result<Head, LinkError> {
        loop {
            while let Some((answer, length)) = upgrade::parse(&self.read)? {
                self.read.advance(length);
                // 1xx are not the answer (RFC 9110 §15.2), but for the one that ends HTTP here.
                if answer.status >= 200 || answer.status == 101 {
                    self.begin(&answer);
                    return Ok(Head { status: answer.status, code: answer.code });
                }
            }
            if self.read.len() > HEAD {
                return Err(LinkError::Answer("its head is too large"));
            }
            self.fill().await?;
        }
    }

    fn begin(&mut self, answer: &upgrade::Answer) {
        self.reusable = answer.persistent;
        self.body = match (answer.status, answer.chunked, answer.length) {
            (204 | 304, ..) => Body::Over,
            (_, true, _) => Body::Chunked(0),
            (_, false, Some(0)) => Body::Over,
            (_, false, Some(length)) => Body::Length(length),
            (_, false, None) => Body::Close,
        };
    }

    /// The next bytes of the answer's body; `None` at its end.
    ///
    /// # Errors
    /// When the connection ends or breaks before.
    pub(crate) async fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.body {
                Body::Over => return Ok(None),
                Body::Length(left) | Body::Chunked(left @ 1..) => {
                    if self.read.is_empty() {
                        self.fill().await?;
                    }
                    let part = usize::try_from(left).unwrap_or(usize::MAX).min(self.read.len());
                    let left = left - part as u64;
                    self.body = match self.body {
                        Body::Chunked(_) if left == 0 => Body::ChunkEnd,
                        Body::Chunked(_) => Body::Chunked(left),
                        _ if left == 0 => Body::Over,
                        _ => Body::Length(left),
                    };
                    return Ok(Some(self.read.split_to(part).freeze()));
                }
                Body::ChunkEnd => {
                    while self.read.len() < 2 {
                        self.fill().await?;
                    }
                    self.read.advance(2);
                    self.body = Body::Chunked(0);
                }
                Body::Chunked(0) => {
                    let size = self.chunk_size().await?;
                    if size > 0 {
                        self.body = Body::Chunked(size);
                    } else {
                        // Trailers, if any, up to an empty line.
                        while !self.line().await?.is_empty() {}
                        self.body = Body::Over;
                    }
                }
                Body::Close => {
                    self.reusable = false;
                    if self.read.is_empty() && !self.try_fill().await? {
                        self.body = Body::Over;
                        return Ok(None);
                    }
                    return Ok(Some(self.read.split().freeze()));
                }
            }
        }
    }

    /// On an upgraded connection: says something, and waits for the first bytes that come; false when none do.
    ///
    /// # Errors
    /// When the connection breaks.
    pub(crate) async fn converse(&mut self, words: &[u8]) -> io::Result<bool> {
        self.wire.write_all(words).await?;
        self.wire.flush().await?;
        Ok(!self.read.is_empty() || self.try_fill().await?)
    }

    /// Gives the connection back for another request, if the answer was read to its end.
    pub(crate) fn idle(self) -> Option<Exchange> {
        (self.reusable && self.body == Body::Over && self.read.is_empty()).then_some(self)
    }

    async fn chunk_size(&mut self) -> io::Result<u64> {
        let line = self.line().await?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).ok().filter(|size| *size < 1 << 53);
        size.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no size of a chunk"))
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.read.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(&self.read[..at]).into_owned();
                self.read.advance(at + 2);
                return Ok(line);
            }
            if self.read.len() > HEAD {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a line of a chunked body is too long",
                ));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        if self.try_fill().await? { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    async fn try_fill(&mut self) -> io::Result<bool> {
        self.read.reserve(READ);
        Ok(self.wire.read_buf(&mut self.read).await? > 0)
    }
}
