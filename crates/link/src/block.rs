//! Memory that is read into. Large blocks go round among all threads of a process.
//!
//! Whoever reads is seldom who lets the bytes go, once they are written on; and an allocator that has a heap for each thread keeps what went that way
//! for the thread that read. Without this, what a flow needs once is there as often as there are threads, and scattered besides.
//!
//! Must never keep more than [`IDLE`] blocks that nobody uses, nor give out more bytes than were asked for.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use bytes::buf::Limit;
use bytes::{BufMut as _, Bytes};
use pageport_proto::limits;

/// Of a large block: the largest frame, its header, and that of the next.
const SIZE: usize = limits::FRAME + 32;
/// Who wants less than three quarters of that gets its own: bytes that wait for a reader must not keep much more than themselves.
const LEAST: usize = SIZE / 4 * 3;
/// Large blocks that are kept for the next flow: what one stream of a full window has on its way, 4 MiB.
const IDLE: usize = 64;

static POOL: Pool = Pool::new();

/// Bytes that were read, and room for more.
#[derive(Debug, Default)]
pub(crate) struct Block(Vec<u8>);

impl Block {
    pub(crate) fn with_capacity(room: usize) -> Block {
        let is_large = (LEAST..=SIZE).contains(&room);
        Block(if is_large { POOL.take() } else { Vec::with_capacity(room) })
    }

    pub(crate) fn copy_from(bytes: &[u8]) -> Block {
        Block(bytes.to_vec())
    }

    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Room behind the bytes that are here: at most for so many, and at least for half, so that whoever gets them one by one moves little.
    pub(crate) fn room(&mut self, more: usize) -> Limit<&mut Vec<u8>> {
        if self.free() < more.div_ceil(2) {
            let mut larger = Block::with_capacity(self.0.len() + more);
            larger.0.extend_from_slice(&self.0);
            *self = larger;
        }
        let room = self.free().min(more);
        (&mut self.0).limit(room)
    }

    fn free(&self) -> usize {
        self.0.capacity() - self.0.len()
    }

    /// The same bytes, to be shared. A large block comes back with the last of its slices.
    pub(crate) fn freeze(mut self) -> Bytes {
        if self.is_large() { Bytes::from_owner(self) } else { std::mem::take(&mut self.0).into() }
    }

    fn is_large(&self) -> bool {
        self.0.capacity() == SIZE
    }
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.is_large() {
            POOL.give_back(std::mem::take(&mut self.0));
        }
    }
}

/// What nobody uses at the moment, the last used on top.
struct Pool(Mutex<Vec<Vec<u8>>>);

impl Pool {
    const fn new() -> Pool {
        Pool(Mutex::new(Vec::new()))
    }

    fn take(&self) -> Vec<u8> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Vec::with_capacity(SIZE))
    }

    fn give_back(&self, mut block: Vec<u8>) {
        block.clear();
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_reads_next_gets_what_was_let_go_last_and_nothing_of_what_it_held() {
        let pool = Pool::new();
        let mut blocks = [pool.take(), pool.take()];
        let places = blocks.each_ref().map(|block| block.as_ptr());
        for block in &mut blocks {
            block.put_bytes(7, 3);
            pool.give_back(std::mem::take(block));
        }
        let again = [pool.take(), pool.take()];
        assert_eq!(again.each_ref().map(|block| block.as_ptr()), [places[1], places[0]]);
        assert!(again.iter().all(Vec::is_empty));
    }

    #[test]
    fn no_more_are_kept_than_one_stream_has_on_its_way() {
        let pool = Pool::new();
        for block in (0..IDLE * 2).map(|_| Vec::with_capacity(SIZE)).collect::<Vec<_>>() {
            pool.give_back(block);
        }
        assert_eq!(pool.0.lock().unwrap().len(), IDLE);
    }

    #[test]
    fn nobody_gets_more_room_than_was_asked_for_nor_loses_what_was_there() {
        for (held, more) in [(0, 1), (3, LEAST), (100, SIZE - 100), (5_000, SIZE), (SIZE, 1), (SIZE, SIZE)] {
            let mut block = Block::copy_from(&vec![7; held]);
            let mut room = block.room(more);
            let count = room.remaining_mut();
            assert!((more.div_ceil(2)..=more).contains(&count));
            room.put_bytes(8, count);
            let bytes = block.freeze();
            assert_eq!(bytes.len(), held + count);
            assert!(
                bytes[..held].iter().all(|&byte| byte == 7) && bytes[held..].iter().all(|&byte| byte == 8)
            );
        }
    }
}
