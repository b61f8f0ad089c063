//! What the handles of a stream ask of their session.

use std::task::{Context, Poll};

use bytes::Bytes;
use pageport_proto::session::Read;
use pageport_proto::{Code, StreamId};

use super::shared::{Shared, State};
use super::slot::wait;
use crate::StreamError;

/// The two halves of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Reading,
    Writing,
}

impl Shared {
    /// At most `max` bytes; `None` when the direction is complete.
    pub(crate) fn poll_read(
        &self,
        id: StreamId,
        max: usize,
        cx: &Context<'_>,
    ) -> Poll<Result<Option<Bytes>, StreamError>> {
        self.with(None, |state, now| match state.proto.read(id, max, now) {
            Ok(Read::Bytes(bytes)) => Poll::Ready(Ok(Some(bytes))),
            Ok(Read::Finished) => Poll::Ready(Ok(None)),
            Ok(Read::Reset(code)) => Poll::Ready(Err(StreamError::Reset(code))),
            Ok(Read::Blocked) => {
                state.unchanged = true;
                state.slot(id, |slot| wait(&mut slot.reader, cx.waker()));
                Poll::Pending
            }
            Err(_) => Poll::Ready(match state.slots.get(&id).and_then(|slot| slot.reset) {
                Some(code) => Err(state.ended(code, StreamError::Reset)),
                None => Ok(None),
            }),
        })
    }

    /// The reply to an own stream, once.
    pub(crate) fn poll_reply(&self, id: StreamId, cx: &Context<'_>) -> Poll<Result<Bytes, StreamError>> {
        self.with(None, |state, _| {
            state.unchanged = true;
            let closed = state.closed();
            let Some(slot) = state.slots.get_mut(&id) else { return Poll::Ready(Err(StreamError::NoReply)) };
            let ended = slot.reset;
            if let Some(reply) = slot.prefix.take() {
                slot.no_reply = true;
                return Poll::Ready(Ok(reply));
            }
            match ended {
                Some(code) => Poll::Ready(Err(state.ended(code, StreamError::Reset))),
                None if slot.no_reply => Poll::Ready(Err(StreamError::NoReply)),
                None => match closed {
                    Some(code) => Poll::Ready(Err(StreamError::SessionClosed(code))),
                    None => {
                        wait(&mut slot.reader, cx.waker());
                        Poll::Pending
                    }
                },
            }
        })
    }

    /// Takes at least one byte off the front of `bytes`, unless there is none.
    pub(crate) fn poll_write(
        &self,
        id: StreamId,
        bytes: &mut Bytes,
        cx: &Context<'_>,
    ) -> Poll<Result<usize, StreamError>> {
        self.with(None, |state, _| match state.proto.write(id, bytes) {
            Ok(0) if !bytes.is_empty() => {
                state.slot(id, |slot| wait(&mut slot.writer, cx.waker()));
                Poll::Pending
            }
            Ok(written) => Poll::Ready(Ok(written)),
            Err(_) => Poll::Ready(Err(state.write_error(id))),
        })
    }

    /// How many bytes [`Shared::poll_write`] would take now, at least one; a stream that waits is marked as blocked.
    pub(crate) fn poll_room(&self, id: StreamId, cx: &Context<'_>) -> Poll<Result<u64, StreamError>> {
        self.with(None, |state, _| {
            let room = state.proto.room(id);
            if room > 0 {
                state.unchanged = true;
                return Poll::Ready(Ok(room));
            }
            // Offering a byte where none is taken says that there is more, and finds out whether the stream is over.
            match state.proto.write(id, &mut Bytes::from_static(&[0])) {
                Err(_) => Poll::Ready(Err(state.write_error(id))),
                Ok(taken) => {
                    debug_assert_eq!(taken, 0);
                    state.slot(id, |slot| wait(&mut slot.writer, cx.waker()));
                    Poll::Pending
                }
            }
        })
    }

    /// Why the peer wants no more of the own direction, once it does not.
    pub(crate) fn poll_stopped(&self, id: StreamId, cx: &Context<'_>) -> Poll<StreamError> {
        self.with(None, |state, _| {
            state.unchanged = true;
            let ended =
                state.closed().is_some() || state.slots.get(&id).is_none_or(|slot| slot.stopped.is_some());
            if ended {
                return Poll::Ready(state.write_error(id));
            }
            state.slot(id, |slot| wait(&mut slot.writer, cx.waker()));
            Poll::Pending
        })
    }

    /// Why the peer's direction ended early, once it has, also while nobody reads. Never when it ends in order.
    pub(crate) fn poll_broken(&self, id: StreamId, cx: &Context<'_>) -> Poll<StreamError> {
        self.with(None, |state, _| {
            state.unchanged = true;
            let closed = state.closed();
            let Some(slot) = state.slots.get_mut(&id) else { return Poll::Pending };
            match (slot.reset, closed) {
                (Some(code), _) => Poll::Ready(state.ended(code, StreamError::Reset)),
                (None, Some(code)) => Poll::Ready(StreamError::SessionClosed(code)),
                (None, None) => {
                    wait(&mut slot.reader, cx.waker());
                    Poll::Pending
                }
            }
        })
    }

    pub(crate) fn reply(&self, id: StreamId, json: &[u8]) -> Result<(), StreamError> {
        self.with(None, |state, _| state.proto.reply(id, json).map_err(|_| state.write_error(id)))
    }

    pub(crate) fn finish(&self, id: StreamId) {
        self.with(None, |state, _| state.proto.finish(id));
    }

    pub(crate) fn reset(&self, id: StreamId, code: Code) {
        self.with(None, |state, _| state.proto.reset(id, code));
    }

    pub(crate) fn stop(&self, id: StreamId, code: Code) {
        self.with(None, |state, now| state.proto.stop(id, code, now));
    }

    /// Nobody holds this half any more; `ended` when it came to an end before.
    pub(crate) fn let_go(&self, id: StreamId, half: Half, ended: bool) {
        self.with(None, |state, now| {
            if let Some(slot) = state.slots.get_mut(&id) {
                match half {
                    Half::Reading => (slot.gone.0, slot.reader) = (true, None),
                    Half::Writing => (slot.gone.1, slot.writer) = (true, None),
                }
                if slot.gone == (true, true) {
                    state.slots.remove(&id);
                }
            }
            match half {
                _ if ended => state.unchanged = true,
                Half::Reading => state.proto.stop(id, Code::ERR_ABORTED, now),
                Half::Writing => state.proto.reset(id, Code::ERR_ABORTED),
            }
        });
    }
}

impl State {
    pub(super) fn closed(&self) -> Option<Code> {
        self.proto.closed().map(|farewell| farewell.code)
    }

    /// A direction that ended with the session says why the session did.
    fn ended(&self, code: Code, otherwise: impl FnOnce(Code) -> StreamError) -> StreamError {
        match self.closed() {
            Some(closed) if code == Code::ERR_SESSION_CLOSED => StreamError::SessionClosed(closed),
            _ => otherwise(code),
        }
    }

    /// Why the own direction takes nothing more, when it was not this side that ended it.
    fn write_error(&self, id: StreamId) -> StreamError {
        let slot = self.slots.get(&id);
        let code = slot.and_then(|slot| slot.stopped.or(slot.reset)).unwrap_or(Code::ERR_ABORTED);
        self.ended(code, StreamError::Stopped)
    }
}
