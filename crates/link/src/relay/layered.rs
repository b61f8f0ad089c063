//! The same over TLS, or over a stream of HTTP/2: something that is polled, and has buffers of its own.
//!
//! Readiness cannot be asked for without reading, so the first read of a quiet connection goes to the stack; nothing is held while it
//! waits. What is read has room in the stream already, and the next batch is taken from it when the last one has left.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_util::io::poll_read_buf;

use super::{
    BATCH, Broken, Inward, LINGER, Moved, READ_MAX, READ_MIN, advance, batch, forward, tight, unwanted,
};
use crate::block::Block;
use crate::{ReadHalf, WriteHalf};

/// What one write hands over at most: the layer below copies it.
const WRITE_MAX: usize = 16 * 1024;

/// How long an end that may be a reset is looked at.
const DOUBT: Duration = Duration::from_millis(50);

/// What lies below; both directions use it in turn, within one task, so nobody ever waits for the lock.
pub(super) struct Layered<S> {
    io: Mutex<S>,
    /// How long to look, at the end of what the other side sent, whether it is a reset: hyper shows `CANCEL` as an end in order, and the
    /// truth only to those who write.
    doubt: Option<Duration>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Layered<S> {
    /// Ends that can be believed: TLS, where an end without `close_notify` is an error.
    pub(super) fn new(io: S) -> Layered<S> {
        Layered { io: Mutex::new(io), doubt: None }
    }

    /// Ends that may be resets.
    pub(super) fn doubtful(io: S) -> Layered<S> {
        Layered { io: Mutex::new(io), doubt: Some(DOUBT) }
    }

    pub(super) async fn both(
        &self,
        read_ahead: Bytes,
        from_peer: &mut ReadHalf,
        to_peer: &mut WriteHalf,
        moved: &impl Fn(Moved),
    ) -> Result<(), Broken> {
        let mut inward = pin!(self.inward(read_ahead, to_peer, moved));
        let mut outward = pin!(self.outward(from_peer, moved));
        let ended = tokio::select! {
            ended = inward.as_mut() => ended?,
            done = outward.as_mut() => {
                done?;
                if inward.await? == Inward::Unwanted {
                    let _ = timeout(LINGER, self.discard()).await;
                }
                return Ok(());
            }
        };
        if ended == Inward::Finished {
            return outward.await;
        }
        tokio::select! {
            done = outward.as_mut() => {
                done?;
                let _ = timeout(LINGER, self.discard()).await;
                Ok(())
            }
            gone = self.discard() => match gone {
                Ok(()) => outward.await,
                Err(_) => Err(Broken::Socket),
            },
        }
    }

    async fn inward(
        &self,
        read_ahead: Bytes,
        to_peer: &mut WriteHalf,
        moved: &impl Fn(Moved),
    ) -> Result<Inward, Broken> {
        if !read_ahead.is_empty()
            && let Some(ended) = forward(to_peer, read_ahead, moved).await?
        {
            return Ok(ended);
        }
        let mut size = READ_MIN;
        loop {
            let room = match to_peer.room(size).await {
                Ok(room) => room,
                Err(error) => return unwanted(error),
            };
            let read = poll_fn(|cx| self.poll_read(room, &mut size, cx)).await;
            let read = read.map_err(|_| Broken::Socket)?;
            if read.is_empty() {
                self.believe().await.map_err(|_| Broken::Socket)?;
                to_peer.finish();
                return Ok(Inward::Finished);
            }
            size = if read.len() >= size {
                (size * 2).min(READ_MAX)
            } else {
                (read.len() * 2).clamp(READ_MIN, READ_MAX)
            };
            if let Some(ended) = forward(to_peer, read, moved).await? {
                return Ok(ended);
            }
        }
    }

    /// At most `room` bytes; `size` falls back to the least when it has to wait.
    fn poll_read(&self, room: usize, size: &mut usize, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let mut io = self.lock();
        if *size > READ_MIN {
            let mut buffer = Block::with_capacity(room);
            match poll_read_buf(Pin::new(&mut *io), cx, &mut buffer.room(room)) {
                Poll::Ready(read) => return Poll::Ready(read.map(|_| tight(buffer))),
                Poll::Pending => *size = READ_MIN,
            }
            return Poll::Pending;
        }
        let mut small = [0; READ_MIN];
        let mut buf = ReadBuf::new(&mut small[..room.min(READ_MIN)]);
        ready!(Pin::new(&mut *io).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(Bytes::copy_from_slice(buf.filled())))
    }

    async fn believe(&self) -> io::Result<()> {
        let Some(doubt) = self.doubt else { return Ok(()) };
        const LOOKS: u32 = 10;
        for _ in 0..LOOKS {
            self.flush().await?;
            tokio::time::sleep(doubt / LOOKS).await;
        }
        self.flush().await
    }

    async fn outward(&self, from_peer: &mut ReadHalf, moved: &impl Fn(Moved)) -> Result<(), Broken> {
        loop {
            let (batch, finished) = batch(from_peer).await?;
            moved(Moved::Out(batch.iter().map(|chunk| chunk.len() as u64).sum()));
            tokio::select! {
                biased;
                written = self.write(batch) => written.map_err(|_| Broken::Socket)?,
                // Who gives up must not wait for a reader that does not read.
                _ = from_peer.broken() => return Err(Broken::Stream),
            }
            if finished {
                // An end that is gone already shows when it is read from.
                let _ = poll_fn(|cx| Pin::new(&mut *self.lock()).poll_shutdown(cx)).await;
                return Ok(());
            }
        }
    }

    async fn write(&self, mut batch: VecDeque<Bytes>) -> io::Result<()> {
        while !batch.is_empty() {
            let mut slices = [IoSlice::new(&[]); BATCH];
            let mut count = 0;
            for (slice, chunk) in slices.iter_mut().zip(&batch) {
                *slice = IoSlice::new(&chunk[..chunk.len().min(WRITE_MAX)]);
                count += 1;
                if chunk.len() > WRITE_MAX {
                    break;
                }
            }
            let slices = &slices[..count];
            match poll_fn(|cx| Pin::new(&mut *self.lock()).poll_write_vectored(cx, slices)).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => advance(&mut batch, written),
            }
        }
        self.flush().await
    }

    async fn flush(&self) -> io::Result<()> {
        poll_fn(|cx| Pin::new(&mut *self.lock()).poll_flush(cx)).await
    }

    async fn discard(&self) -> io::Result<()> {
        let mut size = READ_MIN;
        while !poll_fn(|cx| self.poll_read(READ_MIN, &mut size, cx)).await?.is_empty() {}
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, S> {
        self.io.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
