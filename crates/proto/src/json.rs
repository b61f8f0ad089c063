//! Strict JSON objects (§2): no duplicate keys at any depth, at most eight levels, nothing behind the object.
//!
//! Must never be lenient: what one side reads differently from the other is how requests get smuggled.

use std::collections::HashSet;
use std::fmt;

use serde::de::{
    self, Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor,
};

/// How deep objects and lists may be nested, the outer object included.
pub const DEPTH: u8 = 8;

/// Why bytes are not a strict JSON object, or not the one that was expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(#[from] serde_json::Error);

/// Checks `bytes` against the rules and reads them as a `T`; unknown keys are ignored.
///
/// # Errors
/// When the bytes break a rule, or lack what `T` needs.
pub fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    check(bytes)?;
    Ok(serde_json::from_slice(bytes)?)
}

/// Checks the rules only.
///
/// # Errors
/// When the bytes are not one strict JSON object.
pub fn check(bytes: &[u8]) -> Result<(), JsonError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Strict { depth: 0 }.deserialize(&mut reader)?;
    Ok(reader.end()?)
}

/// Reads an optional key: absent or of its type, never null.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    reader: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(reader).map(Some)
}

/// Visits a value for its rules alone and keeps nothing of it.
struct Strict {
    depth: u8,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        if self.depth == 0 { reader.deserialize_map(self) } else { reader.deserialize_any(self) }
    }
}

impl Strict {
    fn deeper<E: de::Error>(&self) -> Result<u8, E> {
        if self.depth < DEPTH { Ok(self.depth + 1) } else { Err(E::custom("nested too deeply")) }
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.depth == 0 { "an object" } else { "a value" })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if let Some(key) = keys.replace(key) {
                return Err(de::Error::custom(format_args!("duplicate key {key:?}")));
            }
            map.next_value_seed(Strict { depth })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while list.next_element_seed(Strict { depth })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
