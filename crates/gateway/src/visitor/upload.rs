//! A request's body on its way to the page, in a task of its own: it goes on while the answer waits or streams.
//!
//! Taken from the visitor only when the page has room, so what waits, waits in the visitor's own kernel; and a page that is slow
//! to read never makes its visitor look slow.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Version;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use pageport_link::{StreamError, WriteHalf};
use pageport_proto::Code;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::front::body::discard;
use crate::shared::Shared;

/// What the rest of an exchange knows of its upload.
pub(super) struct Upload {
    failed: Option<oneshot::Receiver<Code>>,
    abort: Option<oneshot::Sender<Code>>,
    turn: Arc<Mutex<Turn>>,
}

/// Whom an upload waits for.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// More of the body.
    Visitor,
    /// Room, since then.
    Page(Instant),
    /// The body is complete, since then.
    Complete(Instant),
}

/// Why an upload ends before its body.
enum Ended {
    /// The page wants no more of it.
    Unwanted,
    /// The session is gone.
    Lost,
    /// The visitor is at fault.
    Visitor(Code),
    /// The exchange is over for this reason.
    Aborted(Code),
}

impl Upload {
    /// Begins to forward a body.
    pub(super) fn start(
        shared: &Arc<Shared>,
        version: Version,
        incoming: Incoming,
        to_page: WriteHalf,
    ) -> Upload {
        let turn = Arc::new(Mutex::new(Turn::Page(Instant::now())));
        let (fail, failed) = oneshot::channel();
        let (abort, aborted) = oneshot::channel();
        let task = Task { shared: Arc::clone(shared), turn: Arc::clone(&turn), incoming, to_page };
        shared.lifetime.spawn(task.run(version, fail, aborted));
        Upload { failed: Some(failed), abort: Some(abort), turn }
    }

    /// Resolves with the reason when the visitor's body broke or stood still; never otherwise.
    pub(super) async fn failed(&mut self) -> Code {
        poll_fn(|cx| self.poll_failed(cx)).await
    }

    /// See [`Upload::failed`].
    pub(super) fn poll_failed(&mut self, cx: &mut Context<'_>) -> Poll<Code> {
        let Some(failed) = &mut self.failed else { return Poll::Pending };
        let result = ready!(Pin::new(failed).poll(cx));
        self.failed = None;
        result.map_or(Poll::Pending, Poll::Ready)
    }

    /// Since when the page, and nobody else, is waited for.
    pub(super) fn waits_for_page(&self) -> Option<Instant> {
        match *lock(&self.turn) {
            Turn::Visitor => None,
            Turn::Page(since) | Turn::Complete(since) => Some(since),
        }
    }

    /// Whether the whole body has been read.
    pub(super) fn is_complete(&self) -> bool {
        matches!(*lock(&self.turn), Turn::Complete(_))
    }

    /// Ends it, unless it has ended.
    pub(super) fn abort(&mut self, reason: Code) {
        if let Some(abort) = self.abort.take() {
            // It fails when the upload is over.
            let _ = abort.send(reason);
        }
    }
}

struct Task {
    shared: Arc<Shared>,
    turn: Arc<Mutex<Turn>>,
    incoming: Incoming,
    to_page: WriteHalf,
}

impl Task {
    async fn run(mut self, version: Version, fail: oneshot::Sender<Code>, abort: oneshot::Receiver<Code>) {
        let (patience, linger) = {
            let limits = &self.shared.policy.load().limits;
            (limits.body_timeout, limits.linger)
        };
        let ended = tokio::select! {
            ended = self.forward(patience) => ended,
            reason = aborted(abort) => Err(Ended::Aborted(reason)),
        };
        match ended {
            Ok(()) => {}
            Err(Ended::Visitor(code)) => {
                self.to_page.reset(code);
                // Nobody listens any more when the answer is complete.
                let _ = fail.send(code);
            }
            Err(Ended::Aborted(reason)) => {
                self.to_page.reset(reason);
                discard(self.incoming, version, linger).await;
            }
            Err(Ended::Unwanted | Ended::Lost) => discard(self.incoming, version, linger).await,
        }
    }

    async fn forward(&mut self, patience: Duration) -> Result<(), Ended> {
        loop {
            // One byte of room is enough to ask for more: what one frame holds beyond it is bounded by hyper's buffer. Only now
            // a visitor that waits for 100 gets it.
            self.set(Turn::Page(Instant::now()));
            self.to_page.room(1).await.map_err(ended)?;
            self.set(Turn::Visitor);
            let frame = tokio::select! {
                frame = timeout(patience, self.incoming.frame()) => frame,
                error = self.to_page.stopped() => return Err(ended(error)),
            };
            let frame = match frame {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => break,
                Ok(Some(Err(_))) => return Err(Ended::Visitor(Code::ERR_VISITOR_GONE)),
                Err(_) => return Err(Ended::Visitor(Code::ERR_BODY_TIMEOUT)),
            };
            // Trailers are not carried.
            let Ok(bytes) = frame.into_data() else { continue };
            let length = bytes.len() as u64;
            self.set(Turn::Page(Instant::now()));
            self.to_page.write_chunk(bytes).await.map_err(ended)?;
            self.shared.metrics.bytes_in.increment(length);
        }
        self.to_page.finish();
        self.set(Turn::Complete(Instant::now()));
        Ok(())
    }

    fn set(&self, turn: Turn) {
        *lock(&self.turn) = turn;
    }
}

fn ended(error: StreamError) -> Ended {
    match error {
        StreamError::Stopped(_) => Ended::Unwanted,
        _ => Ended::Lost,
    }
}

/// Never resolves when the exchange has ended in order: the upload may go on.
async fn aborted(abort: oneshot::Receiver<Code>) -> Code {
    match abort.await {
        Ok(reason) => reason,
        Err(_) => std::future::pending().await,
    }
}

fn lock(turn: &Mutex<Turn>) -> std::sync::MutexGuard<'_, Turn> {
    turn.lock().unwrap_or_else(PoisonError::into_inner)
}
