//! A client's WebSocket. While nothing moves there is no state of it at all, only the connection: the state holds a buffer of 8 KiB at least, so it is
//! made when something comes or goes, and given up as soon as it provably holds nothing.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use futures_util::{Sink as _, SinkExt as _, Stream as _};
use pageport_link::Socket;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_websockets::{Config, Error, Limits, Message, ServerBuilder, WebSocketStream};

/// What the first read of a quiet connection takes.
const QUIET: usize = 2 * 1024;

/// RFC 6455, as a server speaks it.
pub(super) struct WebSocket {
    /// The connection while there is no `state`.
    io: Option<Io>,
    state: Option<Box<WebSocketStream<Io>>>,
    /// The longest message that is taken.
    longest: usize,
    /// The least number of bytes that the messages so far took. When the connection delivered no more, none of them is held.
    consumed: u64,
    /// Something has not left yet.
    sending: bool,
}

impl WebSocket {
    pub(super) fn new(io: Io, longest: usize) -> WebSocket {
        WebSocket { io: Some(io), state: None, longest, consumed: 0, sending: false }
    }

    /// From now on messages may be this long.
    pub(super) fn take_up_to(&mut self, longest: usize) {
        self.longest = longest;
        if let Some(state) = &mut self.state {
            state.limits_mut().set_max_payload_len(Some(longest));
        }
    }

    /// The next message; `None` at the end.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        if let Some(io) = self.io.as_mut().filter(|io| io.ahead.is_empty()) {
            let mut quiet = [0; QUIET];
            let mut part = ReadBuf::new(&mut quiet);
            ready!(Pin::new(&mut *io).poll_read(cx, &mut part))?;
            if part.filled().is_empty() {
                return Poll::Ready(None);
            }
            io.unread(Bytes::copy_from_slice(part.filled()));
        }
        let Some(state) = self.state() else { return Poll::Ready(None) };
        let next = Pin::new(state).poll_next(cx);
        match &next {
            Poll::Pending => self.cool_down(),
            Poll::Ready(Some(Ok(message))) => {
                self.consumed += least(message.as_payload().len());
                // Its answer is queued.
                self.sending |= message.is_ping() || message.is_close();
            }
            Poll::Ready(_) => {}
        }
        next
    }

    /// Leaves with the next flush; behind a CLOSE nothing does, and then the next read ends it all.
    pub(super) fn put(&mut self, message: Message) {
        let sent = self.state().is_some_and(|state| Pin::new(state).start_send(message).is_ok());
        self.sending |= sent;
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(state) = &mut self.state {
            ready!(Pin::new(state.as_mut()).poll_flush(cx))?;
            self.sending = false;
            self.cool_down();
        }
        Poll::Ready(Ok(()))
    }

    /// The closing handshake (RFC 6455 §7.1.2).
    pub(super) async fn close(mut self) {
        if let Some(state) = self.state() {
            let _ = state.close().await;
        }
    }

    /// The state, made anew if there is none.
    fn state(&mut self) -> Option<&mut WebSocketStream<Io>> {
        if let Some(io) = self.io.take() {
            let limits = Limits::default().max_payload_len(Some(self.longest));
            let config = Config::default().frame_size(usize::MAX).flush_threshold(usize::MAX);
            self.state = Some(Box::new(ServerBuilder::new().config(config).limits(limits).serve(io)));
        }
        self.state.as_deref_mut()
    }

    /// Gives the state up if it holds nothing: every message takes at least the bytes of one whole frame, so when the connection delivered exactly
    /// that many, no frame is unfinished, none waits, and no message was in fragments.
    fn cool_down(&mut self) {
        let delivered = self.state.as_ref().map(|state| state.get_ref().delivered);
        if !self.sending && delivered == Some(self.consumed) {
            self.io = self.state.take().map(|state| state.into_inner());
        }
    }
}

/// RFC 6455 §5.2: the shortest head that a client's frame can have, and its payload.
fn least(payload: usize) -> u64 {
    let head = match payload {
        0..=125 => 6,
        126..=0xffff => 8,
        _ => 14,
    };
    (head + payload) as u64
}

/// The connection below: what was read behind its request first.
pub(super) struct Io {
    ahead: Bytes,
    socket: Socket,
    /// How many bytes were read so far and not put back.
    delivered: u64,
}

impl Io {
    pub(super) fn new(socket: impl Into<Socket>, ahead: Bytes) -> Io {
        Io { ahead, socket: socket.into(), delivered: 0 }
    }

    /// Puts bytes back in front of what comes next.
    fn unread(&mut self, bytes: Bytes) {
        self.delivered -= bytes.len() as u64;
        self.ahead = bytes;
    }
}

/// The same call, whatever is below.
macro_rules! below {
    ($self:expr, $method:ident($($argument:expr),*)) => {
        match &mut $self.socket {
            Socket::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Socket::Over { io, .. } | Socket::Other(io) => Pin::new(io).$method($($argument),*),
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = if this.ahead.is_empty() {
            below!(this, poll_read(cx, buf))
        } else {
            let part = this.ahead.len().min(buf.remaining());
            buf.put_slice(&this.ahead[..part]);
            this.ahead.advance(part);
            if this.ahead.is_empty() {
                this.ahead = Bytes::new();
            }
            Poll::Ready(Ok(()))
        };
        this.delivered += (buf.filled().len() - before) as u64;
        read
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        below!(self.get_mut(), poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        below!(self.get_mut(), poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Tcp(stream) => stream.is_write_vectored(),
            Socket::Over { io, .. } | Socket::Other(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        below!(self.get_mut(), poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        below!(self.get_mut(), poll_shutdown(cx))
    }
}
