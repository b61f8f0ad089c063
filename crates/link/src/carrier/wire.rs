//! The connection below a carrier in use, with the kernel's queue kept as short as its rate allows.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::pace::Pace;
use super::rewind::Rewind;
use super::socket::Socket;

/// A [`Socket`] in use.
#[derive(Debug)]
pub(crate) struct Wire {
    below: Rewind,
    pace: Pace,
    written: u64,
}

impl Wire {
    pub(crate) fn new(socket: Socket, ahead: Bytes) -> Wire {
        if let Some(stream) = socket.tcp()
            && let Err(error) = stream.set_nodelay(true)
        {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let wire = Wire { below: Rewind::new(socket, ahead), pace: Pace::default(), written: 0 };
        wire.apply_pace();
        wire
    }

    /// What is below; what was read ahead must have been taken.
    pub(crate) fn into_socket(self) -> Socket {
        self.below.into_socket()
    }

    /// Stands where a wire was taken away.
    pub(super) fn nowhere() -> Wire {
        Wire::new(Socket::boxed(tokio::io::empty()), Bytes::new())
    }

    /// Whether bytes wait that were read before the carrier began.
    pub(super) fn has_ahead(&self) -> bool {
        self.below.has_ahead()
    }

    /// Puts bytes back in front of what comes next.
    pub(super) fn unread(&mut self, bytes: Bytes) {
        self.below.unread(bytes);
    }

    /// How many bytes were read so far and not put back.
    pub(super) fn delivered(&self) -> u64 {
        self.below.delivered()
    }

    /// How many bytes were written so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn room(&self) -> usize {
        self.pace.room()
    }

    fn wrote(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(written)) = result {
            self.written += written as u64;
            if self.pace.wrote(written, tokio::time::Instant::now()) {
                self.apply_pace();
            }
        }
        result
    }

    fn apply_pace(&self) {
        if let Some(stream) = self.below.socket().tcp()
            && let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(self.pace.unsent_limit())
        {
            tracing::debug!(%error, "TCP_NOTSENT_LOWAT");
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.below).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.below).poll_write(cx, buf);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.below).poll_write_vectored(cx, bufs);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.below.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.below).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.below).poll_shutdown(cx)
    }
}
