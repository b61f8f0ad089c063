//! The effective configuration as a file, with the reason of every limit. Reading it back gives the same configuration.

use std::path::Path;

use super::allow;
use super::credentials;
use super::dialects;
use super::limits::TABLE;
use super::websockify;
use super::wisp;
use super::{Admin, Config, Listen};
use crate::front::origin::AllowedOrigins;
use crate::tls::Tls;

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
    line(text, "# Where the names of targets (`[[allow]]`) are looked up. Empty: where the system does.");
    let dns: Vec<_> = config.policy.dns.iter().map(|server| format!("\"{server}\"")).collect();
    line(text, &format!("dns = [{}]", dns.join(", ")));
    line(
        text,
        "\n# Without a certificate the front door speaks plain HTTP: for loopback, or behind something that ends TLS.",
    );
    match &config.policy.tls {
        Some(Tls::Files(files)) => {
            line(text, "[tls]");
            line(text, &format!("cert = {}", path(&files.cert)));
            line(text, &format!("key = {}", path(&files.key)));
        }
        Some(Tls::Made { .. }) => line(text, "[tls]\ndev = true"),
        None => line(text, "# [tls]\n# cert = \"/etc/pageport/cert.pem\"\n# key = \"/etc/pageport/key.pem\""),
    }
    line(
        text,
        "\n# WebTransport at the UDP port of the same number, wherever there is a certificate.\n[webtransport]",
    );
    line(text, &format!("enabled = {}", config.webtransport));
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
    dialects::print(text, config.policy.dialects);
    websockify::print(text, &config.policy.websockify);
    wisp::print(text, &config.policy.wisp);
    line(text, "\n[limits]");
    for limit in TABLE {
        line(text, &format!("# {} {}.", limit.reason, limit.format_range()));
        let value = limit.format(&config.policy.limits);
        let quote = if value.bytes().all(|byte| byte.is_ascii_digit()) { "" } else { "\"" };
        line(text, &format!("{} = {quote}{value}{quote}", limit.name));
    }
    credentials::print(text, &config.policy.tokens, &config.policy.issuers);
    allow::print(text, &config.policy.egress);
    out
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

/// In TOML's own quotes.
fn path(path: &Path) -> String {
    toml::Value::from(path.display().to_string()).to_string()
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
