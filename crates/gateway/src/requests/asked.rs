//! A request that waits for its answer: exactly one is given, also when whoever asked has gone meanwhile.

use pageport_link::{ReadHalf, Stream, StreamError, WriteHalf};
use pageport_proto::Code;
use pageport_proto::head::{Ready, Refusal, Reply};
use serde::Serialize;

use crate::shared::Shared;

/// A stream that was not answered yet.
pub(super) struct Asked {
    read: ReadHalf,
    write: WriteHalf,
}

impl Asked {
    pub(super) fn new(stream: Stream) -> Asked {
        let (read, write) = stream.into_split();
        Asked { read, write }
    }

    /// The stream's id.
    pub(super) fn id(&self) -> u64 {
        self.read.id()
    }

    /// Resolves when nobody waits for the answer any more.
    pub(super) async fn given_up(&mut self) -> StreamError {
        self.write.stopped().await
    }

    /// Answers; the stream goes on. `None` when nobody hears it.
    pub(super) fn accept(mut self, answer: &impl Serialize) -> Option<(ReadHalf, WriteHalf)> {
        self.write.respond(answer).ok()?;
        Some((self.read, self.write))
    }

    /// Says why not; the stream then ends in order.
    pub(super) fn refuse(mut self, shared: &Shared, refusal: Refusal) {
        let code = Code::from_name(&refusal.error).unwrap_or(Code::ERR_REJECTED);
        shared.metrics.refused(code);
        // A stream that is gone needs no answer.
        let _ = self.write.respond(&Reply::<Ready>::Refused(refusal));
        self.write.finish();
        self.read.stop(code);
    }

    /// Ends it without an answer.
    pub(super) fn end(mut self, code: Code) {
        self.write.reset(code);
        self.read.stop(code);
    }
}
