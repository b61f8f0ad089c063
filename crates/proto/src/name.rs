//! Names of listeners: what stands before the base domain, or behind `/@`.

use std::fmt;

/// A name in the one form that exists: 3 to 40 of `a-z`, `0-9` and inner hyphens, no `xn--`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<str>);

impl Name {
    /// How many characters a random name has: 65 bits.
    pub const RANDOM: usize = 13;

    /// Reads a name; upper case counts as lower case, since DNS makes no difference.
    #[must_use]
    pub fn parse(text: &str) -> Option<Name> {
        let bytes = text.as_bytes();
        let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let fits = (3..=40).contains(&bytes.len())
            && alphanumeric(bytes.first())
            && alphanumeric(bytes.last())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        let name = text.to_ascii_lowercase();
        (fits && !name.starts_with("xn--")).then(|| Name(name.into()))
    }

    /// A random name from random bytes that the caller drew.
    #[must_use]
    pub fn random(bytes: [u8; Name::RANDOM]) -> Name {
        const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        Name(bytes.iter().map(|byte| char::from(BASE32[usize::from(byte % 32)])).collect::<String>().into())
    }

    /// The text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
