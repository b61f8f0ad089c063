//! A stream to a page that has not answered yet.

use pageport_link::{Stream, StreamError};
use pageport_proto::Code;

/// A stream to a page whose caller may vanish at any moment: unless it is taken, both directions end with a reason.
pub(crate) struct Held {
    stream: Option<Stream>,
    reason: Code,
}

impl Held {
    pub(crate) fn new(stream: Stream) -> Held {
        Held { stream: Some(stream), reason: Code::ERR_VISITOR_GONE }
    }

    /// # Errors
    /// [`Code::ERR_INTERNAL`] when it was taken.
    pub(crate) fn stream(&mut self) -> Result<&mut Stream, Code> {
        self.stream.as_mut().ok_or(Code::ERR_INTERNAL)
    }

    /// Ends the stream with this reason, which is the caller's answer too.
    pub(crate) fn end(&mut self, reason: Code) -> Code {
        self.reason = reason;
        reason
    }

    pub(crate) fn take(&mut self) -> Option<Stream> {
        self.stream.take()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.reset(self.reason);
            stream.stop(self.reason);
        }
    }
}

/// Why a page gave no reply.
pub(crate) fn no_reply(error: StreamError) -> Code {
    match error {
        StreamError::SessionClosed(_) => Code::ERR_LISTENER_AWAY,
        // What was no reply ends its direction with one of these.
        StreamError::Reset(Code::ERR_HEAD_INVALID | Code::ERR_HEAD_TOO_LARGE) => Code::ERR_BAD_REPLY,
        StreamError::Reset(_) => Code::ERR_PAGE_ABORTED,
        _ => Code::ERR_BAD_REPLY,
    }
}
