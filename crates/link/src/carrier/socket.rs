//! What may lie below a carrier: a TCP connection without anything between, or whatever moves bytes.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

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

    pub(super) fn tcp(&self) -> Option<&TcpStream> {
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

/// The same call, whatever it is.
macro_rules! each {
    ($self:expr, $method:ident($($argument:expr),*)) => {
        match $self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Socket::Over { io, .. } | Socket::Other(io) => Pin::new(io).$method($($argument),*),
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Socket::Tcp(stream) => stream.is_write_vectored(),
            Socket::Over { io, .. } | Socket::Other(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, poll_shutdown(cx))
    }
}
