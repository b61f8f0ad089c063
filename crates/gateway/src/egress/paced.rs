//! A connection that moves so many bytes in a second and no more, both ways together. What is too much waits where it comes from: nothing is held here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Pieces are what moves in this part of a second, so that a slow connection is not one of long pauses.
const PARTS: u64 = 8;
/// The least of a piece.
const LEAST: u64 = 256;
/// The most of it.
const MOST: u64 = 64 * 1024;

/// Something that is slowed down. One task has both its directions.
pub(crate) struct Paced<S> {
    inner: S,
    /// In a second.
    rate: u64,
    /// What one read or write moves at most.
    piece: usize,
    /// When what has moved so far would be through at that rate.
    due: Instant,
    wait: Pin<Box<Sleep>>,
}

impl<S> Paced<S> {
    /// At most `rate` bytes in a second.
    pub(crate) fn new(inner: S, rate: u64) -> Paced<S> {
        let piece = usize::try_from((rate / PARTS).clamp(LEAST, MOST)).unwrap_or(usize::MAX);
        let now = Instant::now();
        Paced { inner, rate: rate.max(1), piece, due: now, wait: Box::pin(sleep_until(now)) }
    }

    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.due <= Instant::now() {
            return Poll::Ready(());
        }
        if self.wait.deadline() != self.due {
            self.wait.as_mut().reset(self.due);
        }
        self.wait.as_mut().poll(cx)
    }

    fn moved(&mut self, bytes: usize) {
        let nanoseconds = u128::try_from(bytes).unwrap_or(u128::MAX) * 1_000_000_000 / u128::from(self.rate);
        let takes = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        self.due = self.due.max(Instant::now()) + takes;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_due(cx));
        let room = buf.remaining().min(this.piece);
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(room));
        ready!(Pin::new(&mut this.inner).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buf.advance(read);
        this.moved(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_due(cx));
        let part = &buf[..buf.len().min(this.piece)];
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, part))?;
        this.moved(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
