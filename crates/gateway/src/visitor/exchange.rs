//! A request and its answer as one stream: who is waited for, and how it ends. Whatever happens to the visitor, the page hears why.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use hyper::body::Incoming;
use pageport_link::{ReadHalf, Stream, StreamError, WriteHalf};
use pageport_proto::Code;
use tokio::time::{Instant, sleep_until};

use super::upload::Upload;
use crate::front::respond::{Refusal, retry_soon};
use crate::held;
use crate::shared::Shared;

/// An exchange; dropping it before its end resets and stops what has not ended.
pub(super) struct Exchange {
    shared: Arc<Shared>,
    from_page: ReadHalf,
    request: Side,
    /// Why it ends early; `None` once it is complete.
    reason: Option<Code>,
}

/// The visitor's direction.
enum Side {
    /// Nothing comes (any more).
    Sent { to_page: WriteHalf, at: Instant },
    /// A body.
    Streaming(Upload),
}

impl Exchange {
    /// Behind the head comes this body, or nothing.
    pub(super) fn begin(
        shared: &Arc<Shared>,
        stream: Stream,
        version: Version,
        body: Option<Incoming>,
    ) -> Exchange {
        let (from_page, mut to_page) = stream.into_split();
        let request = match body {
            Some(incoming) => Side::Streaming(Upload::start(shared, version, incoming, to_page)),
            None => {
                to_page.finish();
                Side::Sent { to_page, at: Instant::now() }
            }
        };
        Exchange { shared: Arc::clone(shared), from_page, request, reason: Some(Code::ERR_VISITOR_GONE) }
    }

    /// Waits for the page's answer, for `patience` at most while nobody but the page is waited for.
    pub(super) async fn reply(&mut self, patience: Duration) -> Result<Bytes, Refusal> {
        loop {
            let deadline = self.request.waits_for_page().unwrap_or_else(Instant::now) + patience;
            let refusal = tokio::select! {
                reply = self.from_page.reply() => match reply {
                    Ok(reply) => return Ok(reply),
                    Err(error) => no_reply(error),
                },
                code = self.request.failed() => {
                    // The page hears what happened, not what the visitor is told.
                    self.abort(code);
                    return Err(body_refusal(code));
                }
                () = sleep_until(deadline) => {
                    let over = |since: Instant| since + patience <= Instant::now();
                    if !self.request.waits_for_page().is_some_and(over) {
                        continue;
                    }
                    Code::ERR_ACCEPT_TIMEOUT.into()
                }
            };
            return Err(self.refuse(refusal));
        }
    }

    /// Ends it with the refusal's code.
    pub(super) fn refuse(&mut self, refusal: Refusal) -> Refusal {
        self.reason = Some(refusal.code);
        refusal
    }

    /// The next bytes of the answer; an error when it will not be complete.
    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Code>> {
        if let Side::Streaming(upload) = &mut self.request
            && let Poll::Ready(code) = upload.poll_failed(cx)
        {
            return Poll::Ready(Err(code));
        }
        pin!(self.from_page.read_chunk()).poll(cx).map_err(|error| match error {
            StreamError::SessionClosed(_) => Code::ERR_SESSION_CLOSED,
            _ => Code::ERR_PAGE_ABORTED,
        })
    }

    /// Ends it early.
    pub(super) fn abort(&mut self, reason: Code) {
        self.reason = Some(reason);
    }

    /// The answer is complete; what is left of the request's body goes on.
    pub(super) fn complete(&mut self) {
        self.reason = None;
    }

    /// The answer is complete without what the page may send behind its head.
    pub(super) fn complete_without_body(mut self) {
        self.from_page.stop(Code::NO_ERROR);
        self.complete();
    }

    /// Whether the whole request has been read from the visitor.
    pub(super) fn is_sent(&self) -> bool {
        match &self.request {
            Side::Sent { .. } => true,
            Side::Streaming(upload) => upload.is_complete(),
        }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.shared.metrics.request_ended(self.reason);
        let Some(reason) = self.reason else { return };
        self.from_page.stop(reason);
        match &mut self.request {
            Side::Sent { to_page, .. } => to_page.reset(reason),
            Side::Streaming(upload) => upload.abort(reason),
        }
    }
}

impl Side {
    fn waits_for_page(&self) -> Option<Instant> {
        match self {
            Side::Sent { at, .. } => Some(*at),
            Side::Streaming(upload) => upload.waits_for_page(),
        }
    }

    async fn failed(&mut self) -> Code {
        match self {
            Side::Sent { .. } => pending().await,
            Side::Streaming(upload) => upload.failed().await,
        }
    }
}

/// Why there is no reply, for the visitor.
pub(super) fn no_reply(error: StreamError) -> Refusal {
    match held::no_reply(error) {
        code @ Code::ERR_LISTENER_AWAY => retry_soon(code),
        code => code.into(),
    }
}

fn body_refusal(code: Code) -> Refusal {
    if code == Code::ERR_BODY_TIMEOUT {
        return code.into();
    }
    // Whoever is gone does not see it; who is not has sent something else than a body.
    Refusal::from(Code::ERR_HEADER_INVALID).message("The request's body is broken.")
}
