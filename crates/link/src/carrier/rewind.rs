//! A connection to which bytes can be given back that were read too early, and which counts what it delivered.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::socket::Socket;

/// A [`Socket`], and in front of it what was read before.
#[derive(Debug)]
pub struct Rewind {
    socket: Socket,
    ahead: Bytes,
    delivered: u64,
}

impl Rewind {
    /// Delivers `ahead` first.
    pub fn new(socket: impl Into<Socket>, ahead: Bytes) -> Rewind {
        Rewind { socket: socket.into(), ahead, delivered: 0 }
    }

    /// Puts bytes that were delivered back in front of what comes next; nothing may lie there already.
    pub fn unread(&mut self, bytes: Bytes) {
        debug_assert!(self.ahead.is_empty());
        self.delivered -= bytes.len() as u64;
        self.ahead = bytes;
    }

    /// Whether bytes lie in front of the connection.
    #[must_use]
    pub fn has_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// How many bytes were delivered so far and not put back.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// What is below; nothing may lie in front of it.
    pub(super) fn into_socket(self) -> Socket {
        debug_assert!(self.ahead.is_empty());
        self.socket
    }

    fn below(self: Pin<&mut Self>) -> Pin<&mut Socket> {
        Pin::new(&mut self.get_mut().socket)
    }
}

impl AsyncRead for Rewind {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let result = if this.ahead.is_empty() {
            Pin::new(&mut this.socket).poll_read(cx, buf)
        } else {
            let part = this.ahead.len().min(buf.remaining());
            buf.put_slice(&this.ahead[..part]);
            this.ahead.advance(part);
            if this.ahead.is_empty() {
                // Not for as long as the connection lives.
                this.ahead = Bytes::new();
            }
            Poll::Ready(Ok(()))
        };
        this.delivered += (buf.filled().len() - before) as u64;
        result
    }
}

impl AsyncWrite for Rewind {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.below().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.below().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.below().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.below().poll_shutdown(cx)
    }
}
