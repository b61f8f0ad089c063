//! A listener's sockets: takes connections within the limits of one port. What is over a limit is reset at once and costs no stream.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use pageport_proto::Code;
use tokio::net::{TcpListener, TcpStream};

use super::visitor;
use crate::front::accept;
use crate::lifetime::{Slot, Slots};
use crate::rate::Rate;
use crate::relay;
use crate::sessions::Entry;
use crate::shared::Shared;

/// A listener at a public port.
pub(crate) struct Listener {
    pub(super) shared: Arc<Shared>,
    pub(super) entry: Arc<Entry>,
    /// `:` and the port, as pages see it.
    pub(super) name: String,
    connections: Slots,
    waiting: Slots,
    rate: Rate,
}

/// What a connection counts against, for as long as it lives.
pub(super) struct Counted {
    _connection: Slot,
    _of_listener: Slot,
}

impl Listener {
    pub(crate) fn new(shared: &Arc<Shared>, entry: &Arc<Entry>, port: u16) -> Arc<Listener> {
        Arc::new(Listener {
            shared: Arc::clone(shared),
            entry: Arc::clone(entry),
            name: format!(":{port}"),
            connections: Slots::default(),
            waiting: Slots::default(),
            rate: Rate::default(),
        })
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
            Ok((counted, waiting)) => {
                let visitor = visitor::serve(Arc::clone(self), stream, peer, counted, waiting);
                self.shared.lifetime.spawn(visitor);
            }
            Err(code) => {
                self.shared.metrics.connections_refused.increment(1);
                self.shared.metrics.refused(code);
                relay::tear(&stream);
            }
        }
    }

    /// A place among the open connections, and one among those that wait for the page.
    fn count(&self) -> Result<(Counted, Slot), Code> {
        let policy = self.shared.policy.load();
        let limits = &policy.limits;
        if !self.rate.take(limits.port_accept_rate, Instant::now()) {
            return Err(Code::ERR_RATE_LIMIT);
        }
        self.entry.visit()?;
        let connection = self.shared.connections.take(limits.connections);
        let of_listener = self.connections.take(limits.port_connections);
        let (Some(connection), Some(of_listener)) = (connection, of_listener) else {
            return Err(Code::ERR_CONNECTION_LIMIT);
        };
        let waiting = self.waiting.take(limits.port_accept_queue).ok_or(Code::ERR_LISTENER_BUSY)?;
        Ok((Counted { _connection: connection, _of_listener: of_listener }, waiting))
    }
}
