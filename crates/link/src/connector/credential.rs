//! A program's token. Must never be printed.

use std::fmt;
use std::ops::Deref;

/// Travels as `Authorization: Bearer`.
#[derive(Clone)]
pub(crate) struct Credential(String);

impl Credential {
    pub(crate) fn new(token: String) -> Credential {
        Credential(token)
    }
}

impl Deref for Credential {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}
