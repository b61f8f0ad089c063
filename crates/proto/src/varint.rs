//! Variable-length integers of QUIC (RFC 9000 §16), bounded to 2^53 − 1 so that JavaScript numbers hold them (§2).

use bytes::{Buf, BufMut};

/// The largest value that may travel: `Number.MAX_SAFE_INTEGER`.
pub const MAX: u64 = (1 << 53) - 1;

/// How many bytes the shortest form of `value` takes: 1, 2, 4 or 8.
#[must_use]
pub const fn len(value: u64) -> usize {
    match value {
        0..=0x3f => 1,
        0x40..=0x3fff => 2,
        0x4000..=0x3fff_ffff => 4,
        _ => 8,
    }
}

/// Writes the shortest form.
///
/// # Panics
/// In debug builds, when `value` is above [`MAX`].
#[expect(clippy::cast_possible_truncation, reason = "each arm checks the size first")]
pub fn put(out: &mut impl BufMut, value: u64) {
    debug_assert!(value <= MAX, "{value} does not fit the wire");
    match len(value) {
        1 => out.put_u8(value as u8),
        2 => out.put_u16(value as u16 | 0x4000),
        4 => out.put_u32(value as u32 | 0x8000_0000),
        _ => out.put_u64(value | 0xc000_0000_0000_0000),
    }
}

/// What [`peek`] finds at the front of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peek {
    /// The value, and how many bytes it takes.
    Value(u64, usize),
    /// More bytes are needed.
    Short,
    /// A value above [`MAX`].
    TooLarge,
}

/// Reads a value without consuming it; any form, not only the shortest, is accepted.
#[must_use]
pub fn peek(bytes: &[u8]) -> Peek {
    let Some(&first) = bytes.first() else { return Peek::Short };
    let len = 1 << (first >> 6);
    let Some(rest) = bytes.get(1..len) else { return Peek::Short };
    let value = rest.iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte));
    if value > MAX { Peek::TooLarge } else { Peek::Value(value, len) }
}

/// Takes a value off the front; `None` when bytes are missing or the value is above [`MAX`].
pub fn take(bytes: &mut impl Buf) -> Option<u64> {
    if !bytes.has_remaining() {
        return None;
    }
    let len = 1 << (bytes.chunk()[0] >> 6);
    if bytes.remaining() < len {
        return None;
    }
    let value = match len {
        1 => u64::from(bytes.get_u8()),
        2 => u64::from(bytes.get_u16() & 0x3fff),
        4 => u64::from(bytes.get_u32() & 0x3fff_ffff),
        _ => bytes.get_u64() & 0x3fff_ffff_ffff_ffff,
    };
    (value <= MAX).then_some(value)
}
