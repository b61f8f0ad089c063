//! Bytes between two offsets: what a sender retains or a receiver has not yet handed over.
//!
//! Large pieces are kept as they came, without a copy. Small ones are copied together, because a slice of one byte can hold a whole
//! carrier message in memory, and its bookkeeping costs more than the byte: a peer must not choose what we hold. With
//! the rules below that is at most four times what is counted.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

/// Pieces from this size on are not copied.
const SHARED: usize = 4_096;
/// A slice that is a smaller part than one in so many of what it keeps in memory is copied too.
const PART: usize = 4;
/// How large the buffers are in which small pieces are collected.
const COLLECT: usize = 4_096;

/// A queue of bytes with cheap slices.
#[derive(Debug, Default)]
pub(crate) struct ByteQueue {
    whole: VecDeque<Bytes>,
    /// Behind all of `whole`; collects small pieces.
    tail: BytesMut,
    len: usize,
}

impl ByteQueue {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, bytes: Bytes) {
        let whole = bytes.len();
        self.push_part_of(bytes, whole);
    }

    /// The bytes are a slice of so many, which they keep in memory as long as they are not copied.
    pub(crate) fn push_part_of(&mut self, bytes: Bytes, whole: usize) {
        self.len += bytes.len();
        if bytes.len() >= SHARED && bytes.len() * PART >= whole {
            self.seal();
            self.whole.push_back(bytes);
            return;
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            if self.tail.capacity() == self.tail.len() {
                self.seal();
                self.tail.reserve(COLLECT.min(rest.len().next_power_of_two().max(64) * 4));
            }
            let room = (self.tail.capacity() - self.tail.len()).min(rest.len());
            self.tail.put_slice(&rest[..room]);
            rest = &rest[room..];
        }
    }

    /// Takes at most `max` bytes off the front, in one piece; empty only when the queue or `max` is.
    pub(crate) fn pop(&mut self, max: usize) -> Bytes {
        let piece = match self.whole.front_mut() {
            Some(front) if front.len() > max => front.split_to(max),
            Some(_) => self.whole.pop_front().unwrap_or_default(),
            None => self.tail.split_to(max.min(self.tail.len())).freeze(),
        };
        self.len -= piece.len();
        piece
    }

    /// Drops `count` bytes off the front.
    pub(crate) fn drop_front(&mut self, mut count: usize) {
        while count > 0 && self.len > 0 {
            count -= self.pop(count).len();
        }
    }

    /// A view of at most `max` bytes from `skip` on, in one piece; small ones are copied into `out`'s kind of buffer by the caller.
    pub(crate) fn slice(&self, mut skip: usize, max: usize) -> Piece<'_> {
        for bytes in &self.whole {
            if skip < bytes.len() {
                return Piece::Shared(bytes.slice(skip..bytes.len().min(skip.saturating_add(max))));
            }
            skip -= bytes.len();
        }
        let end = self.tail.len().min(skip.saturating_add(max));
        Piece::Small(self.tail.get(skip..end).unwrap_or_default())
    }

    pub(crate) fn clear(&mut self) {
        *self = ByteQueue::default();
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.whole.push_back(self.tail.split().freeze());
        }
    }
}

/// Part of a queue.
pub(crate) enum Piece<'a> {
    /// Can be passed on as it is.
    Shared(Bytes),
    /// Still being collected: copy it.
    Small(&'a [u8]),
}

impl Piece<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Piece::Shared(bytes) => bytes.len(),
            Piece::Small(bytes) => bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_pieces_come_out_in_order_however_they_are_taken() {
        let mut queue = ByteQueue::default();
        let mut want = Vec::new();
        for (at, size) in [1, 5_000, 3, 4_096, 70, 4_095, 1, 9_000, 2].into_iter().enumerate() {
            let piece = vec![u8::try_from(at).unwrap_or(0); size];
            want.extend_from_slice(&piece);
            queue.push(piece.into());
        }
        assert_eq!(queue.len(), want.len());
        let mut seen = Vec::new();
        while seen.len() < want.len() {
            match queue.slice(seen.len(), 1_000) {
                Piece::Shared(bytes) => seen.extend_from_slice(&bytes),
                Piece::Small(bytes) => seen.extend_from_slice(bytes),
            }
        }
        assert_eq!(seen, want);
        queue.drop_front(4_000);
        let mut rest = Vec::new();
        while queue.len() > 0 {
            rest.extend_from_slice(&queue.pop(777));
        }
        assert_eq!(rest, want[4_000..]);
    }

    #[test]
    fn single_bytes_of_large_messages_do_not_keep_the_messages() {
        let mut queue = ByteQueue::default();
        for _ in 0..10_000 {
            queue.push(Bytes::from(vec![7; 65_536]).slice(..1));
        }
        assert!(queue.whole.len() <= 10_000 / 64, "{} pieces for 10,000 bytes", queue.whole.len());
    }
}
