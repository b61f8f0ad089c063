//! A visitor's body on its way to the service: as it comes, and an end only where the visitor set it.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use pageport_link::ReadHalf;
use pageport_link::head::HttpVisit;

use super::request::Framing;
use crate::expose::pipe::Traffic;

/// The body of a request to the service.
pub(super) enum Upload {
    Nothing,
    Stream { read: ReadHalf, first: Option<Bytes>, traffic: Arc<Traffic> },
}

impl Upload {
    /// The body behind a visit's head, and how the service learns where it ends. Without a length the first bytes say whether
    /// there is one at all; for GET and HEAD, which hardly ever have one, they are waited for.
    pub(super) async fn of(
        mut read: ReadHalf,
        visit: &HttpVisit,
        traffic: &Arc<Traffic>,
    ) -> (Upload, Framing) {
        let traffic = Arc::clone(traffic);
        if let Some(length) = visit.headers.get("content-length").and_then(|length| length.parse().ok()) {
            return (Upload::Stream { read, first: None, traffic }, Framing::Length(length));
        }
        let first = match visit.method.as_str() {
            "GET" | "HEAD" => read.read_chunk().await.map(Some),
            _ => tokio::select! {
                biased;
                first = read.read_chunk() => first.map(Some),
                () = std::future::ready(()) => Ok(None),
            },
        };
        match first {
            Ok(Some(None)) => (Upload::Nothing, Framing::Nothing),
            Ok(Some(first @ Some(_))) => (Upload::Stream { read, first, traffic }, Framing::Chunked),
            // An error comes again when the body is read.
            Ok(None) | Err(_) => (Upload::Stream { read, first: None, traffic }, Framing::Chunked),
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Upload::Stream { read, first, traffic } = self.get_mut() else { return Poll::Ready(None) };
        let chunk = match first.take() {
            Some(first) => Some(first),
            // Nothing is lost when the future is dropped.
            None => ready!(pin!(read.read_chunk()).poll(cx))?,
        };
        Poll::Ready(chunk.map(|chunk| {
            traffic.received.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            Ok(Frame::data(chunk))
        }))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Upload::Nothing)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Upload::Nothing => SizeHint::with_exact(0),
            Upload::Stream { .. } => SizeHint::default(),
        }
    }
}
