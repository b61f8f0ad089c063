//! A word, or a list of words, each with its place.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::config::raw::{At, Located};

/// What may be written as `"a"` or as `["a", "b"]`.
#[derive(Debug)]
pub(crate) enum Words {
    One(String),
    Several(Vec<Located<String>>),
}

impl Words {
    /// Each word and where it stands; `at` is the place of the whole.
    pub(crate) fn iter<'a>(&'a self, at: &'a At) -> impl Iterator<Item = (&'a str, &'a At)> {
        let (one, several) = match self {
            Words::One(word) => (Some((word.as_str(), at)), &[][..]),
            Words::Several(list) => (None, list.as_slice()),
        };
        one.into_iter().chain(several.iter().map(|entry| (entry.value.as_str(), &entry.at)))
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;

        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Words, E> {
                Ok(Words::One(word.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element()? {
                    words.push(word);
                }
                Ok(Words::Several(words))
            }
        }

        input.deserialize_any(OneOrSeveral)
    }
}
