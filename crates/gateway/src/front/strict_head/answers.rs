//! Which bytes of a connection are answers to requests, so that hyper's own can be told from them: hyper speaks for itself only where
//! no request is being answered, and nothing of an answer waits in its buffer. Must never look at what the bytes say.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};

/// How many answers a connection began and ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// One answer, from its request on; it ends when this is dropped.
pub(crate) struct Answering(Arc<Counts>);

/// A body that keeps its answer under way until hyper has all of it, or drops it.
pub(crate) struct Answered<B> {
    body: B,
    _answering: Answering,
}

impl Answers {
    /// A request has come.
    pub(crate) fn begin(&self) -> Answering {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        Answering(Arc::clone(&self.0))
    }

    pub(super) fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::Relaxed)
    }

    /// Whether an answer has begun and not ended.
    pub(super) fn is_under_way(&self) -> bool {
        self.0.ended.load(Ordering::Relaxed) != self.begun()
    }
}

impl Answering {
    pub(crate) fn with<B>(self, body: B) -> Answered<B> {
        Answered { body, _answering: self }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl<B: Body + Unpin> Body for Answered<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
