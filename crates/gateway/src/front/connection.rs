//! One connection to the front door: TLS if it is configured, then HTTP by hyper with our limits, until it ends or becomes something
//! else.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::UPGRADE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioIo, TokioTimer};
use pageport_link::SharedTcp;
use pageport_proto::Code;
use rustls::ServerConfig;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::frame_guard::FrameGuard;
use super::http2::{self, PREFACE};
use super::respond::{Refusal, retry_soon};
use super::route;
use super::strict_head::{Answers, StrictHead};
use super::transport::{Queue, Socket, Transport};
use crate::address::PublicAddress;
use crate::config::Limits;
use crate::lan::{Door, Lan};
use crate::lifetime::Slot;
use crate::ports::accept::Listener as PortListener;
use crate::shared::Shared;
use crate::tls::ALPN_H2;

/// What hyper's own limits have above ours, so that our answer comes first and its bare 431 stays for floods.
pub(crate) const SLACK_BYTES: u64 = 8 * 1024;
const SLACK_HEADERS: u64 = 28;

/// The answer to one connection too many. It is sent without reading the request, and without a task.
static TOO_MANY: LazyLock<Bytes> = LazyLock::new(|| retry_soon(Code::ERR_CONNECTION_LIMIT).into_bytes());

/// The answer to a connection that speaks without TLS where there is TLS (RFC 2817 §4.2).
static TLS_ONLY: LazyLock<Bytes> = LazyLock::new(|| {
    let refusal = Refusal::from(Code::ERR_UPGRADE_REQUIRED).message("This port speaks TLS: use https.");
    refusal.header(UPGRADE, HeaderValue::from_static("TLS/1.2")).into_bytes()
});
/// The first byte of every TLS connection: a record of type handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What lives as long as the connection, also when it, or a stream of it, has become a carrier or a visitor's WebSocket.
pub(crate) struct Connection {
    pub(crate) shared: Arc<Shared>,
    pub(crate) peer: SocketAddr,
    door: Door,
    /// The listener whose own port this came to; `None`: a front door.
    pub(crate) port: Option<Arc<PortListener>>,
    /// What the kernel may hold of what is sent on it.
    pub(crate) queue: Arc<Queue>,
    _slots: Slots,
}

/// What a connection counts against.
type Slots = (Slot, Option<Slot>);

impl Connection {
    /// One that is no TCP connection, to the front door.
    pub(crate) fn new(shared: Arc<Shared>, peer: SocketAddr, slots: (Slot, Slot)) -> Connection {
        Connection {
            shared,
            peer,
            door: Door::Front,
            port: None,
            queue: Arc::default(),
            _slots: (slots.0, Some(slots.1)),
        }
    }

    /// How the gateway is known to whoever is at the other end.
    pub(crate) fn own_address(&self) -> &PublicAddress {
        self.lan().map_or(&self.shared.address, |lan| &lan.address)
    }

    /// The door to the local network, if this came through it.
    pub(crate) fn lan(&self) -> Option<&Lan> {
        self.shared.lan.as_ref().filter(|_| self.door == Door::Lan)
    }
}

/// Serves a connection in a task of its own, or turns it away.
pub(crate) fn take(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr, door: Door) {
    shared.metrics.connections.increment(1);
    let limit = shared.policy.load().limits.connections;
    match shared.connections.take(limit) {
        Some(slot) => {
            let connection = Arc::new(Connection {
                shared: Arc::clone(shared),
                peer,
                door,
                port: None,
                queue: Arc::default(),
                _slots: (slot, None),
            });
            shared.lifetime.spawn(serve(connection, stream));
        }
        None => {
            shared.metrics.connections_refused.increment(1);
            answer_at_once(&stream, &TOO_MANY);
        }
    }
}

/// Serves a connection to a listener's own port in a task of its own.
pub(crate) fn take_at_port(
    listener: &Arc<PortListener>,
    stream: TcpStream,
    peer: SocketAddr,
    slots: (Slot, Slot),
) {
    let shared = Arc::clone(listener.shared());
    let slots = (slots.0, Some(slots.1));
    let connection = Connection {
        shared,
        peer,
        door: Door::Front,
        port: Some(Arc::clone(listener)),
        queue: Arc::default(),
        _slots: slots,
    };
    listener.shared().lifetime.spawn(serve(Arc::new(connection), stream));
}

fn answer_at_once(stream: &TcpStream, answer: &[u8]) {
    // Taking what has come lets the answer arrive: closing over unread bytes would reset it away.
    let _ = stream.try_read(&mut [0; 4096]);
    let _ = stream.try_write(answer);
}

async fn serve(connection: Arc<Connection>, stream: TcpStream) {
    let policy = connection.shared.policy.load_full();
    // A connection that says nothing gets no parser and no buffers.
    let mut first = [0; PREFACE.len()];
    let Ok(Ok(length @ 1..)) = timeout(policy.limits.header_timeout, stream.peek(&mut first)).await else {
        return;
    };
    let config = match connection.shared.tls_config(&policy, connection.door) {
        Ok(config) => config,
        Err(error) => return tracing::error!(%error, "TLS"),
    };
    match config {
        Some(config) if first[0] == TLS_HANDSHAKE => {
            secure(&connection, stream, config, &policy.limits).await;
        }
        Some(_) => answer_at_once(&stream, &TLS_ONLY),
        None => plain(&connection, stream, &first[..length], &policy.limits).await,
    }
}

async fn secure(connection: &Arc<Connection>, stream: TcpStream, config: Arc<ServerConfig>, limits: &Limits) {
    let handshake = TlsAcceptor::from(config).accept(SharedTcp::from(stream));
    let stream = match timeout(limits.tls_timeout, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            connection.shared.metrics.tls_failed.increment(1);
            return tracing::debug!(%error, "TLS handshake");
        }
        Err(_) => return connection.shared.metrics.tls_failed.increment(1),
    };
    let h2 = stream.get_ref().1.alpn_protocol() == Some(ALPN_H2);
    let transport = Transport::tls(stream, Arc::clone(&connection.queue));
    if h2 {
        serve_http2(connection, transport, Bytes::new(), limits).await;
    } else {
        serve_http1(connection, transport, Bytes::new(), limits).await;
    }
}

/// Without TLS the first bytes tell which HTTP it is (RFC 9113 §3.3).
async fn plain(connection: &Arc<Connection>, mut stream: TcpStream, first: &[u8], limits: &Limits) {
    let transport = |stream| Transport::tcp(stream, Arc::clone(&connection.queue));
    if !PREFACE.starts_with(first) {
        return serve_http1(connection, transport(stream), Bytes::new(), limits).await;
    }
    match timeout(limits.header_timeout, read_preface(&mut stream)).await {
        Ok(Ok((true, ahead))) => serve_http2(connection, transport(stream), ahead, limits).await,
        Ok(Ok((false, ahead))) => serve_http1(connection, transport(stream), ahead, limits).await,
        _ => {}
    }
}

/// Reads until it is the preface of HTTP/2, or cannot become it any more.
async fn read_preface(stream: &mut TcpStream) -> io::Result<(bool, Bytes)> {
    let (mut read, mut length) = ([0; PREFACE.len()], 0);
    while length < PREFACE.len() && PREFACE.starts_with(&read[..length]) {
        match stream.read(&mut read[length..]).await? {
            0 => break,
            more => length += more,
        }
    }
    let read = &read[..length];
    Ok((read == PREFACE, Bytes::copy_from_slice(read)))
}

async fn serve_http1(connection: &Arc<Connection>, transport: Transport, ahead: Bytes, limits: &Limits) {
    let mut http = http1::Builder::new();
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(size(limits.headers + SLACK_HEADERS))
        .max_buf_size(size(limits.header_bytes + SLACK_BYTES));
    let answers = Answers::default();
    let service = service_fn(|request| {
        let (connection, answering) = (Arc::clone(connection), answers.begin());
        async move {
            let response = route::route(&connection, request).await;
            Ok::<_, Infallible>(response.map(|body| answering.with(body)))
        }
    });
    let io = TokioIo::new(StrictHead::new(transport, ahead, answers.clone()));
    let mut served = pin!(http.serve_connection(io, service).with_upgrades());
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = connection.shared.lifetime.draining() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection");
    }
}

async fn serve_http2(connection: &Arc<Connection>, transport: Transport, ahead: Bytes, limits: &Limits) {
    let shared = &connection.shared;
    shared.metrics.h2_connections.increment(1);
    let window = shared.h2_windows.grant(limits.h2_streams * limits.h2_window, limits.h2_receive);
    let http = http2::builder(shared, limits, &window);
    let guard = FrameGuard::new(transport, ahead, limits.header_timeout);
    let (request_came, requests) = watch::channel(());
    let service = service_fn(|request| {
        request_came.send_replace(());
        let connection = Arc::clone(connection);
        async move { Ok::<_, Infallible>(route::route(&connection, request).await) }
    });
    let mut served = pin!(http.serve_connection(TokioIo::new(guard), service));
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = shared.lifetime.draining() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
        // GOAWAY lets finish what is open, be it a WebSocket that stays for days.
        () = no_more(requests, limits.h2_idle) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "HTTP/2 connection");
    }
}

/// Resolves when no request has come for so long.
async fn no_more(mut requests: watch::Receiver<()>, idle: Duration) {
    while let Ok(Ok(())) = timeout(idle, requests.changed()).await {}
}

/// What lies behind an upgrade, and what was read of it already: nothing stands in the way of bytes from here on.
pub(crate) fn socket(upgraded: Upgraded) -> Option<(Socket, Bytes)> {
    match upgraded.downcast::<TokioIo<StrictHead>>() {
        Ok(parts) => {
            // A slice, be it empty, would keep hyper's whole buffer for as long as the visitor stays.
            let read_ahead = Bytes::copy_from_slice(&parts.read_buf);
            Some((Socket::Connection(parts.io.into_inner().into_inner()), read_ahead))
        }
        Err(upgraded) => Some((Socket::Stream(TokioIo::new(upgraded)), Bytes::new())),
    }
}
