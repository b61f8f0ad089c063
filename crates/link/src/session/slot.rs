//! What the link remembers of one stream for as long as somebody holds it: who waits, and how it ended.
//!
//! The state machine forgets a stream when it is over; a handle may ask later.

use std::task::Waker;

use bytes::Bytes;
use pageport_proto::Code;

#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// The peer's head or reply, until somebody takes it.
    pub(super) prefix: Option<Bytes>,
    /// No reply will come (any more).
    pub(super) no_reply: bool,
    /// The peer's direction ended early.
    pub(super) reset: Option<Code>,
    /// The own direction ended early.
    pub(super) stopped: Option<Code>,
    /// Which halves are gone: reader's, writer's.
    pub(super) gone: (bool, bool),
}

/// Remembers whom to wake, unless it is remembered already.
pub(super) fn wait(place: &mut Option<Waker>, waker: &Waker) {
    match place {
        Some(known) => known.clone_from(waker),
        None => *place = Some(waker.clone()),
    }
}
