//! The connection below a carrier: bytes that were read too early first, counted, and with the kernel's queue kept short.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::pace::Pace;
use super::shared_tcp::SharedTcp;

/// Anything that can lie below a carrier.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// A TCP connection, whose options the carrier sets; or something else, boxed.
pub enum Socket {
    /// Gets `TCP_NODELAY` and, as its rate shows, `TCP_NOTSENT_LOWAT`.
    Tcp(TcpStream),
    /// What goes through `io` ends up in `tcp`, which gets the same.
    Over {
        /// What moves the bytes: TLS.
        io: Box<dyn Io>,
        /// The connection below it.
        tcp: SharedTcp,
    },
    /// Is left as it is.
    Other(Box<dyn Io>),
}

impl Socket {
    /// For TLS, or something like it, over this connection.
    #[must_use]
    pub fn over(io: impl Io, tcp: SharedTcp) -> Socket {
        Socket::Over { io: Box::new(io), tcp }
    }

    /// For what is not a TCP connection of its own.
    #[must_use]
    pub fn boxed(io: impl Io) -> Socket {
        Socket::Other(Box::new(io))
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Socket::Tcp(stream) => Some(stream),
            Socket::Over { tcp, .. } => Some(tcp),
            Socket::Other(_) => None,
        }
    }
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Socket {
        Socket::Tcp(stream)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Socket::Tcp(_) => "Tcp",
            Socket::Over { .. } => "Over",
            Socket::Other(_) => "Other",
        })
    }
}

/// A [`Socket`] in use.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: Socket,
    /// What was read before the carrier began, or given back by it.
    ahead: Bytes,
    /// How many bytes were handed to the reader.
    delivered: u64,
    pace: Pace,
}

impl Wire {
    pub(crate) fn new(socket: Socket, ahead: Bytes) -> Wire {
        if let Some(stream) = socket.tcp()
            && let Err(error) = stream.set_nodelay(true)
        {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let wire = Wire { socket, ahead, delivered: 0, pace: Pace::default() };
        wire.apply_pace();
        wire
    }

    /// What is below; what was read ahead must have been taken.
    pub(crate) fn into_socket(self) -> Socket {
        debug_assert!(self.ahead.is_empty());
        self.socket
    }

    /// Stands where a wire was taken away.
    pub(super) fn nowhere() -> Wire {
        Wire::new(Socket::boxed(tokio::io::empty()), Bytes::new())
    }

    /// Whether bytes wait that were read before the carrier began.
    pub(super) fn has_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Puts bytes back in front of what comes next.
    pub(super) fn unread(&mut self, bytes: Bytes) {
        debug_assert!(self.ahead.is_empty());
        self.delivered -= bytes.len() as u64;
        self.ahead = bytes;
    }

    /// How many bytes were read so far and not put back.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    pub(super) fn room(&self) -> usize {
        self.pace.room()
    }

    fn wrote(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(written)) = result
            && self.pace.wrote(written, tokio::time::Instant::now())
        {
            self.apply_pace();
        }
        result
    }

    fn apply_pace(&self) {
        if let Some(stream) = self.socket.tcp()
            && let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(self.pace.unsent_limit())
        {
            tracing::debug!(%error, "TCP_NOTSENT_LOWAT");
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let result = if this.ahead.is_empty() {
            match &mut this.socket {
                Socket::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
                Socket::Over { io, .. } | Socket::Other(io) => Pin::new(io).poll_read(cx, buf),
            }
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
        result
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Socket::Over { io, .. } | Socket::Other(io) => Pin::new(io).poll_write(cx, buf),
        };
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Socket::Over { io, .. } | Socket::Other(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        };
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Tcp(stream) => stream.is_write_vectored(),
            Socket::Over { io, .. } | Socket::Other(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Socket::Over { io, .. } | Socket::Other(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Socket::Over { io, .. } | Socket::Other(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}
