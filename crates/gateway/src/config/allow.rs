//! `[[allow]]` and `--allow`: where callers may be connected to. Without them, nowhere.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::{AddrParseError, IpAddr, SocketAddr};

use pageport_proto::target::{Endpoint, SocketUrl};
use serde::Deserialize;

use super::diagnostic::{ConfigError, Source};
use super::raw::{At, Located};
use crate::egress::{Authority, Egress, Rule, Who};
use crate::front::credential::Tokens;
use crate::front::jwt::Issuers;

/// Where name servers listen (RFC 1035 §4.2).
const DNS: u16 = 53;

/// `[[allow]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAllow {
    to: Located<String>,
    protocol: Located<String>,
    origins: Option<Vec<Located<String>>>,
    tokens: Option<Vec<Located<String>>>,
    ca: Option<Located<String>>,
}

pub(crate) fn egress(
    raw: &[RawAllow],
    (tokens, issuers): (&Tokens, &Issuers),
    base: &str,
    source: &Source,
) -> Result<Egress, ConfigError> {
    let known = |name: &str| {
        tokens.0.iter().any(|token| *token.name == *name)
            || issuers.0.iter().any(|issuer| *issuer.name == *name)
    };
    let rule = |raw: &RawAllow| {
        let secure = secure(&raw.protocol, source)?;
        let origin = |entry| super::check::origin(entry, base, source);
        let token = |entry: &Located<String>| {
            if known(&entry.value) {
                return Ok(entry.value.as_str().into());
            }
            let hint = "the `name` of a `[[token]]` or an `[[issuer]]`".to_owned();
            Err(source.error(&entry.at, format!("no such token: {:?}", entry.value), Some(hint)))
        };
        let origins =
            raw.origins.as_ref().map(|list| list.iter().map(origin).collect::<Result<HashSet<_>, _>>());
        let tokens =
            raw.tokens.as_ref().map(|list| list.iter().map(token).collect::<Result<HashSet<_>, _>>());
        let who = Who { origins: origins.transpose()?, tokens: tokens.transpose()? };
        let authority = match &raw.ca {
            None => Authority::default(),
            Some(entry) if secure => authority(entry, source)?,
            Some(entry) => {
                let hint = "only `wss` has certificates".to_owned();
                return Err(source.error(&entry.at, "`ca` without TLS", Some(hint)));
            }
        };
        Ok(Rule { to: endpoint(&raw.to, source)?, secure, who, authority })
    };
    raw.iter().map(rule).collect::<Result<_, _>>().map(Egress)
}

fn endpoint(entry: &Located<String>, source: &Source) -> Result<Endpoint, ConfigError> {
    Endpoint::parse(&entry.value).ok_or_else(|| {
        let hint =
            "one host and its port, such as \"chat.example:443\" or \"[::1]:8080\": no pattern, no path"
                .to_owned();
        source.error(&entry.at, format!("not a target: {:?}", entry.value), Some(hint))
    })
}

fn secure(entry: &Located<String>, source: &Source) -> Result<bool, ConfigError> {
    match entry.value.as_str() {
        "ws" => Ok(false),
        "wss" => Ok(true),
        other => {
            let hint = "known: \"ws\", \"wss\"".to_owned();
            Err(source.error(&entry.at, format!("no such protocol: {other:?}"), Some(hint)))
        }
    }
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

/// The rule of a flag: a URL without a path, for every caller.
pub(crate) fn flag(target: &str) -> Result<Rule, ConfigError> {
    match SocketUrl::parse(target) {
        Some(SocketUrl { secure, endpoint, path }) if path.as_str() == "/" => {
            Ok(Rule { to: endpoint, secure, who: Who::default(), authority: Authority::default() })
        }
        _ => {
            let hint = "write ws://host:port or wss://host:port".to_owned();
            Err(Source::none().error(&At::Flag("--allow"), format!("not a target: {target:?}"), Some(hint)))
        }
    }
}

/// As it stands in a file.
pub(crate) fn print(text: &mut String, egress: &Egress) {
    text.push_str("\n# WebSocket servers that callers may be connected to, for `origins` and `tokens` only where these stand. Nothing else.\n");
    for rule in &egress.0 {
        let protocol = if rule.secure { "wss" } else { "ws" };
        let _ = write!(text, "\n[[allow]]\nto = \"{}\"\nprotocol = \"{protocol}\"\n", rule.to);
        let mut list = |key: &str, mut words: Vec<String>| {
            words.sort_unstable();
            let _ = writeln!(text, "{key} = [{}]", words.join(", "));
        };
        if let Some(origins) = &rule.who.origins {
            list("origins", origins.iter().map(|origin| format!("\"{origin}\"")).collect());
        }
        if let Some(tokens) = &rule.who.tokens {
            list("tokens", tokens.iter().map(|token| format!("\"{token}\"")).collect());
        }
        if let Some(file) = &rule.authority.file {
            let _ = writeln!(text, "ca = {}", toml::Value::from(file.display().to_string()));
        }
    }
}
