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
    /// How much of it is said to come; 0: nobody knows.
    expected: usize,
    /// How much of it has come.
    length: usize,
    /// What has come, unless nobody needs it any more.
    message: BytesMut,
}

impl Upload {
    pub(super) fn new(line: HttpLine, number: u64, seq: u64, limit: usize) -> Upload {
        Upload { line, number, seq, limit, expected: 0, length: 0, message: BytesMut::new() }
    }

    /// The longest message that is taken, in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// So much is said to come, in bytes. Once a good part has, there is room for just that: a buffer that only doubles is up to twice as large as what is
    /// read from it, for as long as any of that is unread.
    pub fn expect(&mut self, length: usize) {
        self.expected = length.min(self.limit);
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
        let room = room(self.length, self.expected);
        let message = &mut self.message;
        self.line.with(|state| {
            if state.has(self.seq) {
                // The same message has come by another request: this one is read to its end, and kept no longer.
                state.uploading -= std::mem::take(message).len();
            } else {
                if message.capacity() < self.length {
                    message.reserve(room - message.len());
                }
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

/// How large a buffer is to be that has so many bytes of those that are expected. Nobody gets much memory by announcing much.
fn room(bytes: usize, expected: usize) -> usize {
    let twice = bytes * 2;
    if (bytes..=bytes * 4).contains(&expected) { expected } else { twice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_for_what_comes_and_not_for_what_is_announced() {
        assert_eq!(room(64, 256), 256, "a quarter is here");
        assert_eq!(room(256, 256), 256, "all of it is");
        assert_eq!(room(63, 256), 126, "too little of it is");
        assert_eq!(room(1, usize::MAX), 2);
        assert_eq!(room(64, 0), 128, "nothing was announced");
        assert_eq!(room(300, 256), 600, "more came than was announced");
    }
}
