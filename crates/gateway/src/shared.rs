//! What all parts of one gateway share. A list of parts, each with its own rules; nothing is decided here.

use std::sync::Arc;

use arc_swap::ArcSwap;
use pageport_link::{Budget, SessionState};
use rustls::ServerConfig;

use crate::address::PublicAddress;
use crate::carriers::HttpCarriers;
use crate::config::Policy;
use crate::dialects::Pipes;
use crate::egress::{Finder, Flows, Quotas};
use crate::front::h2_windows::Windows;
use crate::front::webtransport::QuicDoor;
use crate::lan::{Door, Lan};
use crate::lifetime::{Lifetime, Slots};
use crate::listeners::Listeners;
use crate::metrics::{Metrics, Snapshot};
use crate::names::Names;
use crate::peers::Peers;
use crate::ports::Ports;
use crate::sessions::Sessions;
use crate::tls::{MadeCertificate, MakeError, Tls};
use crate::usage::Usages;

pub(crate) struct Shared {
    /// How the gateway is reached; fixed once the sockets are open.
    pub(crate) address: PublicAddress,
    /// How the door to the local network is reached; `None`: there is none.
    pub(crate) lan: Option<Lan>,
    /// Whether this is `dev`.
    pub(crate) dev: bool,
    /// What a reload replaces.
    pub(crate) policy: ArcSwap<Policy>,
    pub(crate) lifetime: Lifetime,
    pub(crate) connections: Slots,
    /// Connections to targets, for clients of the dialects.
    pub(crate) dialects: Slots,
    pub(crate) pipes: Pipes,
    pub(crate) budget: Budget,
    pub(crate) sessions: Sessions,
    pub(crate) http_carriers: HttpCarriers,
    pub(crate) listeners: Listeners,
    pub(crate) ports: Ports,
    pub(crate) names: Names,
    pub(crate) usages: Usages,
    pub(crate) peers: Peers,
    pub(crate) finder: Finder,
    pub(crate) flows: Flows,
    pub(crate) quotas: Quotas,
    pub(crate) metrics: Metrics,
    pub(crate) certificate: MadeCertificate,
    pub(crate) lan_certificate: MadeCertificate,
    pub(crate) h2_windows: Windows,
    /// `None`: it is not spoken.
    pub(crate) webtransport: Option<QuicDoor>,
}

impl Shared {
    /// What a new connection is shown; `None` without TLS.
    pub(crate) fn tls_config(
        &self,
        policy: &Policy,
        door: Door,
    ) -> Result<Option<Arc<ServerConfig>>, MakeError> {
        if let (Door::Lan, Some(lan)) = (door, &self.lan) {
            let ip = lan.address.base.trim_matches(['[', ']']).to_owned();
            return self.lan_certificate.config(&self.address.base, &[ip]).map(Some);
        }
        match &policy.tls {
            None => Ok(None),
            Some(Tls::Files(files)) => Ok(Some(files.config())),
            Some(Tls::Made { names }) => self.certificate.config(&self.address.base, names).map(Some),
        }
    }

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
            let stats = entry.session.stats();
            snapshot.streams += stats.streams as u64;
            if let Some(kind) = stats.carrier {
                *snapshot.carriers.entry(kind.name()).or_default() += 1;
            }
        }
        snapshot
    }
}
