//! Reads lines `kind hex` (kinds of `spec/vectors/README.md`, with `_` for a space) and answers each with one line: the
//! name of the code that refuses it, or an equals sign, the canonical bytes in hex, a space, and what was read as JSON.
//!
//! The other half of the differential test in `js/test/differential.test.js`.

#[path = "../tests/it/decoded.rs"]
mod decoded;

use std::io::{self, BufRead, BufWriter, Write};

fn main() -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (kind, digits) = line.split_once(' ').ok_or(io::ErrorKind::InvalidData)?;
        let bytes = unhex(digits).ok_or(io::ErrorKind::InvalidData)?;
        match decoded::decode(&kind.replace('_', " "), &bytes) {
            Ok(decoded) => writeln!(out, "={} {}", decoded::hex(&decoded.encoded), decoded.value)?,
            Err(code) => writeln!(out, "{code}")?,
        }
    }
    out.flush()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let nibbles: Option<Vec<u8>> =
        digits.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
    let nibbles = nibbles.filter(|nibbles| nibbles.len() % 2 == 0)?;
    Some(nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
