//! What an operator allows and forbids. The same words stand in the file, in `config print` and in what `config explain` says.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pageport_proto::claim::Key;
use pageport_proto::target::{Endpoint, Protocol, Target};

use super::{Authority, Destination};
use crate::front::origin::Origin;

/// Something that may be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Where.
    pub to: Destination,
    /// What may be spoken there.
    pub spoken: Spoken,
    /// For whom.
    pub who: Who,
    /// How much.
    pub bounds: Bounds,
    /// Whether a connection by `tls` may begin in the clear (STARTTLS).
    pub starttls: bool,
    /// Who vouches for the target, besides those whom the system trusts.
    pub authority: Authority,
}

/// Something that may not be connected to, whatever is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deny {
    /// Where.
    pub to: Destination,
    /// What may not be spoken there.
    pub spoken: Spoken,
    /// For whom.
    pub who: Who,
}

/// What is spoken: at least one protocol, in a fixed order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spoken(Vec<Protocol>);

/// Whom a rule is for. With several lists, whoever is in one of them; without any, everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// Pages of these origins.
    pub origins: Option<HashSet<Origin>>,
    /// Bearers of these tokens, or of tokens of these issuers.
    pub tokens: Option<HashSet<Box<str>>>,
    /// Sessions that have proven one of these keys, as listeners do.
    pub keys: Option<HashSet<Key>>,
    /// Whoever comes by the public name of a target, and nobody else: then nothing else counts.
    pub alias: Option<Box<str>>,
}

/// How much a rule allows. What is absent is not limited by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at once, over all callers.
    pub connections: Option<u64>,
    /// Connections that begin in a second, and in one burst, over all callers.
    pub rate: Option<u64>,
    /// Bytes that each connection moves in a second, both ways together.
    pub bytes_per_second: Option<u64>,
    /// How long a connection stays on which nothing moves.
    pub idle: Option<Duration>,
    /// How long a connection stays at all.
    pub lifetime: Option<Duration>,
}

/// Who asks, as far as rules know callers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// Where its page came from; `None` for a program.
    pub origin: Option<Origin>,
    /// The name of its token, or of whoever issued it.
    pub token: Option<Box<str>>,
    /// What its session has proven.
    pub keys: Vec<Key>,
    /// The public name of the target that it asked for.
    pub alias: Option<Box<str>>,
}

impl Rule {
    /// Exactly this target, for everybody.
    #[must_use]
    pub fn exactly(target: Target) -> Rule {
        Rule {
            to: Destination::exactly(target.endpoint),
            spoken: Spoken(vec![target.protocol]),
            who: Who::default(),
            bounds: Bounds::default(),
            starttls: false,
            authority: Authority::default(),
        }
    }

    /// Whether this is meant for that protocol and party; `starttls`: for a connection that begins in the clear.
    pub(super) fn is_for(&self, protocol: Protocol, starttls: bool, party: &Party) -> bool {
        let later = starttls && self.starttls && self.spoken.has(Protocol::Tls);
        (self.spoken.has(protocol) || later) && self.who.is(party)
    }

    /// Tells rules apart, also those of an older configuration: what is counted for a rule goes on while its limits change.
    pub(super) fn identity(&self) -> Arc<str> {
        format!("{} {} {}", self.spoken, self.to, self.who).into()
    }
}

impl Deny {
    /// The same for what is forbidden: whoever may not speak TLS with a target may not begin it in the clear.
    pub(super) fn is_for(&self, protocol: Protocol, starttls: bool, party: &Party) -> bool {
        let later = starttls && self.spoken.has(Protocol::Tls);
        (self.spoken.has(protocol) || later) && self.who.is(party)
    }

    pub(super) fn names(&self, endpoint: &Endpoint) -> bool {
        self.to.names(endpoint)
    }
}

impl Spoken {
    /// These protocols; `None` without any.
    #[must_use]
    pub fn new(mut protocols: Vec<Protocol>) -> Option<Spoken> {
        protocols.sort_unstable();
        protocols.dedup();
        (!protocols.is_empty()).then_some(Spoken(protocols))
    }

    /// Every protocol.
    #[must_use]
    pub fn all() -> Spoken {
        Spoken(Protocol::ALL.to_vec())
    }

    /// Whether it is among them.
    #[must_use]
    pub fn has(&self, protocol: Protocol) -> bool {
        self.0.contains(&protocol)
    }

    /// In their order.
    pub fn iter(&self) -> impl Iterator<Item = Protocol> {
        self.0.iter().copied()
    }
}

impl Who {
    fn is(&self, party: &Party) -> bool {
        let Who { origins, tokens, keys, alias } = self;
        if alias.is_some() {
            return *alias == party.alias;
        }
        let everybody = origins.is_none() && tokens.is_none() && keys.is_none();
        let of_origin = || Some(origins.as_ref()?.contains(party.origin.as_ref()?));
        let with_token = || Some(tokens.as_ref()?.contains(party.token.as_ref()?));
        let with_key = || keys.as_ref().map(|keys| party.keys.iter().any(|key| keys.contains(key)));
        everybody || [of_origin(), with_token(), with_key()].contains(&Some(true))
    }

    /// Its lists, each with its words in order.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (&'static str, Vec<String>)> {
        let Who { origins, tokens, keys, alias } = self;
        let alias = alias.as_ref().map(|name| vec![name.to_string()]);
        let origins = origins.as_ref().map(|list| list.iter().map(ToString::to_string).collect());
        let tokens = tokens.as_ref().map(|list| list.iter().map(ToString::to_string).collect());
        let keys = keys.as_ref().map(|list| list.iter().map(ToString::to_string).collect());
        let all: [(_, Option<Vec<String>>); 4] =
            [("origins", origins), ("tokens", tokens), ("keys", keys), ("alias", alias)];
        all.into_iter().filter_map(|(name, words)| {
            let mut words = words?;
            words.sort_unstable();
            Some((name, words))
        })
    }
}

impl fmt::Display for Rule {
    /// `tcp://host:port`, with a list of protocols where there are several.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.spoken, self.to)
    }
}

impl fmt::Display for Deny {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.spoken, self.to)
    }
}

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, protocol) in self.0.iter().enumerate() {
            write!(f, "{}{protocol}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lists = self.lists().peekable();
        if lists.peek().is_none() {
            return f.write_str("everybody");
        }
        for (at, (name, words)) in lists.enumerate() {
            write!(f, "{}{name} {}", if at == 0 { "" } else { "; " }, words.join(", "))?;
        }
        Ok(())
    }
}
