//! Connections that are open: who, where, how much, and when they are over. Each is one line in the log at its end, for audits: never what was said
//! on it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pageport_link::relay::{Broken, Moved};
use pageport_proto::Code;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::judge::Wanted;
use super::{Bounds, Seeker, Via};
use crate::config::Policy;
use crate::lifetime::Slot;
use crate::metrics::Metrics;
use crate::shared::Shared;

/// How a connection ends on which no byte of the caller's was let flow: a handshake that failed, or took too long.
const UNFINISHED: &str = "unfinished";

/// All that are open.
#[derive(Default)]
pub(crate) struct Flows {
    open: Mutex<HashMap<u64, Arc<Flow>>>,
    last: AtomicU64,
}

/// A connection to a target.
pub(crate) struct Flow {
    seeker: Seeker,
    wanted: Wanted,
    address: SocketAddr,
    bounds: Bounds,
    started: Instant,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// Milliseconds from its start to when something moved last.
    moved: AtomicU64,
    /// No rule allows it any more.
    forbidden: CancellationToken,
}

/// Who is connected, and where.
pub(crate) struct Route {
    pub(crate) seeker: Seeker,
    pub(crate) wanted: Wanted,
    pub(crate) address: SocketAddr,
}

/// A flow for as long as it is open. Its end is noted when this is dropped.
pub(crate) struct Begun {
    flow: Arc<Flow>,
    number: u64,
    shared: Arc<Shared>,
    /// `None`: it was dropped before anybody could say why.
    end: Option<&'static str>,
    /// Its places among those of its session and of its rule.
    _slots: [Slot; 2],
}

impl Flows {
    /// Judges each again, after a reload: what is not allowed any more is over.
    pub(crate) fn judge(&self, shared: &Shared, policy: &Policy) {
        let open: Vec<_> = self.lock().values().cloned().collect();
        for flow in open {
            flow.judge(shared, policy);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Flow>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flow {
    /// Waits until it is over, and says why.
    pub(crate) async fn over(&self) -> Code {
        let Bounds { idle, lifetime, .. } = self.bounds;
        if idle.is_none() && lifetime.is_none() {
            self.forbidden.cancelled().await;
            return Code::ERR_TARGET_FORBIDDEN;
        }
        // Timers are large, and most flows have none.
        Box::pin(async {
            tokio::select! {
                () = self.forbidden.cancelled() => Code::ERR_TARGET_FORBIDDEN,
                () = self.still_for(idle) => Code::ERR_TARGET_IDLE,
                () = self.older_than(lifetime) => Code::ERR_TARGET_LIFETIME,
            }
        })
        .await
    }

    /// Something moved: for this connection, and for the gateway.
    pub(crate) fn count(&self, metrics: &Metrics, moved: Moved) {
        let (counter, total, bytes) = match moved {
            Moved::In(bytes) => (&self.bytes_in, &metrics.connect_in, bytes),
            Moved::Out(bytes) => (&self.bytes_out, &metrics.connect_out, bytes),
        };
        counter.fetch_add(bytes, Ordering::Relaxed);
        total.increment(bytes);
        if self.bounds.idle.is_some() {
            self.moved.store(self.age(), Ordering::Relaxed);
        }
    }

    /// What it may move in a second.
    pub(crate) fn bytes_per_second(&self) -> Option<u64> {
        self.bounds.bytes_per_second
    }

    /// In milliseconds.
    fn age(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn still_for(&self, idle: Option<Duration>) {
        let Some(idle) = idle else { return std::future::pending().await };
        loop {
            let last = Duration::from_millis(self.moved.load(Ordering::Relaxed));
            let over = self.started + last + idle;
            if over <= Instant::now() {
                return;
            }
            sleep_until(over).await;
        }
    }

    async fn older_than(&self, lifetime: Option<Duration>) {
        match lifetime {
            Some(lifetime) => sleep_until(self.started + lifetime).await,
            None => std::future::pending().await,
        }
    }

    fn judge(&self, shared: &Shared, policy: &Policy) {
        let is_spoken = match self.seeker.via {
            Via::Dialect(name) => policy.dialects.names().any(|on| on == name),
            Via::Session(_) => true,
        };
        let Seeker { party, .. } = &self.seeker;
        if !is_spoken || !shared.finder.permits(&policy.egress, self.address.ip(), &self.wanted, party) {
            self.forbidden.cancel();
        }
    }
}

impl Begun {
    /// From now on it is open. What a reload has forbidden meanwhile is over at once.
    pub(crate) fn new(shared: &Arc<Shared>, route: Route, bounds: Bounds, slots: [Slot; 2]) -> Begun {
        let Route { seeker, wanted, address } = route;
        let flow = Arc::new(Flow {
            seeker,
            wanted,
            address,
            bounds,
            started: Instant::now(),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            forbidden: CancellationToken::new(),
        });
        let number = shared.flows.last.fetch_add(1, Ordering::Relaxed);
        shared.flows.lock().insert(number, Arc::clone(&flow));
        // In this order: a reload either finds it among the open ones, or has happened before this.
        flow.judge(shared, &shared.policy.load());
        Begun { flow, number, shared: Arc::clone(shared), end: Some(UNFINISHED), _slots: slots }
    }

    /// The flow.
    pub(crate) fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// Its bytes flow from now on.
    pub(crate) fn flows(&mut self) {
        self.end = None;
    }

    /// It has ended, in order or not.
    pub(crate) fn ended(&mut self, how: Result<(), Broken>) {
        let code = match how {
            Ok(()) => return self.end = Some("complete"),
            Err(Broken::Socket) => Code::ERR_TARGET_UNREACHABLE,
            Err(Broken::Stream) => Code::ERR_ABORTED,
            Err(Broken::Over(code)) => code,
        };
        self.failed(code);
    }

    /// It has ended for this reason.
    pub(crate) fn failed(&mut self, code: Code) {
        self.end = Some(code.name().unwrap_or("other"));
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.shared.flows.lock().remove(&self.number);
        let dropped =
            if self.shared.lifetime.is_draining() { Code::ERR_GOING_AWAY } else { Code::ERR_ABORTED };
        let end = self.end.or(dropped.name()).unwrap_or_default();
        let Flow { seeker, wanted, address, bytes_in, bytes_out, .. } = &*self.flow;
        tracing::info!(
            target: "audit",
            by = %seeker.via,
            who = &*seeker.label,
            to = %wanted,
            %address,
            bytes_in = bytes_in.load(Ordering::Relaxed),
            bytes_out = bytes_out.load(Ordering::Relaxed),
            ms = self.flow.age(),
            end,
            "flow"
        );
    }
}
