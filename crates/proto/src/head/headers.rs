//! Lists of header fields that cannot smuggle anything: checked when made, whoever made them.

use serde::{Deserialize, Serialize};

/// How many fields a list may have.
const COUNT: usize = 128;
/// How long a name may be, in bytes.
const NAME: usize = 128;

/// Header fields in order: lower-case names, values of U+0000–U+00FF.
///
/// A value's characters stand for the bytes of a field value (RFC 9110 §5.5), one each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(String, String)>")]
pub struct Headers(Vec<(String, String)>);

/// Why a field cannot be in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadersError {
    /// Not a token in lower case, or too long.
    #[error("a header name is not a lower-case token of 1 to {NAME} characters")]
    Name,
    /// A control character, something above U+00FF, or white space around it.
    #[error("a header value has characters that may not be in it")]
    Value,
    /// Too many fields.
    #[error("more than {COUNT} header fields")]
    Count,
}

impl Headers {
    /// Appends a field after checking it.
    ///
    /// # Errors
    /// See [`HeadersError`].
    pub fn push(&mut self, name: &str, value: &str) -> Result<(), HeadersError> {
        if self.0.len() == COUNT {
            return Err(HeadersError::Count);
        }
        check(name, value)?;
        self.0.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    /// Appends a field whose value is bytes, as HTTP has it.
    ///
    /// # Errors
    /// See [`HeadersError`].
    pub fn push_bytes(&mut self, name: &str, value: &[u8]) -> Result<(), HeadersError> {
        let value: String = value.iter().map(|byte| char::from(*byte)).collect();
        self.push(name, &value)
    }

    /// The first value of a field; `name` in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|field| field.0 == name).map(|field| field.1.as_str())
    }

    /// All fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Vec<(String, String)>> for Headers {
    type Error = HeadersError;

    fn try_from(list: Vec<(String, String)>) -> Result<Self, HeadersError> {
        if list.len() > COUNT {
            return Err(HeadersError::Count);
        }
        list.iter().try_for_each(|(name, value)| check(name, value))?;
        Ok(Headers(list))
    }
}

fn check(name: &str, value: &str) -> Result<(), HeadersError> {
    let name_fits = (1..=NAME).contains(&name.len()) && name.bytes().all(is_lower_token);
    let edge = |at: Option<char>| matches!(at, Some(' ' | '\t'));
    let value_fits =
        value.chars().all(is_field_char) && !edge(value.chars().next()) && !edge(value.chars().last());
    match (name_fits, value_fits) {
        (false, _) => Err(HeadersError::Name),
        (_, false) => Err(HeadersError::Value),
        _ => Ok(()),
    }
}

/// tchar of RFC 9110 §5.6.2, without upper case.
fn is_lower_token(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What HTTP allows in a value: tab, visible characters, space and obs-text; no other control characters.
fn is_field_char(char: char) -> bool {
    matches!(char, '\t' | ' '..='~' | '\u{80}'..='\u{ff}')
}
