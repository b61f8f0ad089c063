//! What all parts of one gateway share. A list of parts, each with its own rules; nothing is decided here.

use arc_swap::ArcSwap;
use pageport_link::{Budget, SessionState};

use crate::address::PublicAddress;
use crate::config::Policy;
use crate::lifetime::{Lifetime, Slots};
use crate::listeners::Listeners;
use crate::metrics::{Metrics, Snapshot};
use crate::names::Names;
use crate::peers::Peers;
use crate::ports::Ports;
use crate::sessions::Sessions;
use crate::usage::Usages;

pub(crate) struct Shared {
    /// How the gateway is reached; fixed once the sockets are open.
    pub(crate) address: PublicAddress,
    /// Whether this is `dev`.
    pub(crate) dev: bool,
    /// What a reload replaces.
    pub(crate) policy: ArcSwap<Policy>,
    pub(crate) lifetime: Lifetime,
    pub(crate) connections: Slots,
    pub(crate) budget: Budget,
    pub(crate) sessions: Sessions,
    pub(crate) listeners: Listeners,
    pub(crate) ports: Ports,
    pub(crate) names: Names,
    pub(crate) usages: Usages,
    pub(crate) peers: Peers,
    pub(crate) metrics: Metrics,
}

impl Shared {
    /// What metrics read off now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            connections: self.connections.open(),
            listeners: self.listeners.count() + self.ports.count(),
            memory: self.budget.used(),
            memory_limit: self.budget.limit(),
            ..Snapshot::default()
        };
        for entry in self.sessions.all() {
            match entry.session.state() {
                SessionState::Attached => snapshot.sessions_attached += 1,
                SessionState::Parked { .. } => snapshot.sessions_parked += 1,
                SessionState::Connecting | SessionState::Closed(_) => {}
            }
            snapshot.streams += entry.session.stats().streams as u64;
        }
        snapshot
    }
}
