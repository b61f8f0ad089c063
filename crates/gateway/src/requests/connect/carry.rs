//! A flow to its end: bytes both ways, counted and slowed down as its rule says, until both ways have ended, one end broke off, or it is over.

use std::sync::Arc;

use bytes::Bytes;
use pageport_link::relay;
use pageport_link::{ReadHalf, SharedTcp, Socket, WriteHalf};
use pageport_proto::Code;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::egress::{Begun, Flow, Paced};
use crate::relay::Open;
use crate::shared::Shared;

/// A connection as the flow's rule wants it: as it is, or slowed down.
pub(super) fn plain(flow: &Flow, tcp: tokio::net::TcpStream) -> Socket {
    match flow.bytes_per_second() {
        None => tcp.into(),
        Some(rate) => {
            let tcp = SharedTcp::from(tcp);
            Socket::over(Paced::new(tcp.clone(), rate), tcp)
        }
    }
}

/// The same for what lies over a connection.
pub(super) fn layered(
    flow: &Flow,
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    tcp: SharedTcp,
) -> Socket {
    match flow.bytes_per_second() {
        None => Socket::over(io, tcp),
        Some(rate) => Socket::over(Paced::new(io, rate), tcp),
    }
}

/// Relays to the end.
pub(super) async fn carry(
    shared: &Shared,
    mut begun: Begun,
    (socket, read_ahead): (Socket, Bytes),
    stream: (ReadHalf, WriteHalf),
) {
    begun.flows();
    let _open = Open::new(&shared.metrics.connects_open);
    let flow = Arc::clone(begun.flow());
    let count = |moved| flow.count(&shared.metrics, moved);
    let gone = Code::ERR_TARGET_UNREACHABLE;
    begun.ended(relay::run_until(socket, read_ahead, stream, gone, flow.over(), count).await);
}
