//! A carrier message on its way out: small frames are collected, large pieces of streams are passed on without a copy.

use bytes::{BufMut, Bytes, BytesMut};

use crate::frame::{Data, Frame};
use crate::queue::Piece;

/// Bytes that leave together.
#[derive(Debug, Default)]
pub struct Message {
    parts: Vec<Bytes>,
    small: BytesMut,
    len: usize,
}

impl Message {
    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its bytes in pieces, for a vectored write. The message is empty afterwards.
    pub fn take_parts(&mut self) -> Vec<Bytes> {
        self.seal();
        self.len = 0;
        std::mem::take(&mut self.parts)
    }

    /// Its bytes in one piece, copied together if need be. The message is empty afterwards.
    pub fn take_whole(&mut self) -> Bytes {
        let len = self.len;
        let mut parts = self.take_parts();
        if parts.len() == 1 {
            return parts.remove(0);
        }
        let mut whole = BytesMut::with_capacity(len);
        parts.iter().for_each(|part| whole.put_slice(part));
        whole.freeze()
    }

    pub(super) fn frame(&mut self, frame: &Frame) {
        let before = self.small.len();
        frame.encode(&mut self.small);
        self.len += self.small.len() - before;
    }

    pub(super) fn data_header(&mut self, data: &Data, len: usize) {
        let before = self.small.len();
        data.encode_header_for(len, &mut self.small);
        self.len += self.small.len() - before;
    }

    pub(super) fn piece(&mut self, piece: Piece<'_>) {
        self.len += piece.len();
        match piece {
            Piece::Small(bytes) => self.small.put_slice(bytes),
            Piece::Shared(bytes) => {
                self.seal();
                self.parts.push(bytes);
            }
        }
    }

    fn seal(&mut self) {
        if !self.small.is_empty() {
            self.parts.push(self.small.split().freeze());
        }
    }
}
