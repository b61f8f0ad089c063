//! One end of a connection that is relayed, taken apart into reading and writing. A buffer exists from when there is something to read until there is
//! nothing left.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use pageport_link::relay::{broken, tear};
use pageport_link::{Io, SharedTcp, Socket};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::sleep;
use tokio_util::io::poll_read_buf;

/// What a quiet connection is read into: most messages are shorter. What cannot say that it has something to read is read into this much first.
const QUIET: usize = 2 * 1024;
/// How often somebody who waits looks whether a stream of HTTP/2 is still there.
const LOOK: Duration = Duration::from_secs(1);

/// A TCP connection as the kernel has it, or something else that moves bytes. Its end is a reset, where that can be, until it is [`whole`](End::whole).
pub(super) struct End {
    below: Below,
    is_whole: bool,
}

enum Below {
    Tcp(TcpStream),
    Layered(Layered),
}

/// TLS, or a stream of an HTTP/2 connection.
pub(super) struct Layered {
    io: Mutex<Box<dyn Io>>,
    /// The connection below, where it is this one's alone.
    tcp: Option<SharedTcp>,
}

/// The half to read from.
pub(super) struct Reader<'e> {
    half: Half<ReadHalf<'e>, &'e Layered>,
    size: usize,
}

/// The half to write to.
pub(super) struct Writer<'e>(Half<WriteHalf<'e>, &'e Layered>);

enum Half<T, L> {
    Tcp(T),
    Layered(L),
}

impl<S: Into<Socket>> From<S> for End {
    fn from(socket: S) -> End {
        let below = match socket.into() {
            Socket::Tcp(tcp) => Below::Tcp(tcp),
            Socket::Over { io, tcp } => Below::Layered(Layered { io: Mutex::new(io), tcp: Some(tcp) }),
            Socket::Other(io) => Below::Layered(Layered { io: Mutex::new(io), tcp: None }),
        };
        End { below, is_whole: false }
    }
}

impl End {
    pub(super) fn split(&mut self) -> (Reader<'_>, Writer<'_>) {
        let (read, write) = match &mut self.below {
            Below::Tcp(tcp) => {
                let (read, write) = tcp.split();
                (Half::Tcp(read), Half::Tcp(write))
            }
            Below::Layered(layered) => (Half::Layered(&*layered), Half::Layered(&*layered)),
        };
        (Reader { half: read, size: QUIET }, Writer(write))
    }

    /// All was said that was to be said: its end is one in order.
    pub(super) fn whole(&mut self) {
        self.is_whole = true;
    }
}

/// Whoever relays may also be dropped in the middle, and what was cut short must not look complete.
impl Drop for End {
    fn drop(&mut self) {
        if self.is_whole {
            return;
        }
        match &self.below {
            Below::Tcp(tcp) => tear(tcp),
            Below::Layered(Layered { tcp: Some(tcp), .. }) => tear(tcp),
            Below::Layered(_) => {}
        }
    }
}

impl Reader<'_> {
    /// Reads what there is, at most `most` bytes, behind `room` bytes that are left free; waits until there is something, and holds no buffer
    /// meanwhile. The number of bytes read, 0 at the end.
    pub(super) async fn fill(
        &mut self,
        buffer: &mut BytesMut,
        room: usize,
        most: usize,
    ) -> io::Result<usize> {
        let size = self.size.min(most);
        let read = poll_fn(|cx| self.poll_fill(cx, buffer, room, size)).await?;
        // A connection that brings little gets little.
        self.size = if read == size { size * 2 } else { (read * 2).max(QUIET) };
        Ok(read)
    }

    /// Reads to the end, and keeps nothing.
    pub(super) async fn discard(&mut self) -> io::Result<()> {
        let mut buffer = BytesMut::new();
        while self.fill(&mut buffer, 0, QUIET).await? > 0 {}
        Ok(())
    }

    /// Resolves when the connection was reset, also while nobody reads from it.
    pub(super) async fn broken(&self) {
        match &self.half {
            Half::Tcp(half) => broken(half.as_ref()).await,
            Half::Layered(layered) => layered.broken().await,
        }
    }

    /// The connection, where it is one as the kernel has it.
    pub(super) fn tcp(&self) -> Option<&TcpStream> {
        match &self.half {
            Half::Tcp(half) => Some(half.as_ref()),
            Half::Layered(_) => None,
        }
    }

    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
        room: usize,
        size: usize,
    ) -> Poll<io::Result<usize>> {
        buffer.clear();
        let layered = match &mut self.half {
            Half::Layered(layered) => *layered,
            Half::Tcp(half) => {
                while half.as_ref().poll_read_ready(cx)?.is_ready() {
                    buffer.reserve(room + size);
                    buffer.put_bytes(0, room);
                    // Not `poll_read`: that takes a short read for the last one, and one that ends before urgent data (RFC 9293 §3.8.5) is not.
                    match half.as_ref().try_read_buf(&mut (&mut *buffer).limit(size)) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => buffer.clear(),
                        read => return Poll::Ready(read),
                    }
                }
                *buffer = BytesMut::new();
                return Poll::Pending;
            }
        };
        let mut io = layered.lock();
        if size > QUIET {
            buffer.reserve(room + size);
            buffer.put_bytes(0, room);
            let read = poll_read_buf(Pin::new(&mut *io), cx, &mut (&mut *buffer).limit(size));
            if read.is_pending() {
                *buffer = BytesMut::new();
                self.size = QUIET;
            }
            return read;
        }
        let mut quiet = [0; QUIET];
        let mut part = ReadBuf::new(&mut quiet[..size]);
        if Pin::new(&mut *io).poll_read(cx, &mut part)?.is_pending() {
            *buffer = BytesMut::new();
            return Poll::Pending;
        }
        let filled = part.filled();
        buffer.reserve(room + filled.len());
        buffer.put_bytes(0, room);
        buffer.extend_from_slice(filled);
        Poll::Ready(Ok(filled.len()))
    }
}

impl Writer<'_> {
    /// Writes some of it, and says how much.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = poll_fn(|cx| match &mut self.0 {
            Half::Tcp(half) => Pin::new(half).poll_write(cx, bytes),
            Half::Layered(layered) => {
                let mut io = layered.lock();
                let written = ready!(Pin::new(&mut *io).poll_write(cx, bytes))?;
                // What TLS could not hand on it keeps, and tries again with the next.
                let _ = Pin::new(&mut *io).poll_flush(cx)?;
                Poll::Ready(Ok(written))
            }
        });
        match written.await? {
            0 if !bytes.is_empty() => Err(io::ErrorKind::WriteZero.into()),
            written => Ok(written),
        }
    }

    /// Writes all of it.
    pub(super) async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = &bytes[self.write(bytes).await?..];
        }
        self.flush().await
    }

    /// The connection, where it is one as the kernel has it.
    pub(super) fn tcp(&self) -> Option<&TcpStream> {
        match &self.0 {
            Half::Tcp(half) => Some(half.as_ref()),
            Half::Layered(_) => None,
        }
    }

    /// Resolves when the connection was reset.
    pub(super) async fn broken(&self) {
        match &self.0 {
            Half::Tcp(half) => broken(half.as_ref()).await,
            Half::Layered(layered) => layered.broken().await,
        }
    }

    /// Lets what is held on the way go.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Half::Tcp(_) => Ok(()),
            Half::Layered(layered) => poll_fn(|cx| Pin::new(&mut *layered.lock()).poll_flush(cx)).await,
        }
    }

    /// Nothing comes any more.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        poll_fn(|cx| match &mut self.0 {
            Half::Tcp(half) => Pin::new(half).poll_shutdown(cx),
            Half::Layered(layered) => Pin::new(&mut *layered.lock()).poll_shutdown(cx),
        })
        .await
    }
}

impl Layered {
    async fn broken(&self) {
        match &self.tcp {
            Some(tcp) => broken(tcp).await,
            None => self.reset().await,
        }
    }

    /// Of a stream of HTTP/2: hyper tells who writes that it was reset or that its connection is gone, and wakes nobody. So it is looked at, first at
    /// once: whoever has something else to do now and then would never see the end of a pause.
    async fn reset(&self) {
        loop {
            let looked = poll_fn(|cx| Poll::Ready(Pin::new(&mut *self.lock()).poll_flush(cx))).await;
            if let Poll::Ready(Err(_)) = looked {
                return;
            }
            sleep(LOOK).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn Io>> {
        self.io.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
