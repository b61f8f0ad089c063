//! Carriers: what moves carrier messages over one connection, and the task that drives one for its session.
//!
//! One concrete enum, so that what a carrier can do is written down once. A carrier knows bytes and messages, never streams.

mod bytes;
mod drive;
mod http;
mod native;
mod pace;
mod patience;
mod rewind;
mod shared_tcp;
mod socket;
mod websocket;
mod webtransport;
mod wire;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ::bytes::{Bytes, BytesMut};
use pageport_proto::frame::Frame;
use pageport_proto::session::Message;

use crate::connector::http1::Requests;
use crate::{Budget, LinkError};

pub use bytes::BytesCarrier;
pub use drive::Carried;
pub use http::{Cut, Download, HttpCarrier, HttpLimits, HttpLine, HttpMode, Upload};
pub use rewind::Rewind;
pub use shared_tcp::SharedTcp;
pub use socket::{Io, Socket};
pub use websocket::WebSocketCarrier;
pub use webtransport::WebTransportCarrier;

pub(crate) use drive::drive;
pub(crate) use http::Polling;
pub(crate) use wire::Wire;

/// How long a last frame and the end of a connection may take before the connection is simply dropped.
const FAREWELL: Duration = Duration::from_secs(5);

/// One connection that can carry a session.
#[derive(Debug)]
pub enum Carrier {
    /// RFC 6455; a carrier message is a binary message.
    WebSocket(WebSocketCarrier),
    /// Frames back to back.
    Bytes(BytesCarrier),
    /// Numbered messages over plain requests.
    Http(HttpCarrier),
    /// Likewise, on the first stream of a WebTransport session, whose other streams have bytes of the session's.
    WebTransport(Box<WebTransportCarrier>),
}

/// Which kind of carrier it is; displayed by the names of §9 of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CarrierKind {
    /// `websocket`
    WebSocket,
    /// `bytes`
    Bytes,
    /// `http`
    Http,
    /// `webtransport`
    WebTransport,
}

impl CarrierKind {
    /// Every kind.
    pub const ALL: [CarrierKind; 4] =
        [CarrierKind::Bytes, CarrierKind::WebSocket, CarrierKind::Http, CarrierKind::WebTransport];

    /// The name of §9 of the protocol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CarrierKind::WebSocket => "websocket",
            CarrierKind::Bytes => "bytes",
            CarrierKind::Http => "http",
            CarrierKind::WebTransport => "webtransport",
        }
    }
}

impl fmt::Display for CarrierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What came in.
pub(crate) enum Received<'a> {
    /// Frames back to back, and how much memory any slice of them keeps. Whole ones are taken off the front; the beginning of an unfinished one is left.
    Frames(&'a mut Bytes, usize),
    /// One whole carrier message.
    Message(Bytes),
}

/// What a poll for input did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// Something was handed over; there may be more.
    Some,
    /// The peer's direction has ended.
    End,
    /// Likewise, and it said that it goes.
    Left,
}

impl Carrier {
    /// The gateway's end of a WebSocket, after the HTTP upgrade. `read_ahead` is what was read behind the request.
    ///
    /// Hand over a bare [`tokio::net::TcpStream`], or [`Socket::over`] one, where there is one: only then the carrier can keep the
    /// kernel from hoarding.
    #[must_use]
    pub fn websocket_server(socket: impl Into<Socket>, read_ahead: Bytes) -> Carrier {
        Carrier::WebSocket(WebSocketCarrier::server(Wire::new(socket.into(), read_ahead)))
    }

    /// Either end of an `Upgrade: pageport.v1`, after the upgrade. For `read_ahead` and `socket` see
    /// [`Carrier::websocket_server`].
    #[must_use]
    pub fn bytes(socket: impl Into<Socket>, read_ahead: Bytes) -> Carrier {
        Carrier::Bytes(BytesCarrier::new(Wire::new(socket.into(), read_ahead)))
    }

    /// The gateway's end of numbered messages over requests, and where these are to be brought. What it holds for its page's sake is
    /// counted in `budget`.
    #[must_use]
    pub fn http_server(limits: HttpLimits, budget: Budget) -> (Carrier, HttpLine) {
        let (carrier, line) = HttpCarrier::server(limits, budget);
        (Carrier::Http(carrier), line)
    }

    /// A native program's end. `polling` remembers when something on the way turns out to hold answers back.
    ///
    /// # Errors
    /// When the gateway refuses, or cannot be reached.
    pub(crate) async fn http_client(requests: Requests, polling: Arc<Polling>) -> Result<Carrier, LinkError> {
        Ok(Carrier::Http(HttpCarrier::client(requests, polling).await?))
    }

    /// The gateway's end of a WebTransport session: waits for its first stream. `streams` is how many native streams the page may have
    /// at once.
    pub(crate) async fn webtransport_server(
        session: web_transport_quinn::Session,
        streams: u32,
    ) -> Result<Carrier, LinkError> {
        let carrier = WebTransportCarrier::server(session, streams).await?;
        Ok(Carrier::WebTransport(Box::new(carrier)))
    }

    /// A native program's end of one.
    pub(crate) async fn webtransport_client(
        session: web_transport_quinn::Session,
    ) -> Result<Carrier, LinkError> {
        Ok(Carrier::WebTransport(Box::new(WebTransportCarrier::client(session).await?)))
    }

    pub(crate) fn websocket_client(socket: Socket, read_ahead: Bytes) -> Carrier {
        Carrier::WebSocket(WebSocketCarrier::client(Wire::new(socket, read_ahead)))
    }

    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> CarrierKind {
        match self {
            Carrier::WebSocket(_) => CarrierKind::WebSocket,
            Carrier::Bytes(_) => CarrierKind::Bytes,
            Carrier::Http(_) => CarrierKind::Http,
            Carrier::WebTransport(_) => CarrierKind::WebTransport,
        }
    }

    /// Reads at most once and hands over what came. Nothing that was read is lost when the caller stops polling.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        deliver: impl FnMut(Received<'_>),
    ) -> Poll<io::Result<Input>> {
        match self {
            Carrier::WebSocket(carrier) => carrier.poll_receive(cx, deliver),
            Carrier::Bytes(carrier) => carrier.poll_receive(cx, deliver),
            Carrier::Http(carrier) => carrier.poll_receive(cx, deliver),
            Carrier::WebTransport(carrier) => carrier.poll_receive(cx, deliver),
        }
    }

    /// Takes a message to send; the one before must have been flushed.
    pub(crate) fn start_send(&mut self, message: &mut Message) {
        match self {
            Carrier::WebSocket(carrier) => carrier.start_send(message.take_whole()),
            Carrier::Bytes(carrier) => carrier.start_send(message.take_parts()),
            Carrier::Http(carrier) => carrier.start_send(message.take_parts()),
            Carrier::WebTransport(carrier) => carrier.frames_mut().start_send(message.take_parts()),
        }
    }

    /// The same for one frame that belongs to no session.
    pub(crate) fn start_frame(&mut self, frame: &Frame) {
        let mut bytes = BytesMut::new();
        frame.encode(&mut bytes);
        match self {
            Carrier::WebSocket(carrier) => carrier.start_send(bytes.freeze()),
            Carrier::Bytes(carrier) => carrier.start_send(vec![bytes.freeze()]),
            Carrier::Http(carrier) => carrier.start_send(vec![bytes.freeze()]),
            Carrier::WebTransport(carrier) => carrier.frames_mut().start_send(vec![bytes.freeze()]),
        }
    }

    /// Writes until everything has left.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Carrier::WebSocket(carrier) => carrier.poll_flush(cx),
            Carrier::Bytes(carrier) => carrier.poll_flush(cx),
            Carrier::Http(carrier) => carrier.poll_flush(cx),
            Carrier::WebTransport(carrier) => carrier.frames_mut().poll_flush(cx),
        }
    }

    /// About how many bytes the next message should have at most, so that what is queued below stays small.
    pub(crate) fn room(&self) -> usize {
        match self {
            Carrier::WebSocket(carrier) => carrier.wire().room(),
            Carrier::Bytes(carrier) => carrier.wire().room(),
            Carrier::Http(carrier) => carrier.room(),
            Carrier::WebTransport(carrier) => carrier.frames().wire().room(),
        }
    }

    /// How many bytes have left so far. A message over requests is taken whole, or not at all.
    pub(crate) fn written(&self) -> u64 {
        match self {
            Carrier::WebSocket(carrier) => carrier.wire().written(),
            Carrier::Bytes(carrier) => carrier.wire().written(),
            Carrier::Http(_) => 0,
            Carrier::WebTransport(carrier) => carrier.frames().wire().written(),
        }
    }

    /// There is nothing to send for now, until the next [`Carrier::start_send`].
    pub(crate) fn rest(&mut self) {
        if let Carrier::Http(carrier) = self {
            carrier.rest();
        }
    }

    /// What it has beside messages: the size of a datagram; `None` for nothing.
    pub(crate) fn native(&self) -> Option<usize> {
        match self {
            Carrier::WebTransport(carrier) => Some(native::datagram_size(carrier.session())),
            Carrier::WebSocket(_) | Carrier::Bytes(_) | Carrier::Http(_) => None,
        }
    }

    /// HELLO has come: from now on messages of full size may.
    pub(crate) fn lift_hello_limit(&mut self) {
        match self {
            Carrier::WebSocket(carrier) => carrier.lift_hello_limit(),
            Carrier::Http(carrier) => carrier.lift_hello_limit(),
            Carrier::Bytes(_) | Carrier::WebTransport(_) => {}
        }
    }

    /// Ends the connection in order, within five seconds, and drops it.
    ///
    /// Boxed, so that a carrier at work does not carry the room for its end around.
    pub(crate) fn close(self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {
            let closing = async {
                match self {
                    Carrier::WebSocket(carrier) => carrier.close().await,
                    Carrier::Bytes(carrier) => carrier.close().await,
                    Carrier::Http(carrier) => carrier.close().await,
                    Carrier::WebTransport(carrier) => carrier.close().await,
                }
            };
            if tokio::time::timeout(FAREWELL, closing).await.is_err() {
                tracing::debug!("the peer did not close its end in time");
            }
        })
    }
}
