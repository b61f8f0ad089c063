//! The carrier `websocket`: RFC 6455 after its handshake; a carrier message is a binary message.
//!
//! While nothing moves there is no WebSocket state at all, only the connection: the state machine below holds buffers of at least
//! 8 KiB, so it is made when bytes come or go, and given up as soon as it provably holds none.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Sink, SinkExt as _, Stream as _};
use pageport_proto::limits;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio_websockets::{
    ClientBuilder, CloseCode, Config, Error, Limits, Message, ServerBuilder, WebSocketStream,
};

use super::{Input, Received, Wire};

/// What the first read of a quiet connection takes.
const SMALL: usize = 2 * 1024;
/// The largest message before HELLO has come: HELLO and its header.
const HELLO: usize = limits::HELLO + 16;
/// How many PINGs of RFC 6455 may wait for their answer to leave. A peer that sends more without reading loses the carrier.
const PINGS: u32 = 64;
/// The headers of a HELLO that is too large for a frame, and of one that is only too large for a HELLO: what stands for a message that
/// was refused by its size, to those who read frames.
const TOO_LARGE: &[u8] = &[0x00, 0x80, 0x01, 0x04, 0x01];
const HELLO_TOO_LARGE: &[u8] = &[0x00, 0x50, 0x01];

/// RFC 6455; made by [`super::Carrier::websocket_server`], or by a connector.
#[derive(Debug)]
pub struct WebSocketCarrier {
    /// The connection while there is no `stream`; nothing of use otherwise.
    wire: Wire,
    stream: Option<Box<WebSocketStream<Wire>>>,
    role: Role,
    /// The largest message that is taken.
    limit: usize,
    /// The least number of bytes that the messages so far took. When the connection delivered no more, none of them is held.
    consumed: u64,
    /// How many bytes the connection had delivered when the session was last told that something came.
    told: u64,
    /// A message is on its way out.
    sending: bool,
    unanswered_pings: u32,
    /// Nothing that comes is read any more.
    deaf: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

impl WebSocketCarrier {
    pub(super) fn server(wire: Wire) -> WebSocketCarrier {
        WebSocketCarrier::new(wire, Role::Server, HELLO)
    }

    pub(super) fn client(wire: Wire) -> WebSocketCarrier {
        WebSocketCarrier::new(wire, Role::Client, limits::MESSAGE)
    }

    fn new(wire: Wire, role: Role, limit: usize) -> WebSocketCarrier {
        WebSocketCarrier {
            wire,
            stream: None,
            role,
            limit,
            consumed: 0,
            told: 0,
            sending: false,
            unanswered_pings: 0,
            deaf: false,
        }
    }

    pub(super) fn wire(&self) -> &Wire {
        self.stream.as_ref().map_or(&self.wire, |stream| stream.get_ref())
    }

    pub(super) fn lift_hello_limit(&mut self) {
        self.limit = limits::MESSAGE;
        let limit = self.limits();
        if let Some(stream) = &mut self.stream {
            *stream.limits_mut() = limit;
        }
    }

    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        mut deliver: impl FnMut(Received<'_>),
    ) -> Poll<io::Result<Input>> {
        if self.deaf {
            return Poll::Pending;
        }
        if self.stream.is_none() && !self.wire.has_ahead() {
            let mut small = [0; SMALL];
            let mut buf = ReadBuf::new(&mut small);
            ready!(Pin::new(&mut self.wire).poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Ok(Input::End));
            }
            self.wire.unread(Bytes::copy_from_slice(buf.filled()));
        }
        let next = Pin::new(self.hot()).poll_next(cx);
        let delivered = self.wire().delivered();
        if std::mem::replace(&mut self.told, delivered) != delivered {
            // Part of a message, or a PONG of RFC 6455, proves life as well.
            deliver(Received::Frames(&mut Bytes::new(), 0));
        }
        let message = match next {
            Poll::Pending => {
                self.cool_down();
                return Poll::Pending;
            }
            Poll::Ready(None) => return Poll::Ready(Ok(Input::End)),
            Poll::Ready(Some(Ok(message))) => message,
            Poll::Ready(Some(Err(Error::PayloadTooLong { len, .. }))) => {
                let header = if len > limits::FRAME { TOO_LARGE } else { HELLO_TOO_LARGE };
                deliver(Received::Message(Bytes::from_static(header)));
                return Poll::Ready(self.turn_deaf());
            }
            Poll::Ready(Some(Err(Error::Io(error)))) => return Poll::Ready(Err(error)),
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(io::Error::other(error))),
        };
        self.consumed += self.least_len(message.as_payload().len());
        self.take_message(cx, message, deliver)
    }

    pub(super) fn start_send(&mut self, message: Bytes) {
        debug_assert!(!self.sending);
        // This fails only behind a CLOSE of RFC 6455, and then the next read ends the carrier.
        if Pin::new(self.hot()).start_send(Message::binary(message)).is_ok() {
            self.sending = true;
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(stream) = &mut self.stream {
            ready!(Pin::new(stream.as_mut()).poll_flush(cx)).map_err(io::Error::other)?;
            self.sending = false;
            self.unanswered_pings = 0;
            self.cool_down();
        }
        Poll::Ready(Ok(()))
    }

    /// The closing handshake of RFC 6455 §7.1.2; behind what cannot be read any more, only the end of the connection.
    pub(super) async fn close(mut self) {
        if poll_fn(|cx| self.poll_flush(cx)).await.is_err() {
            return;
        }
        if !self.deaf {
            let closed = self.hot().close().await;
            return closed.unwrap_or_else(|error| tracing::trace!(%error, "closing handshake"));
        }
        self.take_wire();
        let mut wire = self.wire;
        if wire.shutdown().await.is_ok() {
            let mut ignored = [0; SMALL];
            while let Ok(1..) = wire.read(&mut ignored).await {}
        }
    }

    fn take_message(
        &mut self,
        cx: &mut Context<'_>,
        message: Message,
        mut deliver: impl FnMut(Received<'_>),
    ) -> Poll<io::Result<Input>> {
        if message.is_binary() {
            deliver(Received::Message(message.into_payload().into()));
        } else if message.is_text() {
            // §9: malformed, which is what an empty message is to the session.
            deliver(Received::Message(Bytes::new()));
        } else if message.is_ping() {
            self.unanswered_pings += 1;
            if self.unanswered_pings > PINGS {
                return Poll::Ready(Err(io::Error::other("a flood of WebSocket PINGs")));
            }
            if let Poll::Ready(Err(error)) = self.poll_flush(cx) {
                return Poll::Ready(Err(error));
            }
        } else if message.is_close() {
            // The answer is already queued; whether it arrives matters to nobody.
            let _ = self.poll_flush(cx);
            let goes = message.as_close().is_some_and(|(code, _)| code == CloseCode::GOING_AWAY);
            return Poll::Ready(Ok(if goes { Input::Left } else { Input::End }));
        }
        Poll::Ready(Ok(Input::Some))
    }

    /// The state machine, made anew if there is none.
    fn hot(&mut self) -> &mut WebSocketStream<Wire> {
        let (role, limits) = (self.role, self.limits());
        // Messages are at most 256 KiB, so none is ever cut into frames.
        let config = Config::default().frame_size(usize::MAX);
        self.stream.get_or_insert_with(|| {
            let wire = std::mem::replace(&mut self.wire, Wire::nowhere());
            Box::new(match role {
                Role::Client => ClientBuilder::new().config(config).limits(limits).take_over(wire),
                Role::Server => ServerBuilder::new().config(config).limits(limits).serve(wire),
            })
        })
    }

    /// Gives the state machine up if it holds nothing.
    ///
    /// Every message takes at least the bytes of one whole frame. When the connection delivered exactly that many, no frame is
    /// unfinished, none waits in the buffer, and no message was in fragments.
    fn cool_down(&mut self) {
        let idle = !self.sending && self.unanswered_pings == 0 && !self.deaf;
        if idle && self.wire().delivered() == self.consumed {
            self.take_wire();
        }
    }

    /// Nothing can be read behind a message that was refused by its size, but CLOSE can still be said.
    ///
    /// # Errors
    /// When it cannot, because half a message has left.
    fn turn_deaf(&mut self) -> io::Result<Input> {
        if self.sending || self.unanswered_pings > 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.deaf = true;
        self.take_wire();
        Ok(Input::Some)
    }

    fn take_wire(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.wire = stream.into_inner();
        }
    }

    fn limits(&self) -> Limits {
        Limits::default().max_payload_len(Some(self.limit))
    }

    /// RFC 6455 §5.2, the shortest header that a frame of the peer can have, and its payload.
    fn least_len(&self, payload: usize) -> u64 {
        let length = match payload {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        let mask = if self.role == Role::Server { 4 } else { 0 };
        (length + mask + payload) as u64
    }
}
