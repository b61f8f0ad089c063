//! The effective configuration as a file, with the reason of every limit. Reading it back gives the same configuration.

use std::fmt::Write as _;
use std::time::SystemTime;

use super::limits::TABLE;
use super::{Admin, Config, Listen};
use crate::front::credential::Token;
use crate::front::origin::AllowedOrigins;

pub(crate) fn print(config: &Config) -> String {
    let mut out = String::new();
    let text = &mut out;
    let listen = match &config.listen {
        Listen::Loopback(port) => format!("127.0.0.1:{port}"),
        Listen::Addresses(list) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join("\", \""),
    };
    line(text, "# Where the front door listens. One loopback address stands for both, IPv4 and IPv6.");
    line(text, &format!("listen = [\"{listen}\"]"));
    line(text, "# Metrics and health. Keep it off the public network: it asks for no credential.");
    match config.admin {
        Admin::Address(address) => line(text, &format!("admin = \"{address}\"")),
        Admin::NextPort => line(text, "# admin: the port after the front door's"),
    }
    line(text, "# Listeners are {name}.{base}; the base itself is the gateway.");
    line(text, &format!("base = \"{}\"", config.base));
    line(text, "# How visitors reach the gateway, when something in front ends TLS or changes the port.");
    match config.public {
        Some(public) => {
            let scheme = if public.secure { "https" } else { "http" };
            line(text, &format!("url = \"{scheme}://{}:{}\"", config.base, public.port));
        }
        None => line(text, &format!("# url = \"https://{}\"", config.base)),
    }
    line(
        text,
        "# The directory for what lasts: which key has which name. Without it a restart forgets that.",
    );
    match &config.data {
        Some(data) => line(text, &format!("data = {}", toml::Value::from(data.display().to_string()))),
        None => line(text, "# data = \"/var/lib/pageport\""),
    }
    line(text, "\n[link]");
    line(
        text,
        "# Web origins whose pages may attach and listen, exactly as browsers write them. Empty: none.",
    );
    line(text, &format!("origins = [{}]", origins(&config.policy.origins)));
    line(text, "\n# Public ports for listeners. Without this section there are none.");
    match &config.tcp {
        Some(tcp) => {
            line(text, "[tcp]");
            line(text, &format!("bind = \"{}\"", tcp.bind));
            line(text, &format!("ports = \"{}-{}\"", tcp.ports.start(), tcp.ports.end()));
            line(text, "# What clients connect to.");
            line(text, &format!("host = \"{}\"", tcp.host));
        }
        None => line(text, "# [tcp]\n# bind = \"0.0.0.0\"\n# ports = \"20000-20999\""),
    }
    line(text, "\n[limits]");
    for limit in TABLE {
        line(text, &format!("# {} {}.", limit.reason, limit.format_range()));
        let value = limit.format(&config.policy.limits);
        let quote = if value.bytes().all(|byte| byte.is_ascii_digit()) { "" } else { "\"" };
        line(text, &format!("{} = {quote}{value}{quote}", limit.name));
    }
    line(text, "\n# Tokens for programs, which have no origin: only the SHA-256 of each stands here.");
    for token in &config.policy.tokens.0 {
        print_token(text, token);
    }
    out
}

fn print_token(text: &mut String, token: &Token) {
    let sha256 = token.sha256.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let may = [("listen", token.may.listen), ("connect", token.may.connect)];
    let may: Vec<_> = may.iter().filter(|known| known.1).map(|known| format!("\"{}\"", known.0)).collect();
    line(text, "\n[[token]]");
    line(text, &format!("name = \"{}\"", token.name));
    line(text, &format!("sha256 = \"{sha256}\""));
    line(text, &format!("may = [{}]", may.join(", ")));
    if let Some(expiry) = token.expiry {
        line(text, &format!("expiry = {}", moment(expiry)));
    }
}

fn origins(origins: &AllowedOrigins) -> String {
    match origins {
        AllowedOrigins::Loopback => String::new(),
        AllowedOrigins::Listed(list) => {
            let mut list: Vec<_> = list.iter().map(|origin| format!("\"{origin}\"")).collect();
            list.sort_unstable();
            list.join(", ")
        }
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// RFC 3339 in UTC; the inverse of how an expiry is read.
fn moment(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}
