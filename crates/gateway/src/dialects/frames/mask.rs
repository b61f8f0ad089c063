//! Masking (RFC 6455 §5.3), where the bytes lie and a word at a time.

/// The key of a frame, turned to where its payload goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mask([u8; 4]);

impl Mask {
    pub(super) fn new(key: [u8; 4]) -> Mask {
        Mask(key)
    }

    /// Takes the mask off, or puts it on, and goes on behind these bytes the next time.
    pub(super) fn apply(&mut self, bytes: &mut [u8]) {
        let [a, b, c, d] = self.0;
        let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let (words, rest) = bytes.as_chunks_mut::<8>();
        for masked in words {
            *masked = (u64::from_ne_bytes(*masked) ^ word).to_ne_bytes();
        }
        for (byte, key) in rest.iter_mut().zip(self.0.iter().cycle()) {
            *byte ^= key;
        }
        self.0.rotate_left(bytes.len() % 4);
    }
}
