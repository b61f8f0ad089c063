//! Names of listeners: what stands before the base domain, or behind `/@`.
//!
//! Knows forms and likeness. Whose a name is, is for [`crate::claim`] and the gateway to say.

use std::fmt;

/// A name in the one form that exists: 3 to 40 of `a-z`, `0-9` and inner hyphens, no `xn--`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<str>);

/// What names that look alike have in common (§7.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Skeleton(Box<str>);

/// The digits of random names, least first.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Names that no key can have, and none that looks like them: people and programs take them for something else. One a line.
const RESERVED: &str = include_str!("../../../spec/reserved-names.txt");

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

    /// A random name from random bytes that the caller drew; `None` when it has no digit, and others are to be drawn.
    #[must_use]
    pub fn random(bytes: [u8; Name::RANDOM]) -> Option<Name> {
        let text: String = bytes.iter().map(|byte| char::from(BASE32[usize::from(byte % 32)])).collect();
        let name = Name(text.into());
        name.is_random_form().then_some(name)
    }

    /// Whether it has the form of random names: 13 of `a-z2-7`, with a digit. Chosen names must not.
    #[must_use]
    pub fn is_random_form(&self) -> bool {
        self.0.len() == Name::RANDOM
            && self.0.bytes().all(|byte| BASE32.contains(&byte))
            && self.0.bytes().any(|byte| byte.is_ascii_digit())
    }

    /// Whether it is a reserved word, or looks like one (`spec/reserved-names.txt`).
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        let own = self.skeleton();
        RESERVED
            .lines()
            .filter(|word| !word.is_empty() && !word.starts_with('#'))
            .any(|word| skeleton(word) == *own.0)
    }

    /// Names with the same skeleton look alike.
    #[must_use]
    pub fn skeleton(&self) -> Skeleton {
        Skeleton(skeleton(&self.0).into())
    }

    /// The text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn skeleton(text: &str) -> String {
    let pairs = text.replace('-', "").replace("rn", "m").replace("vv", "w");
    pairs.replace('0', "o").replace(['1', 'i'], "l")
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).expect(text)
    }

    #[test]
    fn names_that_look_alike_share_a_skeleton() {
        for (one, other) in [
            ("modern", "modem"),
            ("vvindow", "window"),
            ("g00gle", "google"),
            ("pay-pal", "paypal"),
            ("paypa1", "paypal"),
            ("bill", "b1ll"),
            ("bill", "blil"),
            ("r-n-a", "m-a"),
        ] {
            let alike = Name::parse(other).map_or_else(|| skeleton(other), |other| other.skeleton().0.into());
            assert_eq!(*name(one).skeleton().0, *alike, "{one} {other}");
        }
        assert_ne!(name("abc").skeleton(), name("abd").skeleton());
        assert_ne!(name("nr1").skeleton(), name("ml1").skeleton());
    }

    #[test]
    fn random_names_have_a_digit_and_chosen_ones_must_not_look_so() {
        assert_eq!(Name::random([0; 13]), None);
        let random = Name::random([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 25, 255]).expect("a digit");
        assert_eq!(random.as_str(), "abcdefghijkz7");
        assert!(random.is_random_form() && name("k3vqz7m2xwp4a").is_random_form());
        for chosen in ["abcdefghijklm", "k3vqz7m2xwp4", "k3vqz7m2xwp41", "k3vqz7m-xwp4a", "k3vqz7m2xwp4ab"] {
            assert!(!name(chosen).is_random_form(), "{chosen}");
        }
    }

    #[test]
    fn reserved_words_and_what_looks_like_them_are_known() {
        for reserved in ["www", "vvvvvv", "admin", "adm1n", "ad-min", "pageport", "mai1", "l0calhost", "www-"]
        {
            let reserved = reserved.trim_end_matches('-');
            assert!(name(reserved).is_reserved(), "{reserved}");
        }
        for free in ["shop", "my-admin", "k3vqz7m2xwp4a", "demo"] {
            assert!(!name(free).is_reserved(), "{free}");
        }
    }

    #[test]
    fn every_reserved_word_is_a_name_or_too_short_for_one() {
        let words: Vec<_> = RESERVED.lines().filter(|word| !word.starts_with('#')).collect();
        assert!(words.len() > 50, "{}", words.len());
        assert!(words.is_sorted_by(|a, b| a < b), "sorted, each once");
        for word in words {
            assert!(Name::parse(word).is_some_and(|name| name.as_str() == word), "{word}");
        }
    }
}
