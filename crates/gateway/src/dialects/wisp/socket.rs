//! A client's WebSocket. While nothing moves there is no state of it at all, only the connection: the state holds a buffer of 8 KiB at least, so it is
//! made when something comes or goes, and given up as soon as it provably holds nothing.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Sink as _, SinkExt as _, Stream as _};
use pageport_link::Rewind;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio_websockets::{Config, Error, Limits, Message, ServerBuilder, WebSocketStream};

/// What the first read of a quiet connection takes.
const QUIET: usize = 2 * 1024;

/// RFC 6455, as a server speaks it.
pub(super) struct WebSocket {
    /// The connection while there is no `state`.
    io: Option<Rewind>,
    state: Option<Box<WebSocketStream<Rewind>>>,
    /// The longest message that is taken.
    longest: usize,
    /// The least number of bytes that the messages so far took. When the connection delivered no more, none of them is held.
    consumed: u64,
    /// Something has not left yet.
    sending: bool,
}

impl WebSocket {
    pub(super) fn new(io: Rewind, longest: usize) -> WebSocket {
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
        if let Some(io) = self.io.as_mut().filter(|io| !io.has_ahead()) {
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
    fn state(&mut self) -> Option<&mut WebSocketStream<Rewind>> {
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
        let delivered = self.state.as_ref().map(|state| state.get_ref().delivered());
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
