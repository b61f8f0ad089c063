//! A gateway from its sockets to its end: bind, run, drain. The only public way in; tests and other programs use it on port 0.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use pageport_link::{Budget, SessionState};
use pageport_proto::Code;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout, timeout_at};

use crate::address::PublicAddress;
use crate::admin::Admin;
use crate::bind::{self, BindError, Doors};
use crate::carriers::HttpCarriers;
use crate::config::{Config, Policy, Tcp};
use crate::dialects::Pipes;
use crate::egress::{Finder, Flows, Own, Quotas};
use crate::front::webtransport::{self, DoorError, QuicDoor};
use crate::front::{accept, connection, h2_windows::Windows};
use crate::lan::{Door, Lan};
use crate::lifetime::{Lifetime, Slots};
use crate::listeners::Listeners;
use crate::metrics::Metrics;
use crate::names::{DataError, Names};
use crate::peers::Peers;
use crate::ports::Ports;
use crate::sessions::Sessions;
use crate::shared::Shared;
use crate::tls::{MadeCertificate, MakeError};
use crate::usage::Usages;

/// When a page should come again after GOAWAY, in seconds: spread, so that a restarted gateway is not run over.
const RETRY_AFTER: std::ops::RangeInclusive<u32> = 1..=10;
/// Between two attempts to make room, when there was not enough to end.
const PAUSE: Duration = Duration::from_millis(20);
/// Between two notes of which names are in use.
const TOUCH: Duration = Duration::from_secs(3_600);
/// For the last bytes of each connection to leave.
const FAREWELL: Duration = Duration::from_millis(500);

/// A gateway; see [`Gateway::bind`].
#[derive(Debug)]
pub struct Gateway;

/// A gateway whose sockets are open and that serves nobody yet.
pub struct Bound {
    shared: Arc<Shared>,
    front: Vec<TcpListener>,
    second: Option<TcpListener>,
    admin: TcpListener,
    addresses: Vec<SocketAddr>,
    admin_address: SocketAddr,
}

/// Changes a gateway while it runs.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The directory for what lasts cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The system gives no randomness.
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
    /// No certificate can be made for these names.
    #[error(transparent)]
    Certificate(#[from] MakeError),
    /// QUIC cannot be spoken.
    #[error(transparent)]
    Quic(#[from] DoorError),
}

impl GatewayError {
    /// The code of this error.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            GatewayError::Bind(error) => error.code(),
            GatewayError::Data(error) => error.code(),
            GatewayError::Random(_) => Code::ERR_INTERNAL,
            GatewayError::Certificate(_) | GatewayError::Quic(_) => Code::ERR_TLS_INVALID,
        }
    }
}

impl Gateway {
    /// Opens the sockets. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// See [`GatewayError`].
    pub fn bind(config: Config) -> Result<Bound, GatewayError> {
        let peers = Peers::new()?;
        let names = Names::open(config.data.as_deref())?;
        let Doors { front, second, udp } = bind::doors(&config.listen, config.lan, config.webtransport)?;
        let addresses = front.iter().map(local).collect::<Result<Vec<_>, _>>()?;
        let port = addresses.first().map_or(0, SocketAddr::port);
        let lan_address = second.as_ref().map(local).transpose()?;
        let admin = bind::admin(config.admin, port)?;
        let admin_address = local(&admin)?;
        let secure = config.policy.tls.is_some();
        let public = config.public.map_or((secure, port), |public| (public.secure, public.port));
        let webtransport =
            config.webtransport.then(|| QuicDoor::open(udp, &config.policy, &config.base)).transpose()?;
        let address = PublicAddress { secure: public.0, base: config.base, port: public.1 };
        let listening = addresses.iter().copied().chain(lan_address).chain([admin_address]);
        let own = Own::new(listening, config.tcp.clone()).called([address.clone()]);
        let shared = Arc::new(Shared {
            address,
            lan: lan_address.map(Lan::new).transpose()?,
            dev: config.dev,
            budget: Budget::new(config.policy.limits.memory),
            policy: ArcSwap::from_pointee(config.policy),
            lifetime: Lifetime::default(),
            connections: Slots::default(),
            dialects: Slots::default(),
            pipes: Pipes::default(),
            sessions: Sessions::default(),
            http_carriers: HttpCarriers::default(),
            listeners: Listeners::default(),
            ports: Ports::new(config.tcp),
            names,
            usages: Usages::default(),
            peers,
            finder: Finder::new(own),
            flows: Flows::default(),
            quotas: Quotas::default(),
            metrics: Metrics::new(),
            certificate: MadeCertificate::default(),
            lan_certificate: MadeCertificate::default(),
            h2_windows: Windows::default(),
            webtransport,
        });
        for door in [Door::Front, Door::Lan] {
            shared.tls_config(&shared.policy.load(), door)?;
        }
        Ok(Bound { shared, front, second, admin, addresses, admin_address })
    }
}

impl Bound {
    /// How pages and visitors reach it.
    #[must_use]
    pub fn public(&self) -> &PublicAddress {
        &self.shared.address
    }

    /// How machines of the local network reach it, by path only; `None`: they do not.
    #[must_use]
    pub fn lan(&self) -> Option<&PublicAddress> {
        self.shared.lan.as_ref().map(|lan| &lan.address)
    }

    /// What the front door listens on.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What the admin listener listens on.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// The public ports that listeners may have.
    #[must_use]
    pub fn ports(&self) -> Option<&Tcp> {
        self.shared.ports.allowed()
    }

    /// For changing it while it runs.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }

    /// Serves until `shutdown` resolves, then drains: no new connections, GOAWAY to every session, and at most `limits.drain` for
    /// what is open. When this returns nothing of the gateway is left.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Bound { shared, front, second, admin, .. } = self;
        let front = front.into_iter().map(|listener| (listener, Door::Front));
        for (listener, door) in front.chain(second.map(|listener| (listener, Door::Lan))) {
            let gateway = Arc::clone(&shared);
            let take = move |stream, peer| connection::take(&gateway, stream, peer, door);
            spawn_until_draining(&shared, accept::run(listener, take));
        }
        for endpoint in shared.webtransport.iter().flat_map(QuicDoor::endpoints) {
            spawn_until_draining(&shared, webtransport::run(Arc::clone(&shared), endpoint.clone()));
        }
        // Health is asked for until the very end.
        let door = Admin::new(Arc::clone(&shared));
        shared.lifetime.spawn(accept::run(admin, move |stream, _| door.serve(stream)));
        shared.lifetime.spawn(watch_memory(Arc::clone(&shared)));
        shared.lifetime.spawn(touch_names(Arc::clone(&shared)));
        shutdown.await;
        drain(&shared).await;
        shared.lifetime.end().await;
        if let Some(door) = &shared.webtransport {
            door.close().await;
        }
        shared.names.close().await;
    }
}

impl Handle {
    /// Ends whatever still runs where [`Gateway::run`] was dropped: connections that are open are reset. When this returns none is left.
    pub async fn end(&self) {
        self.shared.lifetime.end().await;
    }

    /// Replaces origins, tokens, rules, limits and certificate at once. What is open stays open, but for connections of callers that no rule allows any
    /// more; new connections and sessions see the new ones.
    pub fn reload(&self, policy: Policy) {
        if policy.limits.memory != self.shared.policy.load().limits.memory {
            tracing::warn!("limits.memory changes with the next start only");
        }
        if policy.tls.is_some() != self.shared.policy.load().tls.is_some() {
            tracing::warn!(
                "the gateway's own URLs change between http and https with the next start only, and until then QUIC keeps its certificate"
            );
        }
        self.shared.policy.store(Arc::new(policy));
        let policy = self.shared.policy.load();
        self.shared.flows.judge(&self.shared, &policy);
        self.shared.quotas.keep(&policy.egress);
        if let Some(Err(error)) =
            self.shared.webtransport.as_ref().map(|door| door.refresh(&self.shared.policy.load()))
        {
            tracing::error!(%error, "certificate for QUIC");
        }
    }
}

fn local(listener: &TcpListener) -> Result<SocketAddr, BindError> {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    listener.local_addr().map_err(|error| BindError { admin: false, address: unknown, error })
}

fn spawn_until_draining(shared: &Arc<Shared>, task: impl Future<Output = ()> + Send + 'static) {
    let owner = Arc::clone(shared);
    shared.lifetime.spawn(async move {
        tokio::select! {
            () = task => {}
            () = owner.lifetime.draining() => {}
        }
    });
}

/// Costs nothing until memory runs short.
async fn watch_memory(shared: Arc<Shared>) {
    loop {
        shared.budget.pressed().await;
        shared.sessions.relieve(&shared.budget);
        tokio::time::sleep(PAUSE).await;
    }
}

/// A name that somebody listens to is in use, however long ago it was claimed.
async fn touch_names(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(TOUCH).await;
        shared.names.touch(&shared.listeners.proven()).await;
    }
}

async fn drain(shared: &Shared) {
    let limit = shared.policy.load().limits.drain;
    shared.lifetime.drain();
    let sessions = shared.sessions.all();
    tracing::info!(sessions = sessions.len(), ?limit, "draining");
    for entry in &sessions {
        match entry.session.state() {
            // It cannot come back any more: nobody is let in while this drains.
            SessionState::Parked { .. } | SessionState::Connecting => {
                entry.session.close(Code::ERR_GOING_AWAY, "");
            }
            SessionState::Attached | SessionState::Closed(_) => {
                entry.session.go_away(limit, Code::ERR_GOING_AWAY, RETRY_AFTER);
            }
        }
    }
    let deadline = Instant::now() + limit + FAREWELL;
    for entry in &sessions {
        if timeout_at(deadline, entry.session.finished()).await.is_err() {
            tracing::warn!(session = %entry.id, "cut short");
        }
    }
    // Clients of the dialects are told when their time is over.
    if timeout_at(deadline, shared.dialects.all_free()).await.is_err() {
        tracing::warn!(connections = shared.dialects.open(), "cut short");
    }
    // Visitors' connections end with their streams.
    if timeout(FAREWELL, shared.connections.all_free()).await.is_err() {
        tracing::warn!(connections = shared.connections.open(), "cut short");
    }
}
