//! A listener's sockets: takes connections within the limits of one port. What is over a limit is reset at once and costs no stream.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use pageport_proto::Code;
use pageport_proto::head::Kind;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::{Place, visitor};
use crate::front::accept;
use crate::front::connection::take_at_port;
use crate::lifetime::{Slot, Slots};
use crate::rate::Rate;
use crate::relay;
use crate::sessions::Entry;
use crate::shared::Shared;

/// A listener at a public port.
pub(crate) struct Listener {
    pub(super) shared: Arc<Shared>,
    pub(super) entry: Arc<Entry>,
    kind: Kind,
    port: u16,
    /// Cancelled when the port is closed; connections may outlive it.
    over: CancellationToken,
    /// `:` and the port, as pages see it.
    pub(super) name: String,
    /// What visitors connect to, without a path.
    url: String,
    connections: Slots,
    waiting: Slots,
    rate: Rate,
}

/// What a connection counts against, for as long as it lives: the gateway's connections, and this listener's.
pub(super) type Counted = (Slot, Slot);

impl Listener {
    pub(crate) fn new(shared: &Arc<Shared>, entry: &Arc<Entry>, kind: Kind, place: &Place) -> Arc<Listener> {
        let port = place.port;
        Arc::new(Listener {
            shared: Arc::clone(shared),
            entry: Arc::clone(entry),
            kind,
            port,
            over: place.over(),
            name: format!(":{port}"),
            url: url(shared, kind, port),
            connections: Slots::default(),
            waiting: Slots::default(),
            rate: Rate::default(),
        })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// Whether nobody listens any more: a connection that has asked for nothing until now finds nobody.
    pub(crate) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// `:` and the port, as pages see it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What visitors connect to, without a path.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Takes connections until it is dropped, which closes the port. One or two sockets: both families of loopback.
    pub(crate) async fn run(self: Arc<Self>, mut sockets: Vec<TcpListener>) {
        let [first, second] = [sockets.pop(), sockets.pop()].map(async |socket| match socket {
            Some(socket) => accept::run(socket, |stream, peer| self.take(stream, peer)).await,
            None => pending().await,
        });
        tokio::join!(first, second);
    }

    fn take(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        self.shared.metrics.connections.increment(1);
        match self.count() {
            Ok((slots, Some(waiting))) => {
                let visitor = visitor::serve(Arc::clone(self), stream, peer, slots, waiting);
                self.shared.lifetime.spawn(visitor);
            }
            Ok((slots, None)) => take_at_port(self, stream, peer, slots),
            Err(code) => {
                self.shared.metrics.connections_refused.increment(1);
                self.shared.metrics.refused(code);
                relay::tear(&stream);
            }
        }
    }

    /// A place among the open connections, of the gateway and of this port; for TCP one among those that wait for the page, too. Who
    /// speaks HTTP waits for the page with each handshake, as at the front door.
    fn count(&self) -> Result<(Counted, Option<Slot>), Code> {
        let policy = self.shared.policy.load();
        let limits = &policy.limits;
        if !self.rate.take(limits.port_accept_rate, Instant::now()) {
            return Err(Code::ERR_RATE_LIMIT);
        }
        if self.kind == Kind::Tcp {
            self.entry.visit()?;
        }
        let connection = self.shared.connections.take(limits.connections);
        let of_listener = self.connections.take(limits.port_connections);
        let (Some(connection), Some(of_listener)) = (connection, of_listener) else {
            return Err(Code::ERR_CONNECTION_LIMIT);
        };
        let waiting = match self.kind {
            Kind::Tcp => Some(self.waiting.take(limits.port_accept_queue).ok_or(Code::ERR_LISTENER_BUSY)?),
            Kind::WebSocket | Kind::Http | Kind::Page => None,
        };
        Ok(((connection, of_listener), waiting))
    }
}

/// `tcp://host:port`; for WebSockets with the scheme that the gateway itself speaks, whatever stands before its front door.
fn url(shared: &Shared, kind: Kind, port: u16) -> String {
    let host = shared.ports.host();
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let secure = shared.policy.load().tls.is_some();
    let scheme = match kind {
        Kind::Tcp => "tcp",
        Kind::WebSocket | Kind::Http | Kind::Page if secure => "wss",
        Kind::WebSocket | Kind::Http | Kind::Page => "ws",
    };
    format!("{scheme}://{host}:{port}")
}
