//! What the streams of one client share: the way to it, and how much may wait on either way. Bytes towards the client wait for room in turn, so
//! that none of its streams keeps another from being read; bytes towards targets are counted, and over the limit the client is not read.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::reason::Reason;
use super::stream::Stream;
use crate::config::Limits;

/// What each packet that waits costs besides its bytes.
const OVERHEAD: usize = 64;
/// Packets without bytes of targets that may wait for the client; then it is not read until some have left.
const NOTICES: usize = 1_024;

/// Shared by the streams of a client.
pub(super) struct Line {
    /// On its way to the client: bounded by `room` and `notices`.
    out: Mutex<VecDeque<Out>>,
    writer: AtomicWaker,
    room: Arc<Semaphore>,
    /// Bytes for targets that do not take them.
    held: AtomicUsize,
    held_limit: usize,
    /// Packets on their way to the client that no room was asked for.
    notices: AtomicUsize,
    reader: AtomicWaker,
    /// Since somebody asked last.
    moved: AtomicBool,
    /// Packets that the buffer of a stream takes.
    pub(super) buffer: u32,
}

/// On its way to the client.
pub(super) enum Out {
    /// Bytes of a target, as a packet; dropped if the stream is over by then.
    Data(Arc<Stream>, Bytes, OwnedSemaphorePermit),
    /// It may send more.
    Grant(Arc<Stream>, u32),
    /// The stream's connection is over.
    Over(Arc<Stream>, Reason),
}

impl Line {
    pub(super) fn new(limits: &Limits) -> Arc<Line> {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Arc::new(Line {
            out: Mutex::default(),
            writer: AtomicWaker::new(),
            room: Arc::new(Semaphore::new(size(limits.wisp_download).min(Semaphore::MAX_PERMITS))),
            held: AtomicUsize::new(0),
            held_limit: size(limits.wisp_upload),
            notices: AtomicUsize::new(0),
            reader: AtomicWaker::new(),
            moved: AtomicBool::new(false),
            buffer: u32::try_from(limits.wisp_buffer).unwrap_or(u32::MAX),
        })
    }

    /// Waits for room for so many bytes towards the client; whoever asked first has it first.
    pub(super) async fn room(&self, bytes: u32) -> Result<OwnedSemaphorePermit, AcquireError> {
        Arc::clone(&self.room).acquire_many_owned(bytes).await
    }

    /// The same, if there is some.
    pub(super) fn try_room(&self, bytes: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_many_owned(bytes).ok()
    }

    /// On its way.
    pub(super) fn send(&self, out: Out) {
        if !matches!(out, Out::Data(..)) {
            self.notices.fetch_add(1, Ordering::Relaxed);
        }
        self.lock().push_back(out);
        self.writer.wake();
    }

    /// Takes what is on its way, at most `most`; waits until there is something.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>, most: usize) -> Poll<Vec<Out>> {
        if self.lock().is_empty() {
            self.writer.register(cx.waker());
        }
        let mut out = self.lock();
        if out.is_empty() {
            // A quiet client has no memory of a busy time.
            *out = VecDeque::new();
            return Poll::Pending;
        }
        let count = out.len().min(most);
        Poll::Ready(out.drain(..count).collect())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Out>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many such packets have left, or are not to be sent any more.
    pub(super) fn sent(&self, notices: usize) {
        if notices > 0 {
            self.notices.fetch_sub(notices, Ordering::Relaxed);
            self.moves();
            self.reader.wake();
        }
    }

    /// This packet's bytes wait for a target.
    pub(super) fn hold(&self, bytes: &Bytes) {
        self.held.fetch_add(bytes.len() + OVERHEAD, Ordering::Relaxed);
    }

    /// Bytes of so many packets do not wait any more.
    pub(super) fn release(&self, packets: usize, bytes: usize) {
        self.held.fetch_sub(bytes + packets * OVERHEAD, Ordering::Relaxed);
        self.moves();
        self.reader.wake();
    }

    /// Something that waited has gone on.
    pub(super) fn moves(&self) {
        self.moved.store(true, Ordering::Relaxed);
    }

    /// Whether anything has since this was asked last.
    pub(super) fn has_moved(&self) -> bool {
        self.moved.swap(false, Ordering::Relaxed)
    }

    /// Whether the client may be read. If not, `waker` is woken when that may have changed.
    pub(super) fn may_read(&self, waker: &Waker) -> bool {
        let may = || {
            self.held.load(Ordering::Relaxed) < self.held_limit
                && self.notices.load(Ordering::Relaxed) < NOTICES
        };
        may() || {
            self.reader.register(waker);
            may()
        }
    }
}
