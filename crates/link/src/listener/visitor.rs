//! A visitor that waits for the program's decision.

use pageport_proto::head::{Accepted, Headers, Ready, Refusal, Reply, Visit};

use crate::{Stream, StreamError};

/// Somebody who has come to a listener. Dropping it turns them away.
#[derive(Debug)]
pub struct Visitor {
    /// Who, as the gateway says.
    pub visit: Visit,
    stream: Stream,
}

impl Visitor {
    pub(super) fn new(visit: Visit, stream: Stream) -> Visitor {
        Visitor { visit, stream }
    }

    /// Lets a TCP connection or another page in, or completes a WebSocket handshake without a subprotocol; behind it both directions are the
    /// visitor's bytes, which for a WebSocket are frames of RFC 6455. A request is answered with 200 and without headers.
    ///
    /// # Errors
    /// Why the visitor is gone.
    pub fn admit(self) -> Result<Stream, StreamError> {
        let status = match self.visit {
            Visit::Tcp(_) | Visit::Page(_) => return self.answer(&Reply::Ok(Ready {})),
            Visit::WebSocket(_) => 101,
            Visit::Http(_) => 200,
        };
        self.respond(Accepted { status, headers: Headers::default() })
    }

    /// Answers a request or a handshake; behind it comes the body, or the frames.
    ///
    /// # Errors
    /// Why the visitor is gone.
    pub fn respond(self, accepted: Accepted) -> Result<Stream, StreamError> {
        self.answer(&Reply::Ok(accepted))
    }

    /// Turns the visitor away: a request and a handshake get the status and the message, a TCP connection a reset.
    pub fn refuse(mut self, refusal: Refusal) {
        let code =
            pageport_proto::Code::from_name(&refusal.error).unwrap_or(pageport_proto::Code::ERR_REJECTED);
        // A visitor that is gone needs no answer.
        let _ = self.stream.respond(&Reply::<Ready>::Refused(refusal));
        self.stream.finish();
        self.stream.stop(code);
    }

    /// The stream before its answer: a request's body may be read from it already.
    #[must_use]
    pub fn into_stream(self) -> Stream {
        self.stream
    }

    fn answer<T: serde::Serialize>(mut self, reply: &Reply<T>) -> Result<Stream, StreamError> {
        self.stream.respond(reply)?;
        Ok(self.stream)
    }
}
