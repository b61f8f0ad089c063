//! The connection below a client's WebSocket: what was read behind its request first.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use pageport_link::Socket;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket with its beginning.
pub(super) struct Io {
    ahead: Bytes,
    socket: Socket,
}

impl Io {
    pub(super) fn new(socket: impl Into<Socket>, ahead: Bytes) -> Io {
        Io { ahead, socket: socket.into() }
    }
}

/// The same call, whatever is below.
macro_rules! below {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match &mut $self.get_mut().socket {
            Socket::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Socket::Over { io, .. } | Socket::Other(io) => Pin::new(io).$method($($argument),*),
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return below!(self, poll_read(cx, buf));
        }
        let part = self.ahead.len().min(buf.remaining());
        buf.put_slice(&self.ahead[..part]);
        self.ahead.advance(part);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        below!(self, poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        below!(self, poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Tcp(stream) => stream.is_write_vectored(),
            Socket::Over { io, .. } | Socket::Other(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        below!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        below!(self, poll_shutdown(cx))
    }
}
