//! Bytes that are known at every offset: whoever receives them can check each one without having the whole.
//!
//! The byte at offset `i` is byte `i % 4`, little-endian, of `mix(mix(w ^ seed) + high)`, where `w` and `high` are the low and the high
//! 32 bits of `i / 4`. Only 32-bit arithmetic, so that JavaScript can do the same with `Math.imul`.

use std::fmt;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// An endless sequence of bytes, one for each seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    seed: u32,
}

/// The first byte that is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch {
    /// Where in the sequence.
    pub offset: u64,
    /// What should be there.
    pub want: u8,
    /// What is there.
    pub got: u8,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} is {:#04x}, not {:#04x}", self.offset, self.got, self.want)
    }
}

impl std::error::Error for Mismatch {}

impl Pattern {
    /// The sequence of this seed.
    #[must_use]
    pub const fn new(seed: u32) -> Pattern {
        Pattern { seed }
    }

    /// The bytes from `offset` on.
    #[must_use]
    pub fn bytes(&self, offset: u64, len: usize) -> Bytes {
        let mut bytes = vec![0; len];
        self.fill(offset, &mut bytes);
        bytes.into()
    }

    /// The same into a buffer.
    pub fn fill(&self, offset: u64, out: &mut [u8]) {
        let skip = (offset % 4) as usize;
        let mut word = offset / 4;
        let (first, rest) = out.split_at_mut(out.len().min((4 - skip) % 4));
        if !first.is_empty() {
            let len = first.len();
            first.copy_from_slice(&self.word(word)[skip..skip + len]);
            word += 1;
        }
        for chunk in rest.chunks_mut(4) {
            chunk.copy_from_slice(&self.word(word)[..chunk.len()]);
            word += 1;
        }
    }

    /// Whether `bytes` are the ones from `offset` on.
    ///
    /// # Errors
    /// The first one that is not.
    pub fn check(&self, offset: u64, bytes: &[u8]) -> Result<(), Mismatch> {
        let want = self.bytes(offset, bytes.len());
        match want.iter().zip(bytes).position(|(want, got)| want != got) {
            None => Ok(()),
            Some(at) => Err(Mismatch { offset: offset + at as u64, want: want[at], got: bytes[at] }),
        }
    }

    /// SHA-256 of the first `len` bytes, in hexadecimal.
    #[must_use]
    pub fn sha256(&self, len: u64) -> String {
        let mut tally = Tally::new(*self);
        while tally.len < len {
            let part = (len - tally.len).min(65_536) as usize;
            let bytes = self.bytes(tally.len, part);
            tally.hash.update(&bytes);
            tally.len += part as u64;
        }
        tally.sha256()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the index")]
    fn word(&self, index: u64) -> [u8; 4] {
        let (low, high) = (index as u32, (index >> 32) as u32);
        mix(mix(low ^ self.seed).wrapping_add(high)).to_le_bytes()
    }
}

/// Checks a sequence as it comes, and hashes what really came.
#[derive(Debug, Clone)]
pub struct Tally {
    pattern: Pattern,
    len: u64,
    hash: Sha256,
}

impl Tally {
    /// For the bytes of this pattern, from 0 on.
    #[must_use]
    pub fn new(pattern: Pattern) -> Tally {
        Tally { pattern, len: 0, hash: Sha256::new() }
    }

    /// The next bytes.
    ///
    /// # Errors
    /// The first byte that is lost, doubled, out of order or damaged.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Mismatch> {
        self.pattern.check(self.len, bytes)?;
        self.hash.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// How many bytes came.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether none came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// SHA-256 of all that came, in hexadecimal.
    #[must_use]
    pub fn sha256(self) -> String {
        self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A permutation of 32-bit numbers with little bias (C. Wellons, "Prospecting for Hash Functions", lowbias32).
fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_is_the_same_as_that_part_of_the_whole() {
        let pattern = Pattern::new(7);
        let whole = pattern.bytes(0, 64);
        for from in 0..20 {
            for len in 0..20 {
                assert_eq!(pattern.bytes(from as u64, len), whole[from..from + len], "{from}+{len}");
            }
        }
        let far = 1 << 40;
        assert_eq!(pattern.bytes(far + 3, 9), pattern.bytes(far, 12)[3..]);
        assert_ne!(pattern.bytes(far, 64), whole);
        assert_ne!(Pattern::new(8).bytes(0, 64), whole);
    }

    #[test]
    fn a_tally_notices_each_kind_of_damage() {
        let pattern = Pattern::new(1);
        let whole = pattern.bytes(0, 100);
        let mut flipped = whole.to_vec();
        flipped[50] ^= 1;
        let doubled = [&whole[..60], &whole[59..]].concat();
        let lost = [&whole[..20], &whole[21..]].concat();
        for (bytes, at) in [(flipped, 50), (doubled, 60), (lost, 20)] {
            assert_eq!(Tally::new(pattern).push(&bytes).map_err(|mismatch| mismatch.offset), Err(at));
        }
        let mut tally = Tally::new(pattern);
        whole.chunks(7).for_each(|part| tally.push(part).unwrap());
        assert_eq!(tally.sha256(), pattern.sha256(100));
    }
}
