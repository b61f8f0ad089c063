//! From keys as written to a configuration that cannot be wrong. Every value is read exactly once, here.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::allow;
use super::credentials;
use super::diagnostic::{ConfigError, Source};
use super::raw::{Located, Raw};
use super::{Admin, Config, Limits, Listen, PORT, Policy, Public, dialects, secure, tcp, websockify, wisp};
use crate::front::origin::{AllowedOrigins, Origin};

/// In `dev` visitors may wait for somebody who types the answer, as in the gallery's webhook catcher.
const BY_HAND: Duration = Duration::from_secs(300);

pub(crate) fn check(raw: &Raw, dev: bool, source: &Source) -> Result<Config, ConfigError> {
    let base = base(raw, source)?;
    let tokens = credentials::tokens(&raw.token, &base, source)?;
    let issuers = credentials::issuers(&raw.issuer, &tokens, &base, source)?;
    let tls = secure::tls(raw, source)?;
    let websockify = websockify::check(&raw.websockify, source)?;
    let known = allow::Known { tokens: &tokens, issuers: &issuers, base: &base };
    let mut egress = allow::egress(&raw.allow, &raw.deny, &known, source)?;
    egress.allow.extend(websockify.rules());
    Ok(Config {
        listen: listen(raw, source)?,
        admin: admin(raw, dev, source)?,
        public: public(raw, &base, source)?,
        tcp: tcp::check(raw.tcp.as_ref(), &base, dev, source)?,
        data: data(raw, source)?,
        webtransport: secure::webtransport(raw, tls.is_some(), dev, source)?,
        dev,
        lan: None,
        policy: Policy {
            origins: origins(raw, &base, dev, source)?,
            egress,
            websockify,
            dns: allow::dns(raw.dns.as_deref(), source)?,
            dialects: dialects::check(&raw.dialects, dev),
            wisp: wisp::check(&raw.wisp, &tokens, dev, source)?,
            tokens,
            issuers,
            limits: limits(raw, dev, source)?,
            tls,
        },
        base,
    })
}

fn listen(raw: &Raw, source: &Source) -> Result<Listen, ConfigError> {
    let Some(list) = &raw.listen else { return Ok(Listen::Loopback(PORT)) };
    let mut addresses = Vec::with_capacity(list.value.len());
    for entry in &list.value {
        let address = socket_address(&entry.value).ok_or_else(|| {
            let hint = "write \"127.0.0.1:7070\", \"[::]:443\", or a port alone for both loopback addresses";
            source.error(&entry.at, format!("not an address: {:?}", entry.value), Some(hint.to_owned()))
        })?;
        addresses.push(address);
    }
    match addresses.as_slice() {
        [] => Err(source.error(&list.at, "`listen` is empty", Some("name at least one address".to_owned()))),
        // `localhost` means either family to a browser, which tries one and may not try the other.
        [one] if one.ip().is_loopback() => Ok(Listen::Loopback(one.port())),
        _ => Ok(Listen::Addresses(addresses)),
    }
}

fn admin(raw: &Raw, dev: bool, source: &Source) -> Result<Admin, ConfigError> {
    match &raw.admin {
        None if dev => Ok(Admin::NextPort),
        None => Ok(Admin::Address(SocketAddr::from(([127, 0, 0, 1], PORT + 1)))),
        Some(entry) => socket_address(&entry.value).map(Admin::Address).ok_or_else(|| {
            let hint = "write \"127.0.0.1:7071\"".to_owned();
            source.error(&entry.at, format!("not an address: {:?}", entry.value), Some(hint))
        }),
    }
}

fn base(raw: &Raw, source: &Source) -> Result<Box<str>, ConfigError> {
    let Some(entry) = &raw.base else { return Ok("localhost".into()) };
    let label_fits = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    // 253 for a whole name (RFC 1035 §2.3.4), less the longest listener name and its dot.
    let fits =
        entry.value.len() <= 212 && entry.value.split('.').all(label_fits) && !ends_in_number(&entry.value);
    if fits {
        return Ok(entry.value.as_str().into());
    }
    let hint = "a domain in lower case, without scheme or port, such as \"gw.example\"".to_owned();
    Err(source.error(&entry.at, format!("not a domain: {:?}", entry.value), Some(hint)))
}

/// Such a name is an IPv4 address to a browser (WHATWG URL §3.5).
fn ends_in_number(domain: &str) -> bool {
    domain.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()))
}

fn public(raw: &Raw, base: &str, source: &Source) -> Result<Option<Public>, ConfigError> {
    let Some(entry) = &raw.url else { return Ok(None) };
    let wrong = |message: &str| {
        let hint = format!("how visitors reach this gateway, such as \"https://{base}\"");
        Err(source.error(&entry.at, format!("{message}: {:?}", entry.value), Some(hint)))
    };
    let text = entry.value.strip_suffix('/').unwrap_or(&entry.value);
    let (secure, authority) = match text.split_once("://") {
        Some(("https", authority)) => (true, authority),
        Some(("http", authority)) => (false, authority),
        _ => return wrong("not an http or https URL"),
    };
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)),
        None => (authority, Some(if secure { 443 } else { 80 })),
    };
    match port {
        _ if host != base => wrong("the host is not `base`"),
        Some(port) => Ok(Some(Public { secure, port })),
        None => wrong("not a port"),
    }
}

fn data(raw: &Raw, source: &Source) -> Result<Option<Box<Path>>, ConfigError> {
    match &raw.data {
        Some(entry) if entry.value.is_empty() => {
            let hint =
                "a directory, such as \"/var/lib/pageport\"; leave the key out to keep nothing".to_owned();
            Err(source.error(&entry.at, "`data` is empty", Some(hint)))
        }
        entry => Ok(entry.as_ref().map(|entry| Path::new(&entry.value).into())),
    }
}

fn origins(raw: &Raw, base: &str, dev: bool, source: &Source) -> Result<AllowedOrigins, ConfigError> {
    let mut list = HashSet::new();
    for entry in &raw.link.origins {
        if dev {
            let message = "`dev` takes exactly localhost, 127.0.0.1 and [::1]";
            return Err(source.error(&entry.at, message, Some("use `pageport gateway`".to_owned())));
        }
        list.insert(origin(entry, base, source)?);
    }
    Ok(if dev { AllowedOrigins::Loopback } else { AllowedOrigins::Listed(list) })
}

/// An origin that may attach: any but those where pages of strangers run.
pub(crate) fn origin(entry: &Located<String>, base: &str, source: &Source) -> Result<Origin, ConfigError> {
    let Some(origin) = Origin::parse(&entry.value) else {
        let hint = "as browsers write it: scheme and host in lower case, no path, no default port, no pattern; \
                    \"null\" never";
        return Err(source.error(
            &entry.at,
            format!("not an origin: {:?}", entry.value),
            Some(hint.to_owned()),
        ));
    };
    if origin.is_under(base) {
        let hint = "pages of strangers run there".to_owned();
        let message = format!("{origin} belongs to a listener and may never attach");
        return Err(source.error(&entry.at, message, Some(hint)));
    }
    Ok(origin)
}

fn limits(raw: &Raw, dev: bool, source: &Source) -> Result<Limits, ConfigError> {
    let mut limits = Limits::default();
    if dev {
        limits.accept_timeout = BY_HAND;
    }
    for (limit, entry) in raw.limits.entries() {
        limit
            .apply(&mut limits, &entry.value)
            .map_err(|message| source.error(&entry.at, message, Some(limit.reason.to_owned())))?;
    }
    Ok(limits)
}

/// `address:port`, or a port alone for loopback. Names are not resolved: what is bound must stand in the file.
fn socket_address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
        Ok(port) => Some((IpAddr::from([127, 0, 0, 1]), port).into()),
        Err(_) => text.parse().ok(),
    }
}
