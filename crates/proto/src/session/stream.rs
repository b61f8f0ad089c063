//! One stream: two halves, and which queues of the session it stands in.

use super::receive::Receive;
use super::send::Send;

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) send: Send,
    pub(super) receive: Receive,
    pub(super) flags: Flags,
}

/// In which queues the stream already stands, so that it never stands in one twice.
#[derive(Debug, Default)]
pub(super) struct Flags {
    pub(super) ready: bool,
    pub(super) signal: bool,
    pub(super) ack: bool,
    pub(super) dirty: bool,
    pub(super) starved: bool,
    /// Waits for a native stream.
    pub(super) wants_native: bool,
    /// Has a native stream, which waits for something to do.
    pub(super) native_idle: bool,
    /// The application found nothing to read and waits.
    pub(super) reading: bool,
}

impl Stream {
    /// §3.4: nothing of it is needed any more.
    pub(super) fn over(&self) -> bool {
        self.send.done && self.receive.ended()
    }
}
