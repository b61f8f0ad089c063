//! A visitor's side for native programs: a listener's URL becomes a byte stream.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::Uri;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::LinkError;
use crate::carrier::Io;
use crate::connector::tls::Trust;
use crate::connector::upgrade::{self, Answer, HEAD};
use crate::messages::{HALVES, Messages};

/// How long connecting may take, handshake included: the page's decision is a part of it.
const PATIENCE: Duration = Duration::from_secs(40);

/// A connection to a listener.
#[derive(Debug)]
pub enum Connection {
    /// To a public port.
    Tcp(TcpStream),
    /// Binary messages as bytes, see [`Messages`].
    WebSocket(Messages<Box<dyn Io>>),
}

/// Connects to a listener: `tcp://host:port`, or `ws(s)://…` as pages are given it. Names under `.localhost` are this machine
/// (RFC 6761 §6.3), whatever its resolver says.
///
/// # Errors
/// [`LinkError::Address`] for what is no such URL, [`LinkError::Refused`] with the gateway's code, otherwise why the connection failed.
pub async fn dial(url: &str) -> Result<Connection, LinkError> {
    timeout(PATIENCE, connect(url)).await.unwrap_or(Err(LinkError::Timeout))
}

async fn connect(url: &str) -> Result<Connection, LinkError> {
    let invalid = || LinkError::Address(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| invalid())?;
    let authority =
        uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(invalid)?;
    match uri.scheme_str() {
        Some("tcp") if uri.path() == "/" || uri.path().is_empty() => {
            let port = authority.port_u16().ok_or_else(invalid)?;
            Ok(Connection::Tcp(tcp(authority.host(), port).await?))
        }
        Some("ws") => {
            let stream = tcp(authority.host(), authority.port_u16().unwrap_or(80)).await?;
            websocket(stream, &uri).await
        }
        Some("wss") => {
            let stream = tcp(authority.host(), authority.port_u16().unwrap_or(443)).await?;
            let host = authority.host().trim_start_matches('[').trim_end_matches(']');
            websocket(Trust::default().connect(host, stream.into()).await?, &uri).await
        }
        _ => Err(invalid()),
    }
}

/// Both families of loopback for `localhost` and what is under it.
async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let lower = name.to_ascii_lowercase();
    let stream = if lower == "localhost" || lower.ends_with(".localhost") {
        let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        TcpStream::connect(&both.map(|ip| SocketAddr::from((ip, port)))[..]).await?
    } else {
        TcpStream::connect((name, port)).await?
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn websocket<S: Io>(mut stream: S, uri: &Uri) -> Result<Connection, LinkError> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| LinkError::Io(io::Error::other(error)))?;
    let key = STANDARD.encode(nonce);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\nsec-websocket-protocol: {HALVES}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let (answer, read_ahead) = answer(&mut stream).await?;
    if answer.status != 101 {
        return Err(LinkError::Refused { status: answer.status, code: answer.code });
    }
    let halves = answer.protocol == HALVES;
    if !answer.upgrade.eq_ignore_ascii_case("websocket") || answer.accept != upgrade::accept(&key) {
        return Err(LinkError::Answer("it is not that of a WebSocket server"));
    }
    if answer.extensions || !(halves || answer.protocol.is_empty()) {
        return Err(LinkError::Answer("it chose what was not offered"));
    }
    let (read, write) = tokio::io::split(stream);
    let socket = tokio::io::join(io::Cursor::new(read_ahead).chain(read), write);
    Ok(Connection::WebSocket(Messages::client(Box::new(socket), halves)))
}

/// The head of an answer, and what was read behind it.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> Result<(Answer, Bytes), LinkError> {
    let mut read = BytesMut::with_capacity(1024);
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(LinkError::Answer("the connection ended before an answer"));
        }
        if let Some((answer, len)) = upgrade::parse(&read)? {
            return Ok((answer, Bytes::copy_from_slice(&read[len..])));
        }
        if read.len() > HEAD {
            return Err(LinkError::Answer("its head is too large"));
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Connection::WebSocket(messages) => Pin::new(messages).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Connection::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Connection::WebSocket(messages) => Pin::new(messages).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Connection::WebSocket(messages) => Pin::new(messages).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Connection::WebSocket(messages) => Pin::new(messages).poll_shutdown(cx),
        }
    }
}
