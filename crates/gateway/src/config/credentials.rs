//! `[[token]]` and `[[issuer]]`: who may attach without an allowed origin, and what each may do at most.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use pageport_proto::claim::Key;
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use toml::value::Datetime;

use super::diagnostic::{ConfigError, Source};
use super::moment;
use super::raw::Located;
use super::units::Kind;
use crate::front::credential::{Token, Tokens};
use crate::front::grants::{Grants, Kinds, Pattern};
use crate::front::jwt::{Issuer, Issuers};
use crate::front::origin::Origin;

/// How long tokens of an issuer may last unless its section says otherwise.
const LIFETIME: Duration = Duration::from_secs(3_600);
/// How long they may last at most.
pub const LIFETIME_MAX: Duration = Duration::from_secs(86_400);

/// `[[token]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawToken {
    name: Located<String>,
    sha256: Located<String>,
    expiry: Option<Located<Datetime>>,
    may: Vec<Located<String>>,
    kinds: Option<Vec<Located<String>>>,
    names: Option<Vec<Located<String>>>,
    listeners: Option<Located<u64>>,
    rate: Option<Located<u64>>,
    origins: Option<Vec<Located<String>>>,
}

/// `[[issuer]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawIssuer {
    name: Located<String>,
    key: Located<String>,
    lifetime: Option<Located<String>>,
    may: Vec<Located<String>>,
    kinds: Option<Vec<Located<String>>>,
    names: Option<Vec<Located<String>>>,
    listeners: Option<Located<u64>>,
    rate: Option<Located<u64>>,
    origins: Option<Vec<Located<String>>>,
}

/// What both have in common.
struct RawGrants<'a> {
    may: &'a [Located<String>],
    kinds: Option<&'a [Located<String>]>,
    names: Option<&'a [Located<String>]>,
    listeners: Option<&'a Located<u64>>,
    rate: Option<&'a Located<u64>>,
    origins: Option<&'a [Located<String>]>,
}

macro_rules! grants_of {
    ($entry:expr) => {
        RawGrants {
            may: &$entry.may,
            kinds: $entry.kinds.as_deref(),
            names: $entry.names.as_deref(),
            listeners: $entry.listeners.as_ref(),
            rate: $entry.rate.as_ref(),
            origins: $entry.origins.as_deref(),
        }
    };
}

pub(crate) fn tokens(raw: &[RawToken], base: &str, source: &Source) -> Result<Tokens, ConfigError> {
    let mut tokens: Vec<Arc<Token>> = Vec::with_capacity(raw.len());
    for entry in raw {
        let name = name(&entry.name, source)?;
        let sha256 = hex(&entry.sha256.value).ok_or_else(|| {
            let hint = "64 hexadecimal digits, as `printf %s \"$TOKEN\" | sha256sum` prints them".to_owned();
            source.error(&entry.sha256.at, "not a SHA-256", Some(hint))
        })?;
        if tokens.iter().any(|other| other.name == name || other.sha256 == sha256) {
            let hint = "name and hash of a token are its own".to_owned();
            return Err(source.error(&entry.name.at, format!("a second token {name:?}"), Some(hint)));
        }
        let expiry = entry.expiry.as_ref().map(|expiry| moment::read(expiry, source)).transpose()?;
        let grants = grants(&grants_of!(entry), base, source)?;
        tokens.push(Arc::new(Token { name, sha256, grants, expiry }));
    }
    Ok(Tokens(tokens))
}

/// `tokens` have names of their own: a rule that names one must not mean two.
pub(crate) fn issuers(
    raw: &[RawIssuer],
    tokens: &Tokens,
    base: &str,
    source: &Source,
) -> Result<Issuers, ConfigError> {
    let mut issuers: Vec<Issuer> = Vec::with_capacity(raw.len());
    for entry in raw {
        let name = name(&entry.name, source)?;
        if issuers.iter().any(|other| other.name == name) {
            return Err(source.error(&entry.name.at, format!("a second issuer {name:?}"), None));
        }
        if tokens.0.iter().any(|token| token.name == name) {
            let hint = "`tokens` of an `[[allow]]` would mean both: give one of them another name".to_owned();
            let message = format!("a token and an issuer are both called {name:?}");
            return Err(source.error(&entry.name.at, message, Some(hint)));
        }
        let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
            entry.key.value.as_str().into_deserializer();
        let key = Key::deserialize(text).map_err(|_| {
            let hint = "an Ed25519 public key in base64url, as `pageport token key` prints it".to_owned();
            source.error(&entry.key.at, "not a public key", Some(hint))
        })?;
        let lifetime = entry.lifetime.as_ref().map_or(Ok(LIFETIME), |entry| lifetime(entry, source))?;
        let bounds = grants(&grants_of!(entry), base, source)?;
        issuers.push(Issuer { name, key, lifetime, bounds });
    }
    Ok(Issuers(issuers))
}

fn name(entry: &Located<String>, source: &Source) -> Result<Arc<str>, ConfigError> {
    let fits = (1..=64).contains(&entry.value.len())
        && entry.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if fits {
        return Ok(entry.value.as_str().into());
    }
    let hint = "1 to 64 letters, digits, dots, hyphens and underscores: it appears in logs".to_owned();
    Err(source.error(&entry.at, format!("not a name: {:?}", entry.value), Some(hint)))
}

fn grants(raw: &RawGrants<'_>, base: &str, source: &Source) -> Result<Grants, ConfigError> {
    let mut grants = Grants { listen: false, connect: false, ..Grants::all() };
    for permission in raw.may {
        match permission.value.as_str() {
            "listen" => grants.listen = true,
            "connect" => grants.connect = true,
            other => {
                let hint = "known: \"listen\", \"connect\"".to_owned();
                let message = format!("no such permission: {other:?}");
                return Err(source.error(&permission.at, message, Some(hint)));
            }
        }
    }
    if let Some(kinds) = raw.kinds {
        for kind in kinds {
            if Kinds::parse([kind.value.as_str()].into_iter()).is_none() {
                let hint = "known: \"websocket\", \"http\", \"tcp\", \"page\"".to_owned();
                return Err(source.error(&kind.at, format!("no such kind: {:?}", kind.value), Some(hint)));
            }
        }
        grants.kinds = Kinds::parse(kinds.iter().map(|kind| kind.value.as_str())).unwrap_or(Kinds::ALL);
    }
    let pattern = |entry: &Located<String>| {
        Pattern::parse(&entry.value).ok_or_else(|| {
            let hint = "a name, or the beginning of names and `*`: \"app-*\"".to_owned();
            source.error(&entry.at, format!("not a pattern of names: {:?}", entry.value), Some(hint))
        })
    };
    grants.names = raw.names.map(|names| names.iter().map(pattern).collect()).transpose()?;
    grants.listeners = raw.listeners.map(|entry| count(entry, 0, source)).transpose()?;
    grants.rate = raw.rate.map(|entry| count(entry, 1, source)).transpose()?;
    let origin = |entry| super::check::origin(entry, base, source);
    let origins = raw.origins.map(|list| list.iter().map(origin).collect::<Result<HashSet<Origin>, _>>());
    grants.origins = origins.transpose()?;
    Ok(grants)
}

fn count(entry: &Located<u64>, least: u64, source: &Source) -> Result<u64, ConfigError> {
    let range = least..=1_000_000;
    if range.contains(&entry.value) {
        return Ok(entry.value);
    }
    Err(source.error(&entry.at, format!("{least} to 1000000, not {}", entry.value), None))
}

fn lifetime(entry: &Located<String>, source: &Source) -> Result<Duration, ConfigError> {
    let parsed = Kind::Time.parse(&entry.value).map(Duration::from_millis);
    match parsed {
        Ok(lifetime) if (Duration::from_secs(1)..=LIFETIME_MAX).contains(&lifetime) => Ok(lifetime),
        _ => {
            let hint = "such a token cannot be taken back, so it must end soon".to_owned();
            Err(source.error(&entry.at, format!("1s to 24h, not {:?}", entry.value), Some(hint)))
        }
    }
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().map(|char| char.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks(2).map(|pair| Some(pair[0] << 4 | pair.get(1)?)).collect::<Option<_>>()?;
    bytes.try_into().ok()
}

/// As they stand in a file.
pub(crate) fn print(text: &mut String, tokens: &Tokens, issuers: &Issuers) {
    text.push_str("\n# Tokens for programs, which have no origin: only the SHA-256 of each stands here.\n");
    for token in &tokens.0 {
        let sha256 = token.sha256.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let _ = write!(text, "\n[[token]]\nname = \"{}\"\nsha256 = \"{sha256}\"\n", token.name);
        print_grants(text, &token.grants);
        if let Some(expiry) = token.expiry {
            let _ = writeln!(text, "expiry = {}", moment::write(expiry));
        }
    }
    text.push_str("\n# Whoever issues short-lived tokens (JWT, EdDSA), and what these may allow at most.\n");
    for issuer in &issuers.0 {
        let lifetime = Kind::Time.format(super::units::millis(issuer.lifetime));
        let _ = write!(text, "\n[[issuer]]\nname = \"{}\"\nkey = \"{}\"\n", issuer.name, issuer.key);
        let _ = writeln!(text, "lifetime = \"{lifetime}\"");
        print_grants(text, &issuer.bounds);
    }
}

fn print_grants(text: &mut String, grants: &Grants) {
    let list = |words: &mut dyn Iterator<Item = String>| {
        words.map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
    };
    let may = [("listen", grants.listen), ("connect", grants.connect)];
    let mut may = may.iter().filter(|known| known.1).map(|known| known.0.to_owned());
    let _ = writeln!(text, "may = [{}]", list(&mut may));
    let _ = writeln!(text, "kinds = [{}]", list(&mut grants.kinds.words().map(str::to_owned)));
    if let Some(names) = &grants.names {
        let _ = writeln!(text, "names = [{}]", list(&mut names.iter().map(ToString::to_string)));
    }
    if let Some(listeners) = grants.listeners {
        let _ = writeln!(text, "listeners = {listeners}");
    }
    if let Some(rate) = grants.rate {
        let _ = writeln!(text, "rate = {rate}");
    }
    if let Some(origins) = &grants.origins {
        let mut origins: Vec<_> = origins.iter().map(ToString::to_string).collect();
        origins.sort_unstable();
        let _ = writeln!(text, "origins = [{}]", list(&mut origins.into_iter()));
    }
}
