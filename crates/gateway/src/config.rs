//! The configuration: read as it is written ([`raw`]), overridden by the environment, checked once into types that cannot be
//! wrong. Only keys that do something exist; an unknown one is an error with file, line and column.

mod allow;
mod check;
mod credentials;
mod diagnostic;
mod dialects;
mod environment;
pub mod limits;
mod machine;
mod moment;
mod print;
mod raw;
mod secure;
mod tcp;
mod units;
mod websockify;
mod wisp;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

pub use credentials::LIFETIME_MAX;
pub use diagnostic::ConfigError;
pub use dialects::Dialects;
pub use limits::Limits;
pub use tcp::Tcp;
pub use units::Kind;
pub use websockify::{Websockify, WebsockifyFlags};
pub use wisp::Wisp;

use pageport_proto::claim::Key;

use crate::egress::Egress;
use crate::front::credential::Tokens;
use crate::front::jwt::Issuers;
use crate::front::origin::{AllowedOrigins, Origin};
use crate::tls::Tls;
use diagnostic::Source;
use raw::{At, Located, Raw};

/// The port of the front door unless another is asked for.
pub const PORT: u16 = 7070;

/// Everything that a gateway needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the front door listens.
    pub listen: Listen,
    /// Where the admin listener is.
    pub admin: Admin,
    /// The base domain: listeners are `{name}.{base}`. Lower case.
    pub base: Box<str>,
    /// How it is reached, when not by `http` on the port it listens on.
    pub public: Option<Public>,
    /// Ports that listeners may have; `None`: there are none.
    pub tcp: Option<Tcp>,
    /// The directory for what lasts: which key has which name. `None`: memory only.
    pub data: Option<Box<Path>>,
    /// Whether WebTransport is spoken, at the UDP port of the front door's number.
    pub webtransport: bool,
    /// Whether this is `pageport dev`: gallery, loopback only.
    pub dev: bool,
    /// In `dev`: an address of the local network where it can be reached as well, by TLS and at the front door's port.
    pub lan: Option<IpAddr>,
    /// What can change while the gateway runs.
    pub policy: Policy,
}

/// The part of a configuration that a reload replaces, as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Who may attach from a browser.
    pub origins: AllowedOrigins,
    /// Who may attach with a token.
    pub tokens: Tokens,
    /// Who may attach with a token that somebody else issued.
    pub issuers: Issuers,
    /// Where callers may be connected to.
    pub egress: Egress,
    /// The name servers that names of targets are looked up at; empty: the system's.
    pub dns: Vec<SocketAddr>,
    /// What clients may speak here that know nothing of pages.
    pub dialects: Dialects,
    /// Targets with a public name, and pages that use them.
    pub websockify: Websockify,
    /// What is particular to one of them.
    pub wisp: Wisp,
    /// What anything may cost.
    pub limits: Limits,
    /// The certificate of the front door; `None`: it speaks without TLS.
    pub tls: Option<Tls>,
}

/// Reads a duration as the configuration has it: `500ms`, `60s`, `5m`, `1h`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    Kind::Time.parse(text).ok().map(Duration::from_millis)
}

/// Reads a public key as `keys` of a rule has it: 32 bytes in base64url.
#[must_use]
pub fn parse_key(text: &str) -> Option<Key> {
    allow::key(text)
}

impl Policy {
    /// Whether some credential is for pages of this origin.
    pub(crate) fn credential_names(&self, origin: &Origin) -> bool {
        let tokens = self.tokens.0.iter().map(|token| &token.grants);
        let mut grants = tokens.chain(self.issuers.0.iter().map(|issuer| &issuer.bounds));
        grants.any(|grants| grants.origins.as_ref().is_some_and(|origins| origins.contains(origin)))
    }
}

/// Where the front door listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// Both loopback addresses at one port (0: a free one): browsers try either for `localhost`. Without IPv6, one.
    Loopback(u16),
    /// Exactly these.
    Addresses(Vec<SocketAddr>),
}

/// Where the admin listener is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admin {
    /// Exactly here.
    Address(SocketAddr),
    /// On loopback, at the port after the front door's, or a free one when that is taken.
    NextPort,
}

/// Scheme and port as visitors see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Public {
    /// Whether something in front ends TLS.
    pub secure: bool,
    /// The port that visitors use.
    pub port: u16,
}

impl Config {
    /// Reads a file, or no file, and the environment over it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        Config::load_with(file, environment, &WebsockifyFlags::default())
    }

    /// The same, with flags over both.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_with(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &WebsockifyFlags,
    ) -> Result<Config, ConfigError> {
        let Some(file) = file else { return Config::parse_with("", "", environment, flags) };
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError::unreadable(&name, &error))?;
        Config::parse_with(&name, &text, environment, flags)
    }

    /// Reads the text of a file, and the environment over it. `name` is for messages.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(
        name: &str,
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        Config::parse_with(name, text, environment, &WebsockifyFlags::default())
    }

    fn parse_with(
        name: &str,
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
        flags: &WebsockifyFlags,
    ) -> Result<Config, ConfigError> {
        let source = Source::new(name, text);
        let mut raw: Raw = toml::from_str(text).map_err(|error| source.parse_error(&error))?;
        environment::overlay(&mut raw, environment, &source)?;
        flags.overlay(&mut raw);
        check::check(&raw, false, &source)
    }

    /// The configuration of `pageport dev`: loopback, no file. The flags win over the environment.
    ///
    /// # Errors
    /// What is wrong with a flag or a variable.
    pub fn dev(
        listen: Option<&str>,
        admin: Option<&str>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        let source = Source::none();
        let mut raw = Raw::default();
        environment::overlay(&mut raw, environment, &source)?;
        let flag = |name, value: &str| Located { value: value.to_owned(), at: At::Flag(name) };
        if let Some(listen) = listen {
            let value = vec![flag("--listen", listen)];
            raw.listen = Some(Located { value, at: At::Flag("--listen") });
        }
        if let Some(admin) = admin {
            raw.admin = Some(flag("--admin", admin));
        }
        check::check(&raw, true, &source)
    }

    /// Lets every caller be connected to exactly this target, `tcp://host:port` or another protocol's, as the flag `--allow` says.
    ///
    /// # Errors
    /// When it is no target.
    pub fn allow(&mut self, target: &str) -> Result<(), ConfigError> {
        self.policy.egress.allow.push(allow::flag(target)?);
        Ok(())
    }

    /// Where callers may be connected to, a line for each rule, in the order in which they count.
    #[must_use]
    pub fn rules(&self) -> Vec<String> {
        allow::summary(&self.policy.egress)
    }

    /// The configuration as a file with its reasons; reading it back gives the same configuration.
    #[must_use]
    pub fn print(&self) -> String {
        print::print(self)
    }
}

impl Listen {
    /// The addresses to bind; the second of a pair takes the port that the first one got.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        match self {
            Listen::Loopback(port) => [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
                .map(|ip| (ip, *port).into())
                .to_vec(),
            Listen::Addresses(list) => list.clone(),
        }
    }
}
