//! Bytes over the messages of a WebSocket: what is written leaves as binary messages, the payload of each message that comes is read.
//!
//! A WebSocket has no half-close: its Close ends both directions. Two programs that agree on the subprotocol [`HALVES`] have one: an
//! empty binary message says "no more from me". With anybody else a shutdown is a Close, and
//! what the peer sent before its own Close is still read.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::{Sink as _, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_websockets::{ClientBuilder, CloseCode, Error, Limits, Message, ServerBuilder, WebSocketStream};

/// The subprotocol of those who know the empty message as an end.
pub const HALVES: &str = "bytes.pageport.v1";

/// What one message that is sent takes at most.
const MESSAGE: usize = 64 * 1024;
/// The longest message that is taken, in bytes, all its frames together: it is whole in memory before its first byte is read. A longer one is
/// an error of whoever reads, and the end of the WebSocket.
pub const LONGEST_MESSAGE: usize = 1024 * 1024;
/// How many PINGs of RFC 6455 may wait for their answer to leave. A peer that sends more without reading is broken off.
const PINGS: u32 = 64;
/// For both Closes and the end of the connection.
const FAREWELL: Duration = Duration::from_secs(5);

/// A byte stream over a WebSocket whose handshake is done. Whatever ends without Close is an error, never an end. It is read and written in one task:
/// who reads also answers PINGs, and a connection remembers only one who waits for room.
pub struct Messages<S> {
    socket: Box<WebSocketStream<S>>,
    /// Whether the peer knows [`HALVES`].
    halves: bool,
    /// The rest of a message.
    unread: Bytes,
    /// Nothing more comes.
    finished: bool,
    /// Nothing more is written.
    shut: bool,
    unanswered_pings: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Messages<S> {
    /// The visitor's end.
    pub fn client(socket: S, halves: bool) -> Messages<S> {
        Messages::new(ClientBuilder::new().limits(limits()).take_over(socket), halves)
    }

    /// The listener's end.
    pub fn server(socket: S, halves: bool) -> Messages<S> {
        Messages::new(ServerBuilder::new().limits(limits()).serve(socket), halves)
    }

    fn new(socket: WebSocketStream<S>, halves: bool) -> Messages<S> {
        let socket = Box::new(socket);
        Messages { socket, halves, unread: Bytes::new(), finished: false, shut: false, unanswered_pings: 0 }
    }

    /// Says goodbye when both directions have ended: Close, the peer's Close, and the end of the connection.
    ///
    /// # Errors
    /// The connection broke, or the peer takes longer than a few seconds.
    pub async fn close(mut self) -> io::Result<()> {
        let mut socket = Pin::new(&mut *self.socket);
        let closed = timeout(FAREWELL, poll_fn(|cx| socket.as_mut().poll_close(cx))).await;
        closed.unwrap_or_else(|_| Err(Error::Io(io::ErrorKind::TimedOut.into()))).map_err(broken)
    }

    /// Ends both directions with a Close that says that not everything came, and why, in at most 123 bytes.
    ///
    /// # Errors
    /// As [`Messages::close`].
    pub async fn fail(mut self, reason: &str) -> io::Result<()> {
        let close = Message::close(Some(CloseCode::INTERNAL_SERVER_ERROR), reason);
        // Fails when a Close has been sent already.
        Pin::new(&mut *self.socket).start_send(close).map_err(broken)?;
        self.close().await
    }

    /// Takes the next message that has bytes, or the end.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.unread.is_empty() && !self.finished {
            let message = match ready!(Pin::new(&mut *self.socket).poll_next(cx)) {
                Some(message) => message.map_err(broken)?,
                None => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            };
            if let Some((code, _)) = message.as_close() {
                self.finished = true;
                self.shut = true;
                if !is_orderly(code) {
                    let error = format!("the WebSocket was closed with {}", u16::from(code));
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, error)));
                }
            } else if message.is_binary() || message.is_text() {
                self.finished = self.halves && message.is_binary() && message.as_payload().is_empty();
                self.unread = message.into_payload().into();
            } else if message.is_ping() {
                self.unanswered_pings += 1;
                if self.unanswered_pings > PINGS {
                    return Poll::Ready(Err(io::Error::other("a flood of WebSocket PINGs")));
                }
                if let Poll::Ready(Err(error)) = self.poll_out(cx) {
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut *self.socket).poll_flush(cx)).map_err(broken)?;
        self.unanswered_pings = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Messages<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_message(cx))?;
        let len = self.unread.len().min(buf.remaining());
        buf.put_slice(&self.unread[..len]);
        self.unread.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Messages<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.shut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        // Where nobody flushes, answers to PINGs leave here as well, and no longer wait.
        if self.unanswered_pings > 0 {
            ready!(self.poll_out(cx))?;
        }
        let mut socket = Pin::new(&mut *self.socket);
        ready!(socket.as_mut().poll_ready(cx)).map_err(broken)?;
        let part = &buf[..buf.len().min(MESSAGE)];
        socket.start_send(Message::binary(Bytes::copy_from_slice(part))).map_err(broken)?;
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_out(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut socket = Pin::new(&mut *this.socket);
        if !this.shut {
            ready!(socket.as_mut().poll_ready(cx)).map_err(broken)?;
            let end = if this.halves {
                Message::binary(Bytes::new())
            } else {
                Message::close(Some(CloseCode::NORMAL_CLOSURE), "")
            };
            socket.as_mut().start_send(end).map_err(broken)?;
            this.shut = true;
        }
        socket.poll_flush(cx).map_err(broken)
    }
}

impl<S> fmt::Debug for Messages<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("finished", &self.finished)
            .field("shut", &self.shut)
            .finish_non_exhaustive()
    }
}

fn limits() -> Limits {
    Limits::default().max_payload_len(Some(LONGEST_MESSAGE))
}

/// 1000, 1001, and none at all.
fn is_orderly(code: CloseCode) -> bool {
    matches!(code, CloseCode::NORMAL_CLOSURE | CloseCode::GOING_AWAY | CloseCode::NO_STATUS_RECEIVED)
}

fn broken(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(error),
    }
}
