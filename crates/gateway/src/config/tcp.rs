//! `[tcp]`: the public ports that listeners may have. Without this section there are none.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use serde::Deserialize;

use super::diagnostic::{ConfigError, Source};
use super::raw::Located;

/// The ports of `dev`: behind the front door's, below where systems draw ports for outgoing connections.
const DEV: RangeInclusive<u16> = 7100..=7199;

/// Ports that listeners may have, and how clients reach them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tcp {
    /// Where ports are opened. One loopback address stands for both, as for the front door.
    pub bind: IpAddr,
    /// Which ports; never 0.
    pub ports: RangeInclusive<u16>,
    /// What clients connect to: a domain, or an address without brackets.
    pub host: Box<str>,
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTcp {
    pub(crate) bind: Option<Located<String>>,
    pub(crate) ports: Option<Located<String>>,
    pub(crate) host: Option<Located<String>>,
}

/// The section as it counts; `base` is what clients connect to unless it says something else.
pub(crate) fn check(
    raw: Option<&RawTcp>,
    base: &str,
    dev: bool,
    source: &Source,
) -> Result<Option<Tcp>, ConfigError> {
    let unset = RawTcp::default();
    let raw = raw.unwrap_or(&unset);
    let ports = match &raw.ports {
        Some(entry) => ports(entry, source)?,
        None if dev => DEV,
        None => match raw.bind.as_ref().or(raw.host.as_ref()) {
            None => return Ok(None),
            Some(entry) => {
                let hint = "add `ports`, such as \"20000-20999\"".to_owned();
                return Err(source.error(&entry.at, "`tcp` without `ports`", Some(hint)));
            }
        },
    };
    let bind = raw.bind.as_ref().map_or(Ok(Ipv4Addr::LOCALHOST.into()), |entry| address(entry, source))?;
    let host = raw.host.as_ref().map_or(Ok(base.into()), |entry| host(entry, source))?;
    Ok(Some(Tcp { bind, ports, host }))
}

fn address(entry: &Located<String>, source: &Source) -> Result<IpAddr, ConfigError> {
    entry.value.parse().map_err(|_| {
        let hint = "an address without a port, such as \"0.0.0.0\" or \"::\"".to_owned();
        source.error(&entry.at, format!("not an address: {:?}", entry.value), Some(hint))
    })
}

fn ports(entry: &Located<String>, source: &Source) -> Result<RangeInclusive<u16>, ConfigError> {
    let (first, last) = entry.value.split_once('-').unwrap_or((&entry.value, &entry.value));
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    match (number(first), number(last)) {
        (Some(first), Some(last)) if 0 < first && first <= last => Ok(first..=last),
        _ => {
            let hint = "the first and the last one, such as \"20000-20999\", or a single port".to_owned();
            Err(source.error(&entry.at, format!("not a range of ports: {:?}", entry.value), Some(hint)))
        }
    }
}

fn host(entry: &Located<String>, source: &Source) -> Result<Box<str>, ConfigError> {
    let text = entry.value.as_str();
    let is_address = text.parse::<IpAddr>().is_ok();
    let is_domain = (1..=253).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'));
    if is_address || is_domain {
        return Ok(text.into());
    }
    let hint = "what clients connect to: a domain in lower case, or an address, without a port".to_owned();
    Err(source.error(&entry.at, format!("not a host: {text:?}"), Some(hint)))
}
