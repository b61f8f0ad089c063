//! Bodies: of answers, which are whole or come from a page as it sends them, and of requests, which somebody must want or drop.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tokio::time::timeout;

use super::carried::Carried;
use super::site_files::SiteFile;
use crate::shared::Shared;
use crate::visitor::download::{Aborted, Download};

/// The body of an answer.
pub(crate) enum Body {
    /// None, and nothing said about its length: for answers that describe a body without having it.
    Absent,
    /// In memory.
    Whole(Full<Bytes>),
    /// A page's, while it comes.
    Streamed(Box<Download>),
    /// A file of the operator's, while it is read.
    File(Box<SiteFile>),
    /// Carrier messages, while there are some.
    Carried(Box<Carried>),
}

impl Default for Body {
    fn default() -> Body {
        Body::Whole(Full::default())
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(content: T) -> Body {
        Body::Whole(Full::new(content.into()))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match self.get_mut() {
            Body::Absent => Poll::Ready(None),
            Body::Whole(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Body::Streamed(body) => Pin::new(body.as_mut()).poll_frame(cx),
            Body::File(file) => file.poll_frame(cx),
            Body::Carried(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Absent => true,
            Body::Whole(body) => body.is_end_stream(),
            Body::Streamed(body) => body.is_end_stream(),
            Body::File(file) => file.left() == 0,
            Body::Carried(body) => body.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Absent => SizeHint::default(),
            Body::Whole(body) => body.size_hint(),
            Body::Streamed(body) => body.size_hint(),
            Body::File(file) => SizeHint::with_exact(file.left()),
            Body::Carried(_) => SizeHint::default(),
        }
    }
}

/// For HEAD: an answer without its body, but with its length. Over HTTP/2 hyper would send the body.
pub(crate) fn leave_out(response: &mut Response<Body>) {
    let body @ (Body::Whole(_) | Body::File(_)) = response.body() else { return };
    let length = body.size_hint().exact();
    // A 304 would speak of the length that 200 has (RFC 9110 §8.6).
    if let Some(length) = length.filter(|_| response.status() != StatusCode::NOT_MODIFIED) {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    *response.body_mut() = Body::Absent;
}

/// The body of a request, until somebody takes it.
pub(crate) struct RequestBody {
    incoming: Option<Incoming>,
    /// Its announced length, in bytes.
    pub(crate) length: Option<u64>,
    /// The sender waits for 100 before it sends anything.
    expected: bool,
    version: Version,
}

impl RequestBody {
    /// Takes a request apart.
    pub(crate) fn of(request: Request<Incoming>) -> (Request<()>, RequestBody) {
        let (parts, incoming) = request.into_parts();
        let length =
            incoming.size_hint().exact().filter(|_| parts.headers.contains_key(header::CONTENT_LENGTH));
        let body = RequestBody {
            length,
            expected: parts.headers.contains_key(header::EXPECT),
            version: parts.version,
            incoming: (!incoming.is_end_stream()).then_some(incoming),
        };
        (Request::from_parts(parts, ()), body)
    }

    /// For whoever reads it; `None` when there is no body. Whoever stops reading early must [`discard`] the rest.
    pub(crate) fn take(&mut self) -> Option<Incoming> {
        self.incoming.take()
    }

    /// The next piece; `None` at the end. What is left, when nobody asks for more, is dropped as if nobody had taken it.
    pub(crate) async fn chunk(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        loop {
            match self.incoming.as_mut()?.frame().await {
                // Trailers mean nothing to those who ask here.
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Some(Ok(bytes));
                    }
                }
                Some(Err(error)) => {
                    self.incoming = None;
                    return Some(Err(error));
                }
                None => self.incoming = None,
            }
        }
    }

    /// Whether there is one that nobody took.
    pub(crate) fn is_unread(&self) -> bool {
        self.incoming.is_some()
    }

    /// Reads what nobody took.
    pub(crate) fn drop_unread(self, shared: &Arc<Shared>) {
        // A sender that waits for 100 has sent nothing, and must not be asked to.
        if let (Some(incoming), false) = (self.incoming, self.expected) {
            let time = shared.policy.load().limits.linger;
            shared.lifetime.spawn(discard(incoming, self.version, time));
        }
    }
}

/// Over HTTP/2, how long nothing has come when its sender is told that nothing more is wanted.
const STILL: Duration = Duration::from_millis(250);

/// Reads the rest of a body and keeps nothing of it, for this time at most, and not for long when nothing comes. A connection that is
/// closed over unread bytes is reset, and the answer that is still on its way is lost with it (RFC 9112 §9.6). Over HTTP/2 the stream
/// is reset with NO_ERROR when this returns (RFC 9113 §8.1): when that comes while curl 7.88 sends, it loses the answer.
pub(crate) async fn discard(mut incoming: Incoming, version: Version, time: Duration) {
    let still = if version < Version::HTTP_2 { time / 10 } else { STILL.min(time / 10) };
    let read = async { while let Ok(Some(Ok(_))) = timeout(still, incoming.frame()).await {} };
    let _ = timeout(time, read).await;
}
