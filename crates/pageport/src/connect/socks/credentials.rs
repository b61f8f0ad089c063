//! User and password (RFC 1929), compared without telling by the time it takes how much of them was right.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq as _;

/// The longest of each, in bytes (RFC 1929 §2).
const LONGEST: usize = 255;

/// What a client has to know.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// Whether these are they.
    pub(super) fn are(&self, user: &[u8], password: &[u8]) -> bool {
        let user = self.user.as_bytes().ct_eq(user);
        (user & self.password.as_bytes().ct_eq(password)).into()
    }
}

impl FromStr for Credentials {
    type Err = String;

    fn from_str(text: &str) -> Result<Credentials, String> {
        let fits = |part: &&str| (1..=LONGEST).contains(&part.len());
        let (user, password) = text
            .split_once(':')
            .filter(|(user, password)| fits(user) && fits(password))
            .ok_or("write USER:PASSWORD, each of 1 to 255 bytes")?;
        Ok(Credentials { user: user.to_owned(), password: password.to_owned() })
    }
}

/// Never the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}
