//! The configuration as it is written: keys, and where each value stands. Nothing here is checked beyond its shape.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Deserializer, de};

use super::allow::{RawAllow, RawDeny};
use super::credentials::{RawIssuer, RawToken};
use super::dialects::RawDialects;
use super::limits::RawLimits;
use super::tcp::RawTcp;
use super::websockify::RawWebsockify;
use super::wisp::RawWisp;

/// A value and where it was found.
#[derive(Debug, Clone)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) at: At,
}

/// Where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At {
    /// Bytes of the file.
    File(Range<usize>),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
}

/// The file, key by key.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Raw {
    pub(crate) listen: Option<Located<Vec<Located<String>>>>,
    pub(crate) admin: Option<Located<String>>,
    pub(crate) base: Option<Located<String>>,
    pub(crate) url: Option<Located<String>>,
    pub(crate) data: Option<Located<String>>,
    pub(crate) dns: Option<Vec<Located<String>>>,
    pub(crate) tls: Option<RawTls>,
    #[serde(default)]
    pub(crate) link: RawLink,
    #[serde(default)]
    pub(crate) webtransport: RawWebTransport,
    pub(crate) tcp: Option<RawTcp>,
    #[serde(default)]
    pub(crate) dialects: RawDialects,
    #[serde(default)]
    pub(crate) websockify: RawWebsockify,
    #[serde(default)]
    pub(crate) wisp: RawWisp,
    #[serde(default)]
    pub(crate) token: Vec<RawToken>,
    #[serde(default)]
    pub(crate) issuer: Vec<RawIssuer>,
    #[serde(default)]
    pub(crate) allow: Vec<RawAllow>,
    #[serde(default)]
    pub(crate) deny: Vec<RawDeny>,
    #[serde(default)]
    pub(crate) limits: RawLimits,
}

/// `[tls]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTls {
    pub(crate) cert: Option<Located<String>>,
    pub(crate) key: Option<Located<String>>,
    pub(crate) dev: Option<Located<bool>>,
}

/// `[webtransport]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWebTransport {
    pub(crate) enabled: Option<Located<bool>>,
}

/// `[link]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLink {
    #[serde(default)]
    pub(crate) origins: Vec<Located<String>>,
}

/// A number or a text, for values that may be written both ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scalar {
    Integer(u64),
    Text(String),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let spanned = toml::Spanned::<T>::deserialize(input)?;
        Ok(Located { at: At::File(spanned.span()), value: spanned.into_inner() })
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a text with a unit")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
                let number = u64::try_from(number).map_err(|_| E::custom("a limit is not negative"))?;
                Ok(Scalar::Integer(number))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar::Integer(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }
        }

        input.deserialize_any(Visitor)
    }
}
