//! `[[allow]]`, `[[deny]]` and `--allow`: where callers may be connected to. Without them, nowhere.

pub(crate) mod bounds;
mod print;
mod words;

use std::collections::HashSet;
use std::hash::Hash;
use std::net::{AddrParseError, IpAddr, SocketAddr};

use pageport_proto::claim::Key;
use pageport_proto::target::{Protocol, SocketUrl, Target};
use serde::Deserialize;
use serde::de::IntoDeserializer as _;

use self::bounds::RawBounds;
use self::words::Words;
use super::diagnostic::{ConfigError, Source};
use super::raw::{At, Located};
use crate::egress::{Authority, Deny, Destination, Egress, Rule, Spoken, Who};
use crate::front::credential::Tokens;
use crate::front::jwt::Issuers;

pub(crate) use print::{print, summary};

/// Where name servers listen (RFC 1035 §4.2).
const DNS: u16 = 53;

/// `[[allow]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAllow {
    to: Located<String>,
    protocol: Located<Words>,
    origins: Option<Vec<Located<String>>>,
    tokens: Option<Vec<Located<String>>>,
    keys: Option<Vec<Located<String>>>,
    starttls: Option<Located<bool>>,
    ca: Option<Located<String>>,
    connections: RawBounds,
    rate: RawBounds,
    bytes_per_second: RawBounds,
    idle: RawBounds,
    lifetime: RawBounds,
}

/// `[[deny]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawDeny {
    to: Located<String>,
    protocol: Option<Located<Words>>,
    origins: Option<Vec<Located<String>>>,
    tokens: Option<Vec<Located<String>>>,
    keys: Option<Vec<Located<String>>>,
}

/// What rules may name.
pub(crate) struct Known<'a> {
    pub(crate) tokens: &'a Tokens,
    pub(crate) issuers: &'a Issuers,
    pub(crate) base: &'a str,
}

pub(crate) fn egress(
    allow: &[RawAllow],
    deny: &[RawDeny],
    known: &Known<'_>,
    source: &Source,
) -> Result<Egress, ConfigError> {
    // One for all rules that name none: whom the system trusts is read once.
    let system = Authority::default();
    let allow = allow.iter().map(|raw| rule(raw, &system, known, source)).collect::<Result<_, _>>()?;
    let deny = deny.iter().map(|raw| forbidden(raw, known, source)).collect::<Result<_, _>>()?;
    Ok(Egress { allow, deny })
}

fn rule(raw: &RawAllow, system: &Authority, known: &Known<'_>, source: &Source) -> Result<Rule, ConfigError> {
    let to = destination(&raw.to, source)?;
    if to.is_vain() {
        let hint = "mail is handed over there: name the host, or a network, and the port";
        let message = format!("no wildcard reaches a mail port: {:?}", raw.to.value);
        return Err(source.error(&raw.to.at, message, Some(hint.to_owned())));
    }
    let spoken = spoken(&raw.protocol, source)?;
    let who = who([&raw.origins, &raw.tokens, &raw.keys], known, source)?;
    let authority = match &raw.ca {
        None => system.clone(),
        Some(entry) if spoken.has(Protocol::Tls) || spoken.has(Protocol::Wss) => authority(entry, source)?,
        Some(entry) => {
            let hint = "only `tls` and `wss` have certificates".to_owned();
            return Err(source.error(&entry.at, "`ca` without TLS", Some(hint)));
        }
    };
    let starttls = match &raw.starttls {
        Some(entry) if entry.value && !spoken.has(Protocol::Tls) => {
            let hint =
                "it is for `protocol = \"tls\"`; a rule for `tcp` lets TLS begin later anyway".to_owned();
            return Err(source.error(&entry.at, "`starttls` without TLS", Some(hint)));
        }
        entry => entry.as_ref().is_some_and(|entry| entry.value),
    };
    let RawAllow { connections, rate, bytes_per_second, idle, lifetime, .. } = raw;
    let bounds = bounds::check([connections, rate, bytes_per_second, idle, lifetime], source)?;
    Ok(Rule { to, spoken, who, bounds, starttls, authority })
}

fn forbidden(raw: &RawDeny, known: &Known<'_>, source: &Source) -> Result<Deny, ConfigError> {
    let spoken = raw.protocol.as_ref().map_or_else(|| Ok(Spoken::all()), |entry| spoken(entry, source))?;
    let who = who([&raw.origins, &raw.tokens, &raw.keys], known, source)?;
    Ok(Deny { to: destination(&raw.to, source)?, spoken, who })
}

fn destination(entry: &Located<String>, source: &Source) -> Result<Destination, ConfigError> {
    Destination::parse(&entry.value).map_err(|hint| {
        source.error(&entry.at, format!("not a target: {:?}", entry.value), Some(hint.to_owned()))
    })
}

fn spoken(entry: &Located<Words>, source: &Source) -> Result<Spoken, ConfigError> {
    let hint = || {
        let known = Protocol::ALL.map(|known| format!("\"{known}\""));
        Some(format!("known: {}", known.join(", ")))
    };
    let protocol = |(word, at): (&str, &At)| {
        Protocol::parse(word).ok_or_else(|| source.error(at, format!("no such protocol: {word:?}"), hint()))
    };
    let protocols = entry.value.iter(&entry.at).map(protocol).collect::<Result<_, _>>()?;
    Spoken::new(protocols).ok_or_else(|| source.error(&entry.at, "`protocol` is empty", hint()))
}

fn who(
    [origins, tokens, keys]: [&Option<Vec<Located<String>>>; 3],
    known: &Known<'_>,
    source: &Source,
) -> Result<Who, ConfigError> {
    let origin = |entry: &Located<String>| super::check::origin(entry, known.base, source);
    let token = |entry: &Located<String>| {
        let is_token = known.tokens.0.iter().any(|token| *token.name == *entry.value);
        let is_issuer = known.issuers.0.iter().any(|issuer| *issuer.name == *entry.value);
        if is_token || is_issuer {
            return Ok(entry.value.as_str().into());
        }
        let hint = "the `name` of a `[[token]]` or an `[[issuer]]`".to_owned();
        Err(source.error(&entry.at, format!("no such token: {:?}", entry.value), Some(hint)))
    };
    let key = |entry: &Located<String>| {
        key(&entry.value).ok_or_else(|| {
            let hint = "an Ed25519 public key in base64url, 43 characters".to_owned();
            source.error(&entry.at, format!("not a public key: {:?}", entry.value), Some(hint))
        })
    };
    Ok(Who {
        origins: list(origins.as_deref(), origin)?,
        tokens: list(tokens.as_deref(), token)?,
        keys: list(keys.as_deref(), key)?,
        alias: None,
    })
}

fn list<T: Hash + Eq>(
    entries: Option<&[Located<String>]>,
    read: impl Fn(&Located<String>) -> Result<T, ConfigError>,
) -> Result<Option<HashSet<T>>, ConfigError> {
    entries.map(|entries| entries.iter().map(read).collect()).transpose()
}

/// An Ed25519 public key in base64url.
pub(crate) fn key(text: &str) -> Option<Key> {
    let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    Key::deserialize(text).ok()
}

fn authority(entry: &Located<String>, source: &Source) -> Result<Authority, ConfigError> {
    let file = super::secure::path(entry, source);
    let wrong = |message: String| {
        let hint = "a PEM file with the certificates of whoever signs the target's".to_owned();
        source.tls_error(&entry.at, message, hint)
    };
    let pem =
        std::fs::read(&file).map_err(|error| wrong(format!("cannot read {}: {error}", file.display())))?;
    Authority::new(file, &pem).map_err(|error| wrong(error.to_string()))
}

/// Name servers, at port 53 unless another is named.
pub(crate) fn dns(raw: Option<&[Located<String>]>, source: &Source) -> Result<Vec<SocketAddr>, ConfigError> {
    let server = |entry: &Located<String>| {
        let address = entry.value.parse().or_else(|_| Ok((entry.value.parse::<IpAddr>()?, DNS).into()));
        address.map_err(|_: AddrParseError| {
            let hint =
                "addresses, such as \"10.0.0.53\" or \"[::1]:5353\"; leave the key out for the system's";
            source.error(&entry.at, format!("not a name server: {:?}", entry.value), Some(hint.to_owned()))
        })
    };
    raw.unwrap_or_default().iter().map(server).collect()
}

/// The rule of a flag: a target, or the URL of a WebSocket server without a path, for every caller.
pub(crate) fn flag(target: &str) -> Result<Rule, ConfigError> {
    let of_socket = || {
        let url = SocketUrl::parse(target).filter(|url| url.path.as_str() == "/")?;
        Some(url.target())
    };
    Target::parse(target).or_else(of_socket).map(Rule::exactly).ok_or_else(|| {
        let hint = "write tcp://host:port, or the same with tls, udp, ws or wss".to_owned();
        Source::none().error(&At::Flag("--allow"), format!("not a target: {target:?}"), Some(hint))
    })
}
