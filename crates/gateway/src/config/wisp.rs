//! `[wisp]`: what clients of Wisp are told, and how those may show who they are that cannot send a header.

use std::fmt::Write as _;
use std::sync::Arc;

use pageport_proto::claim::Key;
use serde::Deserialize;

use super::allow::key;
use super::diagnostic::{ConfigError, Source};
use super::raw::Located;
use crate::front::credential::Tokens;

/// The longest welcome: it is sent to every client.
const MOTD: usize = 1_024;

/// What is particular to Wisp.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wisp {
    /// What people are to read.
    pub motd: Option<Box<str>>,
    /// Whether a client without an origin may show in INFO who it is.
    pub login: bool,
    /// Keys that stand for tokens: the name of one, and the key.
    pub keys: Vec<(Arc<str>, Key)>,
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWisp {
    motd: Option<Located<String>>,
    login: Option<Located<bool>>,
    #[serde(default)]
    key: Vec<RawKey>,
}

/// `[[wisp.key]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    token: Located<String>,
    key: Located<String>,
}

/// In `dev` clients may show the token of its file by INFO, since few can send a header.
pub(crate) fn check(raw: &RawWisp, tokens: &Tokens, dev: bool, source: &Source) -> Result<Wisp, ConfigError> {
    let motd = raw.motd.as_ref().map(|entry| motd(entry, source)).transpose()?;
    let keys = raw.key.iter().map(|entry| token_key(entry, tokens, source)).collect::<Result<_, _>>()?;
    Ok(Wisp { motd, login: raw.login.as_ref().map_or(dev, |login| login.value), keys })
}

fn motd(entry: &Located<String>, source: &Source) -> Result<Box<str>, ConfigError> {
    if entry.value.len() <= MOTD {
        return Ok(entry.value.as_str().into());
    }
    let hint = "every client is sent it".to_owned();
    Err(source.error(&entry.at, format!("at most {MOTD} bytes, not {}", entry.value.len()), Some(hint)))
}

fn token_key(entry: &RawKey, tokens: &Tokens, source: &Source) -> Result<(Arc<str>, Key), ConfigError> {
    let Some(token) = tokens.named(&entry.token.value) else {
        let hint = "the `name` of a `[[token]]`: the key shows what the token would".to_owned();
        let message = format!("no such token: {:?}", entry.token.value);
        return Err(source.error(&entry.token.at, message, Some(hint)));
    };
    let key = key(&entry.key.value).ok_or_else(|| {
        let hint = "an Ed25519 public key in base64url, 43 characters".to_owned();
        source.error(&entry.key.at, format!("not a public key: {:?}", entry.key.value), Some(hint))
    })?;
    Ok((Arc::clone(&token.name), key))
}

/// The section with its reasons.
pub(crate) fn print(text: &mut String, wisp: &Wisp) {
    text.push_str(
        "\n# Clients of Wisp v2 may show who they are without a header: the name and text of a [[token]] as name and password, or a key that stands for \
         one.\n[wisp]\n",
    );
    let _ = writeln!(text, "login = {}", wisp.login);
    text.push_str("# What people are to read; not every client shows it.\n");
    match &wisp.motd {
        Some(motd) => _ = writeln!(text, "motd = {}", toml::Value::from(&**motd)),
        None => text.push_str("# motd = \"Welcome.\"\n"),
    }
    for (token, key) in &wisp.keys {
        let _ = write!(text, "\n[[wisp.key]]\ntoken = \"{token}\"\nkey = \"{key}\"\n");
    }
}
