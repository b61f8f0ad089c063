//! A page's answer on its way to the visitor: bytes as they come, without a copy, and an end only where the page set it.
//!
//! hyper asks for more when the visitor's socket has room. What is read counts as consumed and gives the page credit, so a slow
//! visitor slows its own stream only.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use pageport_proto::Code;

use super::exchange::Exchange;

/// The answer ends before it is complete: the visitor's message must be aborted.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer was cut short: {0}")]
pub(crate) struct Aborted(pub(crate) Code);

/// The body of a page's answer.
pub(crate) struct Download {
    exchange: Exchange,
    /// How much the page still owes, when it said how much there is.
    owed: Option<u64>,
    /// The last bytes of a known length wait for the end: until it comes they could be too few or too many.
    last: Option<Bytes>,
    done: bool,
}

impl Download {
    /// `length` is what the page promised.
    pub(super) fn new(exchange: Exchange, length: Option<u64>) -> Download {
        Download { exchange, owed: length, last: None, done: false }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Code>> {
        loop {
            let Some(chunk) = ready!(self.exchange.poll_chunk(cx))? else {
                if self.owed.is_some_and(|owed| owed > 0) {
                    return Poll::Ready(Err(Code::ERR_BAD_REPLY));
                }
                self.exchange.complete();
                self.done = true;
                return Poll::Ready(Ok(self.last.take()));
            };
            let Some(owed) = &mut self.owed else { return Poll::Ready(Ok(Some(chunk))) };
            *owed = owed.checked_sub(chunk.len() as u64).ok_or(Code::ERR_BAD_REPLY)?;
            if *owed > 0 {
                return Poll::Ready(Ok(Some(chunk)));
            }
            self.last = Some(chunk);
        }
    }
}

impl hyper::body::Body for Download {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let this = self.get_mut();
        if this.done {
            return Poll::Ready(None);
        }
        let next = ready!(this.poll_next(cx));
        Poll::Ready(match next {
            Ok(chunk) => chunk.map(|chunk| {
                this.exchange.shared().metrics.bytes_out.increment(chunk.len() as u64);
                Ok(Frame::data(chunk))
            }),
            Err(code) => {
                this.exchange.abort(code);
                this.done = true;
                Some(Err(Aborted(code)))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.done
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
