//! The first frame of a carrier at a gateway: HELLO, alone, in time, and no larger than it may be (§5 of the protocol).
//!
//! Nothing here knows sessions. Who may attach to which is for the owner to decide, between [`receive_hello`] and
//! [`crate::Session::attach`].

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use pageport_proto::Code;
use pageport_proto::frame::{self, Decoded, Farewell, Frame};
use pageport_proto::hello::Hello;
use pageport_proto::varint::{self, Peek};

use crate::LinkError;
use crate::carrier::{Carrier, Input, Received};

/// Its type (§2.1).
const HELLO: u64 = 0;

/// A carrier and the HELLO that it brought.
#[derive(Debug)]
pub struct Arrival {
    /// The carrier; nothing was read behind the HELLO.
    pub carrier: Carrier,
    /// What it wants.
    pub hello: Hello,
}

/// Waits for HELLO, at most for `timeout`; 10 s is the protocol's.
///
/// # Errors
/// [`LinkError::Code`] when something else came, or nothing; the carrier has been answered then. [`LinkError::Io`] when it broke.
pub async fn receive_hello(mut carrier: Carrier, timeout: Duration) -> Result<Arrival, LinkError> {
    let first = tokio::time::timeout(timeout, first_frame(&mut carrier)).await;
    let error = match first.unwrap_or(Err(LinkError::Code(Code::ERR_ATTACH_TIMEOUT))) {
        Ok(hello) => {
            carrier.lift_hello_limit();
            return Ok(Arrival { carrier, hello });
        }
        Err(error) => error,
    };
    if let LinkError::Code(code) = error {
        refuse(carrier, code, "").await;
    }
    Err(error)
}

impl Arrival {
    /// Answers with DETACH when the page may try again with the same session, with CLOSE otherwise, and ends the carrier within
    /// a few seconds. `message` is for people, at most 512 bytes.
    pub async fn refuse(self, code: Code, message: &str) {
        refuse(self.carrier, code, message).await;
    }
}

async fn first_frame(carrier: &mut Carrier) -> Result<Hello, LinkError> {
    let mut hello = None;
    while hello.is_none() {
        if poll_fn(|cx| carrier.poll_receive(cx, |received| hello = take_hello(received))).await?
            != Input::Some
        {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    hello.unwrap_or(Err(Code::ERR_INTERNAL)).map_err(LinkError::Code)
}

/// `None` while HELLO is not complete.
fn take_hello(received: Received<'_>) -> Option<Result<Hello, Code>> {
    match received {
        Received::Frames(bytes, _) => decode_hello(bytes),
        Received::Message(mut bytes) => {
            Some(decode_hello(&mut bytes).unwrap_or(Err(Code::ERR_FRAME_MALFORMED)))
        }
    }
}

fn decode_hello(bytes: &mut Bytes) -> Option<Result<Hello, Code>> {
    // Nobody waits for the rest of a frame that is no HELLO.
    if matches!(varint::peek(bytes), Peek::Value(kind, _) if kind != HELLO) {
        return Some(Err(Code::ERR_ATTACH_ORDER));
    }
    match frame::decode(bytes) {
        Ok(Decoded::Partial) => None,
        Ok(Decoded::Frame(Frame::Hello(payload))) if bytes.is_empty() => Some(Hello::parse(&payload)),
        Ok(Decoded::Frame(_)) => Some(Err(Code::ERR_ATTACH_ORDER)),
        Err(code) => Some(Err(code)),
    }
}

async fn refuse(mut carrier: Carrier, code: Code, message: &str) {
    tracing::debug!(%code, carrier = %carrier.kind(), "attach refused");
    let farewell = Farewell::new(code, message);
    carrier.start_frame(&if may_try_again(code) { Frame::Detach(farewell) } else { Frame::Close(farewell) });
    carrier.close().await;
}

/// The session itself is well, or there is none yet: a later attempt may succeed.
fn may_try_again(code: Code) -> bool {
    matches!(
        code,
        Code::ERR_ATTACH_STALE
            | Code::ERR_ATTACH_TIMEOUT
            | Code::ERR_OVERLOADED
            | Code::ERR_SESSION_LIMIT
            | Code::ERR_GOING_AWAY
    )
}
