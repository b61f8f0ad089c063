//! A visitor's side for native programs: a listener's URL becomes a byte stream.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::LinkError;
use crate::carrier::Io;
use crate::connector::tls::Trust;
use crate::handshake::{Handshake, Opened};
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
    let handshake = Handshake {
        authority: uri.authority().map_or("", |authority| authority.as_str()),
        target: uri.path_and_query().map_or("/", |target| target.as_str()),
        protocols: Some(HALVES),
        ..Handshake::default()
    };
    let opened = handshake.run(&mut stream).await?;
    Ok(Connection::opened(stream, opened))
}

impl Connection {
    /// A WebSocket behind a handshake that offered [`HALVES`].
    pub(crate) fn opened(stream: impl Io, opened: Opened) -> Connection {
        let (read, write) = tokio::io::split(stream);
        let socket = tokio::io::join(io::Cursor::new(opened.read_ahead).chain(read), write);
        Connection::WebSocket(Messages::client(Box::new(socket), opened.protocol.is_some()))
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
