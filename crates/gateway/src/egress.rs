//! Where callers may be connected to through this gateway: exact targets, each with its reasons to be there. Nothing else exists, and what is
//! allowed is decided before any name is looked up.
//!
//! | module | what |
//! |---|---|
//! | `resolve` | from a target to addresses that may be connected to |
//! | `lookup` | from a name to its addresses |
//! | `nearby` | addresses that names never mean in good faith |
//! | `own` | where the gateway itself is |
//! | `race` | from these to a connection |

mod lookup;
mod nearby;
mod own;
mod race;
mod resolve;

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pageport_link::{LinkError, Trust};
use pageport_proto::target::{Endpoint, SocketUrl};
use rustls::ClientConfig;

use crate::front::admission::Caller;
use crate::front::origin::Origin;

pub(crate) use own::Own;
pub(crate) use race::connect;
pub(crate) use resolve::Finder;

/// All targets that may be connected to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress(pub Vec<Rule>);

/// One target, and who may be connected to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Host and port, exactly.
    pub to: Endpoint,
    /// Whether by `wss`, or by `ws`.
    pub secure: bool,
    /// For whom.
    pub who: Who,
    /// Who vouches for the target, besides those whom the system trusts.
    pub authority: Authority,
}

/// Whom a target is for. With both lists, whoever is in one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// Pages of these origins.
    pub origins: Option<HashSet<Origin>>,
    /// Bearers of these tokens, or of tokens of these issuers.
    pub tokens: Option<HashSet<Box<str>>>,
}

/// Certificates to trust. The system's are read when they are first needed.
#[derive(Clone, Default)]
pub struct Authority {
    /// The file (PEM) that names more of them.
    pub file: Option<PathBuf>,
    trust: Arc<Mutex<Trust>>,
}

impl Egress {
    /// The rule that lets this caller be connected there; the first of several.
    pub(crate) fn allow(&self, url: &SocketUrl, caller: &Caller) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.to == url.endpoint && rule.secure == url.secure && rule.who.is(caller))
    }
}

impl Who {
    fn is(&self, caller: &Caller) -> bool {
        let of_origin =
            |origins: &HashSet<Origin>| caller.origin().is_some_and(|origin| origins.contains(origin));
        let with_token =
            |tokens: &HashSet<Box<str>>| caller.credential_name().is_some_and(|name| tokens.contains(name));
        match (&self.origins, &self.tokens) {
            (None, None) => true,
            (origins, tokens) => {
                origins.as_ref().is_some_and(of_origin) || tokens.as_ref().is_some_and(with_token)
            }
        }
    }
}

impl Authority {
    /// What the system trusts, and the certificates of this file.
    ///
    /// # Errors
    /// [`LinkError::Certificate`] when there is none in it.
    pub fn new(file: PathBuf, pem: &[u8]) -> Result<Authority, LinkError> {
        let mut trust = Trust::default();
        trust.add(pem)?;
        Ok(Authority { file: Some(file), trust: Arc::new(Mutex::new(trust)) })
    }

    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, LinkError> {
        self.trust.lock().unwrap_or_else(PoisonError::into_inner).config()
    }
}

impl PartialEq for Authority {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file
    }
}

impl Eq for Authority {}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authority").field(&self.file).finish()
    }
}

impl fmt::Display for Rule {
    /// As a URL: `ws://host:port`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "wss" } else { "ws" }, self.to)
    }
}
