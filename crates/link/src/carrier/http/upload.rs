//! One body on its way up, at the gateway: taken as it comes, handed to the session when it is whole and its turn has come.

use bytes::BytesMut;
use pageport_proto::Code;
use tokio::time::Instant;

use super::line::{HttpLine, Phase};

/// A message that comes. An upload that is dropped has changed nothing.
#[derive(Debug)]
pub struct Upload {
    line: HttpLine,
    number: u64,
    seq: u64,
    limit: usize,
    /// How much of it has come.
    length: usize,
    /// What has come, unless nobody needs it any more.
    message: BytesMut,
}

impl Upload {
    pub(super) fn new(line: HttpLine, number: u64, seq: u64, limit: usize) -> Upload {
        Upload { line, number, seq, limit, length: 0, message: BytesMut::new() }
    }

    /// The longest message that is taken, in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// So much is said to come, in bytes. Room is made for it at once: a buffer that grows by doubling leaves its former selves behind, and is up to twice
    /// as large as what is read from it for as long as any of that is unread.
    pub fn expect(&mut self, length: usize) {
        self.message = BytesMut::with_capacity(length.min(self.limit));
    }

    /// More of the message has come.
    ///
    /// # Errors
    /// [`Code::ERR_BODY_TOO_LARGE`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Code> {
        if bytes.len() > self.limit - self.length {
            return Err(Code::ERR_BODY_TOO_LARGE);
        }
        self.length += bytes.len();
        let message = &mut self.message;
        self.line.with(|state| {
            if state.has(self.seq) {
                // The same message has come by another request: this one is read to its end, and kept no longer.
                state.uploading -= std::mem::take(message).len();
            } else {
                message.extend_from_slice(bytes);
                state.uploading += bytes.len();
            }
            state.uploaded = Instant::now();
            state.hear();
        });
        Ok(())
    }

    /// Waits until nobody wants it any more: [`Code::ERR_CARRIER_SEQUENCE`] when newer ones took its place.
    pub async fn superseded(&self) -> Code {
        self.line.superseded(self.number).await;
        match self.line.with(|state| state.phase()) {
            Phase::Open => Code::ERR_CARRIER_SEQUENCE,
            Phase::Ending(_) | Phase::Gone => Code::ERR_CARRIER_UNKNOWN,
        }
    }

    /// The body is whole. Waits until the session has the message, for its predecessor if need be.
    ///
    /// # Errors
    /// [`Code::ERR_CARRIER_REQUEST`] when there is no message; [`Code::ERR_CARRIER_SEQUENCE`] when its predecessor does not come, and
    /// the carrier is lost; [`Code::ERR_CARRIER_UNKNOWN`] when it is.
    pub async fn finish(mut self) -> Result<(), Code> {
        if self.length == 0 {
            return Err(Code::ERR_CARRIER_REQUEST);
        }
        let (line, seq) = (self.line.clone(), self.seq);
        let message = std::mem::take(&mut self.message).freeze();
        line.with(|state| state.uploading -= message.len());
        drop(self);
        line.deliver(seq, message).await
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.line.with(|state| {
            state.uploading -= self.message.len();
            state.uploads.retain(|upload| *upload != self.number);
        });
    }
}
