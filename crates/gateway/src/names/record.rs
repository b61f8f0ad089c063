//! One line of the journal: a checksum and a binding, in JSON. A line is whole and right, or it is not read.

use std::fmt::Write as _;

use pageport_proto::claim::Key;
use pageport_proto::name::Name;
use serde::{Deserialize, Serialize};

use crate::front::credential::sha256;

/// A chosen name, its key, and when it was last used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) name: Name,
    pub(crate) key: Key,
    /// Seconds of Unix time.
    pub(crate) used: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    key: Key,
    used: u64,
}

/// Hexadecimal digits of a checksum: the first 64 bits of a SHA-256.
const CHECKSUM: usize = 16;

impl Record {
    /// The line, with its end.
    pub(crate) fn to_line(&self) -> String {
        let raw = Raw { name: self.name.to_string(), key: self.key.clone(), used: self.used };
        let json = serde_json::to_string(&raw).unwrap_or_default();
        format!("{} {json}\n", checksum(&json))
    }

    /// Reads a line without its end; `None` when anything is wrong with it.
    pub(crate) fn parse(line: &[u8]) -> Option<Record> {
        let line = str::from_utf8(line).ok()?;
        let json = line.get(CHECKSUM..)?.strip_prefix(' ')?;
        if line[..CHECKSUM] != checksum(json) {
            return None;
        }
        let Raw { name, key, used } = serde_json::from_str(json).ok()?;
        Some(Record { name: Name::parse(&name)?, key, used })
    }
}

fn checksum(json: &str) -> String {
    sha256(json.as_bytes())[..CHECKSUM / 2].iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
