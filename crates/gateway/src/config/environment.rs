//! `PAGEPORT_LISTEN`, `PAGEPORT_LIMITS__LEASE=60s`: the environment overrides the file, key by key.
//!
//! Variables with a section (`__`) must name a known key. Others that are not known are left alone: Kubernetes, for one, sets
//! `PAGEPORT_PORT` and its like for a service of that name.

use super::diagnostic::{ConfigError, Source};
use super::dialects::Dialects;
use super::limits::TABLE;
use super::raw::{At, Located, Raw, Scalar};

const PREFIX: &str = "PAGEPORT_";

/// Puts the variables over what the file says.
pub(crate) fn overlay(
    raw: &mut Raw,
    variables: impl Iterator<Item = (String, String)>,
    source: &Source,
) -> Result<(), ConfigError> {
    for (name, value) in variables {
        let Some(key) = name.strip_prefix(PREFIX) else { continue };
        let located = |value: String| Located { value, at: At::Environment(name.clone()) };
        match key {
            "LISTEN" => {
                let value = list(&value).map(located).collect();
                raw.listen = Some(Located { value, at: At::Environment(name.clone()) });
            }
            "ADMIN" => raw.admin = Some(located(value)),
            "BASE" => raw.base = Some(located(value)),
            "DATA" => raw.data = Some(located(value)),
            "DNS" => raw.dns = Some(list(&value).map(located).collect()),
            "URL" => raw.url = Some(located(value)),
            "TLS__CERT" => raw.tls.get_or_insert_default().cert = Some(located(value)),
            "TLS__KEY" => raw.tls.get_or_insert_default().key = Some(located(value)),
            "LINK__ORIGINS" => raw.link.origins = list(&value).map(located).collect(),
            "WEBSOCKIFY__TARGETS" => raw.websockify.targets = Some(located(value)),
            "WEBSOCKIFY__WEB" => raw.websockify.web = Some(located(value)),
            "TCP__BIND" => raw.tcp.get_or_insert_default().bind = Some(located(value)),
            "TCP__PORTS" => raw.tcp.get_or_insert_default().ports = Some(located(value)),
            "TCP__HOST" => raw.tcp.get_or_insert_default().host = Some(located(value)),
            _ if key.starts_with("DIALECTS__") => dialect(raw, key, located(value), source)?,
            _ if key.contains("__") => limit(raw, key, located(value), source)?,
            _ => {}
        }
    }
    Ok(())
}

fn limit(raw: &mut Raw, key: &str, value: Located<String>, source: &Source) -> Result<(), ConfigError> {
    let name = key.strip_prefix("LIMITS__").map(str::to_ascii_lowercase);
    match name.and_then(|name| raw.limits.place(&name)) {
        Some(place) => *place = Some(Located { value: Scalar::Text(value.value), at: value.at }),
        None => {
            let limits: Vec<_> = TABLE.iter().map(|limit| limit.name.to_ascii_uppercase()).collect();
            let hint = format!(
                "known: {PREFIX}LINK__ORIGINS, {PREFIX}TCP__BIND, _PORTS, _HOST, {PREFIX}DIALECTS__TCP and the others, {PREFIX}WEBSOCKIFY__TARGETS, _WEB, {PREFIX}TLS__CERT, _KEY, and {PREFIX}LIMITS__ \
                 followed by one of {}",
                limits.join(", ")
            );
            return Err(source.error(&value.at, "no such key", Some(hint)));
        }
    }
    Ok(())
}

fn dialect(raw: &mut Raw, key: &str, value: Located<String>, source: &Source) -> Result<(), ConfigError> {
    let name = key.strip_prefix("DIALECTS__").map(str::to_ascii_lowercase);
    match (name.and_then(|name| raw.dialects.place(&name)), value.value.parse()) {
        (Some(place), Ok(on)) => *place = Some(Located { value: on, at: value.at }),
        (Some(_), Err(_)) => {
            let hint = "write true or false".to_owned();
            return Err(source.error(&value.at, format!("not a switch: {:?}", value.value), Some(hint)));
        }
        (None, _) => {
            let hint = format!("known: {}", Dialects::NAMES.join(", ").to_ascii_uppercase());
            return Err(source.error(&value.at, "no such dialect", Some(hint)));
        }
    }
    Ok(())
}

fn list(value: &str) -> impl Iterator<Item = String> {
    value.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty())
}
