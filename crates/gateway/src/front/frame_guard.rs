//! What hyper and h2 leave open about HTTP/2. A header block must end in time, and frames that carry nothing (PING, SETTINGS, RST_STREAM,
//! CONTINUATION, empty DATA and their like) have a price: whoever sends many more of them than requests and bytes is sent away with
//! `ENHANCE_YOUR_CALM`, before they cost more than their parsing.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::h2_frames::Frames;
use super::transport::Transport;

/// What frames that carry nothing may cost at once: a browser that closes a page with hundreds of requests, at 1 each, is within it.
const BURST: u64 = 1_000;
/// And in a second more: with a PING, at 2, many times what clients need for their round-trip times.
const EACH_SECOND: u64 = 200;
/// And 1 for so many bytes in either direction, since each may ask for a WINDOW_UPDATE or two.
const BYTES: u64 = 1_024;

/// GOAWAY on the highest stream with `ENHANCE_YOUR_CALM` (RFC 9113 §6.8, §7).
const GOAWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0xb];

/// A connection whose frames are counted before h2 sees them.
pub(crate) struct FrameGuard {
    inner: Transport,
    /// What was read already to tell HTTP/1.1 from HTTP/2.
    ahead: Bytes,
    from_client: Frames,
    to_client: Frames,
    allowance: Allowance,
    timeout: Duration,
    /// Until when what has begun must have ended, and how many things had ended then.
    deadline: Option<(u64, Pin<Box<Sleep>>)>,
}

impl FrameGuard {
    /// `timeout` is for the preface, and for each header block.
    pub(crate) fn new(inner: Transport, ahead: Bytes, timeout: Duration) -> FrameGuard {
        FrameGuard {
            inner,
            ahead,
            from_client: Frames::of_client(),
            to_client: Frames::of_server(),
            allowance: Allowance { left: BURST, since: Instant::now(), bytes: 0 },
            timeout,
            deadline: None,
        }
    }

    fn seen(&mut self, bytes: &[u8], cx: &mut Context<'_>) -> io::Result<()> {
        let mut idle = 0;
        self.from_client.pass(bytes, |frame| idle += frame.price());
        self.allowance.moved(bytes.len());
        if !self.allowance.spend(idle) {
            if self.to_client.at_border() {
                // Whether it arrives is the client's concern.
                let _ = Pin::new(&mut self.inner).poll_write(cx, &GOAWAY);
            }
            tracing::debug!("HTTP/2 frames that carry nothing: too many");
            return Err(io::Error::other("too many frames that carry nothing"));
        }
        Ok(())
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if !self.from_client.unfinished() {
            self.deadline = None;
            return Poll::Pending;
        }
        let (ended, timeout) = (self.from_client.ended(), self.timeout);
        self.deadline.take_if(|(before, _)| *before != ended);
        let (_, deadline) = self.deadline.get_or_insert_with(|| (ended, Box::pin(sleep(timeout))));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    fn written(&mut self, bufs: &[IoSlice<'_>], result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(written)) = result {
            self.allowance.moved(written);
            let mut left = written;
            for buf in bufs {
                let part = left.min(buf.len());
                self.to_client.pass(&buf[..part], |_| {});
                left -= part;
            }
        }
        result
    }
}

/// What frames that carry nothing may still cost.
struct Allowance {
    left: u64,
    since: Instant,
    bytes: u64,
}

impl Allowance {
    fn moved(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.left = (self.left + self.bytes / BYTES).min(BURST);
        self.bytes %= BYTES;
    }

    fn spend(&mut self, price: u64) -> bool {
        if price > self.left {
            let seconds = self.since.elapsed().as_secs();
            self.since += Duration::from_secs(seconds);
            self.left = (self.left + seconds * EACH_SECOND).min(BURST);
        }
        let enough = price <= self.left;
        self.left = self.left.saturating_sub(price);
        enough
    }
}

impl AsyncRead for FrameGuard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        if this.ahead.is_empty() {
            if Pin::new(&mut this.inner).poll_read(cx, buf)?.is_pending() {
                return this.poll_deadline(cx).map(Err);
            }
        } else {
            let part = this.ahead.len().min(buf.remaining());
            buf.put_slice(&this.ahead.split_to(part));
        }
        Poll::Ready(this.seen(&buf.filled()[before..], cx))
    }
}

impl AsyncWrite for FrameGuard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.written(&[IoSlice::new(buf)], result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.written(bufs, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
