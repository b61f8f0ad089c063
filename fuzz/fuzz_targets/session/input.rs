//! Reads choices from the fuzzer's bytes. When they are used up every choice is the first one.

pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number below `end`, which is at most 256.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        u64::from(self.byte()) % end.max(1)
    }

    /// Mostly small: a quarter of the bytes stand for numbers of up to 24 bits.
    pub(crate) fn number(&mut self) -> u64 {
        let first = u64::from(self.byte());
        match first >> 6 {
            0 | 1 => first,
            2 => (first & 63) << 8 | u64::from(self.byte()),
            _ => (first & 63) << 16 | u64::from(self.byte()) << 8 | u64::from(self.byte()),
        }
    }

    pub(crate) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        head
    }
}
