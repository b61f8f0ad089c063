//! The carrier `webtransport`: frames on the first bidirectional stream of a WebTransport session, bytes of streams beside them (see
//! `native`). One session for each QUIC connection.

use std::fmt;
use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use web_transport_quinn::Session;
use web_transport_quinn::quinn::{Connection, VarInt};

use super::bytes::BytesCarrier;
use super::{Input, Received, Socket, Wire};
use crate::LinkError;

/// Frames leave before bytes of streams: they are few, and say how the streams go on.
const FRAMES_FIRST: i32 = 1;
/// What the first stream may have on its way, whatever the others wait for.
const FIRST: u64 = 1 << 20;
/// How many native streams a gateway may have at once: one for each of many busy streams.
const STREAMS: u32 = 1_024;
/// Unidirectional streams of HTTP/3 itself: control, and two of QPACK (RFC 9114 §6.2, RFC 9204 §4.2).
const CONTROL: u32 = 3;

/// A session of WebTransport; made by [`super::Carrier::webtransport_server`].
pub struct WebTransportCarrier {
    session: Session,
    frames: BytesCarrier,
    /// How many native streams the peer may have at once.
    streams: u32,
}

impl WebTransportCarrier {
    /// Waits for the page to open the first stream.
    pub(super) async fn server(session: Session, streams: u32) -> Result<WebTransportCarrier, LinkError> {
        let unused = Unused::new(&session);
        let opened = session.accept_bi().await.map_err(LinkError::broken)?;
        unused.keep();
        Ok(WebTransportCarrier::new(session, streams, opened))
    }

    pub(super) async fn client(session: Session) -> Result<WebTransportCarrier, LinkError> {
        let unused = Unused::new(&session);
        let opened = session.open_bi().await.map_err(LinkError::broken)?;
        unused.keep();
        Ok(WebTransportCarrier::new(session, STREAMS, opened))
    }

    fn new(
        session: Session,
        streams: u32,
        (send, receive): (web_transport_quinn::SendStream, web_transport_quinn::RecvStream),
    ) -> WebTransportCarrier {
        let _ = send.set_priority(FRAMES_FIRST);
        let wire = Wire::new(Socket::boxed(tokio::io::join(receive, send)), Bytes::new());
        WebTransportCarrier { session, frames: BytesCarrier::new(wire), streams }
    }

    /// As [`BytesCarrier::poll_receive`]. A page says DETACH or CLOSE before it ends the first stream; an end behind neither is its browser's word that
    /// the page goes.
    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        deliver: impl FnMut(Received<'_>),
    ) -> Poll<io::Result<Input>> {
        self.frames.poll_receive(cx, deliver).map_ok(|input| match input {
            Input::End | Input::Left => Input::Left,
            Input::Some => Input::Some,
        })
    }

    pub(super) fn frames(&self) -> &BytesCarrier {
        &self.frames
    }

    pub(super) fn frames_mut(&mut self) -> &mut BytesCarrier {
        &mut self.frames
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// What becomes the peer's once this carries a session.
    pub(super) fn grant(&self) -> Grant {
        Grant { session: self.session.clone(), streams: self.streams }
    }

    /// Lets the last frame arrive before it ends the connection: closing would tear it.
    ///
    /// The connection, not the session: when the session of a page ends first, by its capsule or by the end of its request, streams that have
    /// not ended fail one by one, and Chromium 156 crashes over the first of them.
    pub(super) async fn close(mut self) {
        let nowhere = BytesCarrier::new(Wire::nowhere());
        std::mem::replace(&mut self.frames, nowhere).close().await;
    }
}

/// What the peer of a carrier may have on its way, and in how many streams: little before it carries a session, whose budget pays for
/// it then.
#[derive(Clone)]
pub(super) struct Grant {
    pub(super) session: Session,
    streams: u32,
}

impl Grant {
    /// Grants so many bytes to native streams, and what the first stream needs. How many bytes that are together.
    pub(super) fn all(&self, window: u64) -> u64 {
        let window = VarInt::from_u64(window.saturating_add(FIRST)).unwrap_or(VarInt::MAX);
        self.session.set_receive_window(window);
        self.session.set_max_concurrent_uni_streams(self.streams.saturating_add(CONTROL).into());
        window.into_inner()
    }
}

impl Drop for WebTransportCarrier {
    fn drop(&mut self) {
        end(&self.session);
    }
}

/// Ends the connection of a session that never became a carrier, however that came: the session itself would leave it open for as
/// long as the peer likes.
pub(crate) struct Unused(Option<Connection>);

impl Unused {
    pub(crate) fn new(connection: &Connection) -> Unused {
        Unused(Some(connection.clone()))
    }

    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Unused {
    fn drop(&mut self) {
        self.0.iter().for_each(end);
    }
}

fn end(connection: &Connection) {
    connection.close(VarInt::from_u32(0), b"");
}

impl fmt::Debug for WebTransportCarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebTransportCarrier")
    }
}
