//! Variable-length integers: the two readers agree on every input, nothing above the maximum gets through, and what is
//! written is the shortest form of what was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pageport_proto::varint::{self, Peek};

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Some(after) = read(rest) {
        rest = after;
    }
});

/// Reads one integer off the front and gives what follows it; `None` where there is none.
fn read(data: &[u8]) -> Option<&[u8]> {
    let mut rest = data;
    let taken = varint::take(&mut rest);
    match varint::peek(data) {
        Peek::Value(value, len) => {
            assert_eq!(taken, Some(value));
            assert_eq!(rest.len(), data.len() - len);
            assert!(value <= varint::MAX && varint::len(value) <= len);
            let mut written = Vec::new();
            varint::put(&mut written, value);
            assert_eq!(written.len(), varint::len(value));
            assert_eq!(varint::peek(&written), Peek::Value(value, written.len()));
            Some(rest)
        }
        Peek::Short | Peek::TooLarge => {
            assert_eq!(taken, None);
            None
        }
    }
}
