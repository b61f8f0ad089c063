//! Not a test of Pageport: proves that the fuzzer is steered by coverage, sees comparisons and reports a panic. Blind
//! bytes would need 2^64 attempts to get through; with instrumentation it takes seconds.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if data.len() >= 12 && data[..4] == *b"PAGE" {
        let number = u32::from_be_bytes([data[4], data[5], data[6], data[7]]);
        if number == 0x706f_7274 && data[8] == data[9] ^ 0x5a {
            assert!(data[10] != 7, "the planted panic");
        }
    }
});
