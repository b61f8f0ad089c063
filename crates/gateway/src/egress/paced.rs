//! So many bytes in a second and no more, both ways of a connection together. What is too much waits where it comes from: nothing is held here.

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
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

/// How fast bytes may move.
#[derive(Debug)]
pub(crate) struct Pace {
    /// In a second; `None`: as fast as they can.
    rate: Option<u64>,
    /// When what has moved so far would be through at that rate.
    due: Mutex<Instant>,
}

impl Pace {
    /// At most `rate` bytes in a second, if any.
    pub(crate) fn new(rate: Option<u64>) -> Pace {
        Pace { rate, due: Mutex::new(Instant::now()) }
    }

    /// What one read or write should move at most.
    pub(crate) fn piece(&self) -> usize {
        let piece = self.rate.map_or(MOST, |rate| (rate / PARTS).clamp(LEAST, MOST));
        usize::try_from(piece).unwrap_or(usize::MAX)
    }

    /// Waits until more may move.
    pub(crate) async fn ready(&self) {
        while let Some(due) = self.due() {
            sleep_until(due).await;
        }
    }

    /// So much has moved.
    pub(crate) fn moved(&self, bytes: usize) {
        let Some(rate) = self.rate else { return };
        let nanoseconds =
            u128::try_from(bytes).unwrap_or(u128::MAX) * 1_000_000_000 / u128::from(rate.max(1));
        let takes = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        *due = (*due).max(Instant::now()) + takes;
    }

    /// When more may move; `None`: now.
    fn due(&self) -> Option<Instant> {
        self.rate?;
        let due = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
        (due > Instant::now()).then_some(due)
    }
}

/// Something that is slowed down. One task has both its directions.
pub(crate) struct Paced<S> {
    inner: S,
    pace: Pace,
    wait: Pin<Box<Sleep>>,
}

impl<S> Paced<S> {
    /// At most `rate` bytes in a second.
    pub(crate) fn new(inner: S, rate: u64) -> Paced<S> {
        Paced { inner, pace: Pace::new(Some(rate)), wait: Box::pin(sleep_until(Instant::now())) }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.pace.due() else { return Poll::Ready(()) };
        if self.wait.deadline() != due {
            self.wait.as_mut().reset(due);
        }
        self.wait.as_mut().poll(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_ready(cx));
        let room = buf.remaining().min(this.pace.piece());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(room));
        ready!(Pin::new(&mut this.inner).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buf.advance(read);
        this.pace.moved(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_ready(cx));
        let part = &buf[..buf.len().min(this.pace.piece())];
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, part))?;
        this.pace.moved(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
