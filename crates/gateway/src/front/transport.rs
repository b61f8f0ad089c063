//! What HTTP is spoken over, and what is left of it once HTTP is over.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use pageport_link::{SharedTcp, Socket as CarrierSocket};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::accept::UNSENT;

/// A connection to the front door, below HTTP.
#[derive(Debug)]
pub(crate) struct Transport {
    io: Io,
    queue: Arc<Queue>,
    /// What the kernel was told last.
    told: u32,
}

#[derive(Debug)]
enum Io {
    /// As the kernel has it.
    Tcp(TcpStream),
    /// TLS over it; boxed, since most connections here have none.
    Tls(Box<TlsStream<SharedTcp>>),
}

/// How many bytes the kernel may hold unsent for a connection, said by whoever sends on it and done by whoever writes.
#[derive(Debug, Default)]
pub(crate) struct Queue(AtomicU32);

impl Queue {
    /// So many from the next write on; 0 for as many as everybody's.
    pub(crate) fn limit(&self, bytes: u32) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

impl Transport {
    pub(crate) fn tcp(stream: TcpStream, queue: Arc<Queue>) -> Transport {
        Transport { io: Io::Tcp(stream), queue, told: 0 }
    }

    pub(crate) fn tls(stream: TlsStream<SharedTcp>, queue: Arc<Queue>) -> Transport {
        Transport { io: Io::Tls(Box::new(stream)), queue, told: 0 }
    }

    fn tell_kernel(&mut self) {
        let wanted = self.queue.0.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.told, wanted) == wanted {
            return;
        }
        let tcp = match &self.io {
            Io::Tcp(stream) => stream,
            Io::Tls(stream) => &**stream.get_ref().0,
        };
        let wanted = if wanted == 0 { UNSENT } else { wanted };
        if let Err(error) = SockRef::from(tcp).set_tcp_notsent_lowat(wanted) {
            tracing::debug!(%error, "TCP_NOTSENT_LOWAT");
        }
    }
}

/// What a request turned its connection, or its stream of one, into.
#[derive(Debug)]
pub(crate) enum Socket {
    /// A whole connection.
    Connection(Transport),
    /// One stream of an HTTP/2 connection (RFC 8441).
    Stream(TokioIo<Upgraded>),
}

impl From<Socket> for CarrierSocket {
    fn from(socket: Socket) -> CarrierSocket {
        match socket {
            Socket::Connection(Transport { io: Io::Tcp(stream), .. }) => CarrierSocket::Tcp(stream),
            Socket::Connection(Transport { io: Io::Tls(stream), .. }) => {
                let tcp = stream.get_ref().0.clone();
                CarrierSocket::over(*stream, tcp)
            }
            Socket::Stream(stream) => CarrierSocket::boxed(stream),
        }
    }
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Socket {
        Socket::Connection(Transport::tcp(stream, Arc::default()))
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Io::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.tell_kernel();
        match &mut self.io {
            Io::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Io::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.tell_kernel();
        match &mut self.io {
            Io::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Io::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Tcp(stream) => stream.is_write_vectored(),
            Io::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Io::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Io::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
