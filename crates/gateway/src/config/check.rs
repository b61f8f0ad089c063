//! From keys as written to a configuration that cannot be wrong. Every value is read exactly once, here.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use toml::value::{Datetime, Offset};

use super::diagnostic::{ConfigError, Source};
use super::raw::{Located, Raw, RawToken};
use super::{Admin, Config, Limits, Listen, PORT, Policy, Public, tcp};
use crate::front::credential::{Permissions, Token, Tokens};
use crate::front::origin::{AllowedOrigins, Origin};

pub(crate) fn check(raw: &Raw, dev: bool, source: &Source) -> Result<Config, ConfigError> {
    let base = base(raw, source)?;
    Ok(Config {
        listen: listen(raw, source)?,
        admin: admin(raw, dev, source)?,
        public: public(raw, &base, source)?,
        tcp: tcp::check(raw.tcp.as_ref(), &base, dev, source)?,
        data: data(raw, source)?,
        dev,
        policy: Policy {
            origins: origins(raw, &base, dev, source)?,
            tokens: tokens(raw, source)?,
            limits: limits(raw, source)?,
        },
        base,
    })
}

fn listen(raw: &Raw, source: &Source) -> Result<Listen, ConfigError> {
    let Some(list) = &raw.listen else { return Ok(Listen::Loopback(PORT)) };
    let mut addresses = Vec::with_capacity(list.len());
    for entry in list {
        let address = socket_address(&entry.value).ok_or_else(|| {
            let hint = "write \"127.0.0.1:7070\", \"[::]:443\", or a port alone for both loopback addresses";
            source.error(&entry.at, format!("not an address: {:?}", entry.value), Some(hint.to_owned()))
        })?;
        addresses.push(address);
    }
    match addresses.as_slice() {
        [] => Err(source.error(
            &list_place(raw),
            "`listen` is empty",
            Some("name at least one address".to_owned()),
        )),
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
        list.insert(origin);
    }
    Ok(if dev { AllowedOrigins::Loopback } else { AllowedOrigins::Listed(list) })
}

fn tokens(raw: &Raw, source: &Source) -> Result<Tokens, ConfigError> {
    let mut tokens: Vec<Arc<Token>> = Vec::with_capacity(raw.token.len());
    for entry in &raw.token {
        let token = token(entry, source)?;
        if tokens.iter().any(|other| other.name == token.name || other.sha256 == token.sha256) {
            let hint = "name and hash of a token are its own".to_owned();
            return Err(source.error(&entry.name.at, format!("a second token {:?}", token.name), Some(hint)));
        }
        tokens.push(Arc::new(token));
    }
    Ok(Tokens(tokens))
}

fn token(entry: &RawToken, source: &Source) -> Result<Token, ConfigError> {
    let name_fits = (1..=64).contains(&entry.name.value.len())
        && entry.name.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if !name_fits {
        let hint = "1 to 64 letters, digits, dots, hyphens and underscores: it appears in logs".to_owned();
        return Err(source.error(&entry.name.at, "not a token name", Some(hint)));
    }
    let sha256 = hex(&entry.sha256.value).ok_or_else(|| {
        let hint = "64 hexadecimal digits, as `printf %s \"$TOKEN\" | sha256sum` prints them".to_owned();
        source.error(&entry.sha256.at, "not a SHA-256", Some(hint))
    })?;
    let mut may = Permissions::default();
    for permission in &entry.may {
        match permission.value.as_str() {
            "listen" => may.listen = true,
            "connect" => may.connect = true,
            other => {
                let hint = "known: \"listen\", \"connect\"".to_owned();
                return Err(source.error(
                    &permission.at,
                    format!("no such permission: {other:?}"),
                    Some(hint),
                ));
            }
        }
    }
    let expiry = entry.expiry.as_ref().map(|expiry| instant(expiry, source)).transpose()?;
    Ok(Token { name: entry.name.value.as_str().into(), sha256, may, expiry })
}

fn limits(raw: &Raw, source: &Source) -> Result<Limits, ConfigError> {
    let mut limits = Limits::default();
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

fn list_place(raw: &Raw) -> super::raw::At {
    let first = raw.listen.iter().flatten().next();
    first.map_or(super::raw::At::File(0..0), |entry: &Located<String>| entry.at.clone())
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().map(|char| char.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks(2).map(|pair| Some(pair[0] << 4 | pair.get(1)?)).collect::<Option<_>>()?;
    bytes.try_into().ok()
}

/// A date is its beginning in UTC; a time must say its offset.
fn instant(expiry: &Located<Datetime>, source: &Source) -> Result<SystemTime, ConfigError> {
    let wrong = || {
        let hint = "write 2027-01-31 or 2027-01-31T12:00:00Z".to_owned();
        source.error(&expiry.at, "not a moment", Some(hint))
    };
    let date = expiry.value.date.ok_or_else(wrong)?;
    let (seconds, offset) = match (expiry.value.time, expiry.value.offset) {
        (None, None) => (0, 0),
        (Some(time), Some(offset)) => {
            let minutes = match offset {
                Offset::Z => 0,
                Offset::Custom { minutes } => i64::from(minutes),
            };
            let seconds = time.second.unwrap_or(0);
            (i64::from(time.hour) * 3_600 + i64::from(time.minute) * 60 + i64::from(seconds), minutes * 60)
        }
        _ => return Err(wrong()),
    };
    let days = days_from_civil(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let seconds = u64::try_from(days * 86_400 + seconds - offset).map_err(|_| wrong())?;
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Days since 1970-01-01 in the Gregorian calendar; March begins the year, so that the leap day ends it.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}
