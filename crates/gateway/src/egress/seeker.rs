//! Whoever asks to be connected, as rules know it and as logs call it.

use std::fmt;

use pageport_proto::hello::SessionId;

use super::Party;

/// Who asks.
pub(crate) struct Seeker {
    pub(crate) via: Via,
    /// An origin, or the name of a token; never the token.
    pub(crate) label: Box<str>,
    pub(crate) party: Party,
}

/// By which way.
pub(crate) enum Via {
    /// A stream of this session.
    Session(SessionId),
    /// A client of its own, which speaks this.
    Dialect(&'static str),
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Via::Session(session) => session.fmt(f),
            Via::Dialect(name) => f.write_str(name),
        }
    }
}
