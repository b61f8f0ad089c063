//! One connection to the front door: HTTP/1.1 by hyper with our limits, until it ends or becomes something else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioIo, TokioTimer};
use pageport_proto::Code;
use tokio::net::TcpStream;

use super::respond::retry_soon;
use super::route;
use super::strict_head::StrictHead;
use crate::lifetime::Slot;
use crate::shared::Shared;

/// What hyper's own limits have above ours, so that our answer comes first and its bare 431 stays for floods.
const SLACK_BYTES: u64 = 8 * 1024;
const SLACK_HEADERS: u64 = 28;

/// The answer to one connection too many. It is sent without reading the request, and without a task.
static TOO_MANY: LazyLock<Bytes> = LazyLock::new(|| retry_soon(Code::ERR_CONNECTION_LIMIT).into_bytes());

/// What lives as long as the connection, also when it has become a carrier or a visitor's WebSocket.
pub(crate) struct Connection {
    pub(crate) shared: Arc<Shared>,
    pub(crate) peer: SocketAddr,
    _slot: Slot,
}

/// Serves a connection in a task of its own, or turns it away.
pub(crate) fn take(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    shared.metrics.connections.increment(1);
    let limit = shared.policy.load().limits.connections;
    match shared.connections.take(limit) {
        Some(slot) => {
            let connection = Arc::new(Connection { shared: Arc::clone(shared), peer, _slot: slot });
            shared.lifetime.spawn(serve(connection, stream));
        }
        None => {
            shared.metrics.connections_refused.increment(1);
            // Taking what has come lets the answer arrive: closing over unread bytes would reset it away.
            let _ = stream.try_read(&mut [0; 4096]);
            let _ = stream.try_write(&TOO_MANY);
        }
    }
}

async fn serve(connection: Arc<Connection>, stream: TcpStream) {
    // A connection that says nothing gets no parser and no buffers.
    let timeout = connection.shared.policy.load().limits.header_timeout;
    if !matches!(tokio::time::timeout(timeout, stream.peek(&mut [0])).await, Ok(Ok(1))) {
        return;
    }
    let mut http = http1::Builder::new();
    {
        let policy = connection.shared.policy.load();
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        http.timer(TokioTimer::new())
            .header_read_timeout(timeout)
            .max_headers(size(policy.limits.headers + SLACK_HEADERS))
            .max_buf_size(size(policy.limits.header_bytes + SLACK_BYTES));
    }
    let service = service_fn(|request| {
        let connection = Arc::clone(&connection);
        async move { Ok::<_, Infallible>(route::route(&connection, request).await) }
    });
    let mut served =
        pin!(http.serve_connection(TokioIo::new(StrictHead::new(stream)), service).with_upgrades());
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

/// The bare socket behind an upgrade, and what was read of it already: nothing stands in the way of bytes from here on.
pub(crate) fn socket(upgraded: Upgraded) -> Option<(TcpStream, Bytes)> {
    let parts = upgraded.downcast::<TokioIo<StrictHead>>().ok()?;
    // A slice, be it empty, would keep hyper's whole buffer for as long as the visitor stays.
    let read_ahead = Bytes::copy_from_slice(&parts.read_buf);
    Some((parts.io.into_inner().into_inner(), read_ahead))
}
