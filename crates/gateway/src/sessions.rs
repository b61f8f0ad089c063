//! The sessions of a gateway: who began each, which carriers may join it, and which end first when memory runs short.
//!
//! A HELLO without the right secret changes nothing. Secrets are kept as hashes and compared in constant time.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pageport_link::{Arrival, Budget, Carrier, Level, Session, SessionState, receive_hello};
use pageport_proto::claim::Subject;
use pageport_proto::head::Claim;
use pageport_proto::hello::{Nonce, Secret, SessionId, Welcome};
use pageport_proto::session::Settings;
use pageport_proto::{Code, Limits, Role};
use subtle::ConstantTimeEq;

use crate::config;
use crate::egress::{Party, Seeker, Via};
use crate::front::admission::{Applicant, Caller};
use crate::front::credential::sha256;
use crate::lifetime::Slots;
use crate::metrics::{Metrics, Undelivered};
use crate::names::{Claims, Proven};
use crate::requests::{self, Datagrams, Startable};
use crate::shared::Shared;
use crate::usage::{Seat, Usage};

/// All sessions, by id.
#[derive(Default)]
pub(crate) struct Sessions {
    by_id: Mutex<HashMap<SessionId, Arc<Entry>>>,
}

/// A session and what proves that a carrier belongs to it.
pub(crate) struct Entry {
    pub(crate) id: SessionId,
    pub(crate) session: Session,
    /// Who began it; nobody else may attach.
    pub(crate) caller: Caller,
    /// What its credential uses, in this session and in others.
    pub(crate) usage: Arc<Usage>,
    /// How many listeners it has.
    pub(crate) listeners: Slots,
    /// How many connections it has to servers and other pages, and how many measurements.
    pub(crate) connects: Slots,
    pub(crate) measures: Slots,
    /// Its connections on which TLS may begin.
    pub(crate) startable: Startable,
    /// Its connections by UDP.
    pub(crate) datagrams: Datagrams,
    /// How many datagrams its queues had lost when somebody counted last.
    datagrams_lost: AtomicU64,
    pub(crate) claims: Claims,
    secret_hash: [u8; 32],
    /// What its first WELCOME said; a reload changes later sessions only.
    announced: Limits,
    lease: Duration,
}

impl Entry {
    /// Verifies that a name or port is a key's, by a claim that this session may make, once. What may be listened to is another
    /// question.
    ///
    /// # Errors
    /// [`Code::ERR_CLAIM_INVALID`], [`Code::ERR_CLAIM_STALE`].
    pub(crate) fn verify(&self, shared: &Shared, claim: &Claim, subject: &Subject) -> Result<Proven, Code> {
        let limit = shared.policy.load().limits.claims_per_attach;
        self.claims.accept(&self.id, claim, subject, limit)
    }

    /// A place for one more listener among those of its credential.
    ///
    /// # Errors
    /// [`Code::ERR_LISTEN_FORBIDDEN`]
    pub(crate) fn seat(&self) -> Result<Seat, Code> {
        self.usage.seat(&self.caller)
    }

    /// Counts a visitor against its credential.
    ///
    /// # Errors
    /// [`Code::ERR_RATE_LIMIT`]
    pub(crate) fn visit(&self) -> Result<(), Code> {
        self.usage.visit(&self.caller)
    }

    /// Who it is, as far as rules know callers.
    pub(crate) fn party(&self) -> Party {
        Party {
            origin: self.caller.origin().cloned(),
            token: self.caller.credential_name().map(Into::into),
            keys: self.claims.keys(),
            alias: None,
        }
    }

    /// The same, and how logs call it.
    pub(crate) fn seeker(&self) -> Seeker {
        let via = Via::Session(self.id.clone());
        Seeker { via, label: self.caller.label().into(), party: self.party() }
    }

    /// Counts what the session's own queues of datagrams have dropped since the last time.
    pub(crate) fn tell_datagrams(&self, metrics: &Metrics) {
        let lost = self.session.stats().datagrams_dropped;
        let told = self.datagrams_lost.fetch_max(lost, Ordering::Relaxed);
        metrics.undelivered(Undelivered::Queue, lost.saturating_sub(told));
    }

    fn parked_since(&self) -> Option<Instant> {
        match self.session.state() {
            SessionState::Parked { since } => Some(since),
            _ => None,
        }
    }
}

/// Waits for a carrier's HELLO and lets it into its session, or says why not.
///
/// `origin` is the gateway's own, as the carrier's page knows it.
pub(crate) async fn arrive(
    shared: &Arc<Shared>,
    peer: SocketAddr,
    carrier: Carrier,
    applicant: Applicant,
    origin: Box<str>,
) {
    let kind = carrier.kind();
    let timeout = shared.policy.load().limits.hello_timeout;
    let arrival = match receive_hello(carrier, timeout).await {
        Ok(arrival) => arrival,
        Err(error) => {
            tracing::debug!(%error, %peer, "no HELLO");
            return;
        }
    };
    let proven = applicant.prove(arrival.hello.credential.as_deref(), shared);
    let admitted = match proven {
        Ok(caller) => admit(shared, &arrival, caller),
        Err(code) => Err(code),
    };
    match admitted {
        Ok((entry, welcome)) => {
            let n = arrival.hello.n;
            match entry.session.attach(arrival, &welcome) {
                Ok(carried) => {
                    // WELCOME leaves only when this is awaited.
                    entry.claims.welcomed(n, &welcome.nonce, &origin);
                    shared.metrics.attached(kind);
                    carried.await;
                }
                Err(code) => shared.metrics.refused(code),
            }
        }
        Err(code) => {
            shared.metrics.refused(code);
            tracing::debug!(%code, %peer, "attach refused");
            arrival.refuse(code, "").await;
        }
    }
}

/// Finds or begins the session of a HELLO.
fn admit(shared: &Arc<Shared>, arrival: &Arrival, caller: Caller) -> Result<(Arc<Entry>, Welcome), Code> {
    let hello = &arrival.hello;
    let (entry, secret) = match &hello.session {
        Some((id, secret)) => (shared.sessions.find(id, secret, &caller)?, None),
        None => {
            let (entry, secret) = begin(shared, caller)?;
            (entry, Some(secret))
        }
    };
    let welcome = Welcome {
        session: entry.id.clone(),
        secret,
        nonce: Nonce::new(random()?),
        lease: entry.lease.as_secs(),
        limits: entry.announced,
        features: Vec::new(),
    };
    Ok((entry, welcome))
}

fn begin(shared: &Arc<Shared>, caller: Caller) -> Result<(Arc<Entry>, Secret), Code> {
    if shared.lifetime.is_draining() {
        return Err(Code::ERR_GOING_AWAY);
    }
    if shared.budget.level() >= Level::Full {
        return Err(Code::ERR_OVERLOADED);
    }
    let policy = shared.policy.load();
    let secret = random()?;
    let settings = settings(&policy.limits);
    let (announced, lease) = (settings.limits, settings.lease);
    let entry = Arc::new(Entry {
        id: SessionId::new(random()?),
        session: Session::new_gateway(settings, shared.budget.clone()),
        usage: shared.usages.of(&caller),
        caller,
        listeners: Slots::default(),
        connects: Slots::default(),
        measures: Slots::default(),
        startable: Startable::default(),
        datagrams: Datagrams::default(),
        datagrams_lost: AtomicU64::new(0),
        claims: Claims::default(),
        secret_hash: sha256(&secret),
        announced,
        lease,
    });
    shared.sessions.insert(&entry, policy.limits.sessions)?;
    shared.metrics.sessions.increment(1);
    tracing::info!(session = %entry.id, caller = entry.caller.label(), "session");
    shared.lifetime.spawn(run(Arc::clone(shared), Arc::clone(&entry)));
    Ok((entry, Secret::new(secret)))
}

/// Serves what the page asks for until the session ends.
async fn run(shared: Arc<Shared>, entry: Arc<Entry>) {
    while let Some(stream) = entry.session.accept().await {
        shared.lifetime.spawn(requests::serve(Arc::clone(&shared), Arc::clone(&entry), stream));
    }
    let code = entry.session.closed().await;
    shared.sessions.lock().remove(&entry.id);
    shared.listeners.forget(&entry);
    entry.tell_datagrams(&shared.metrics);
    shared.metrics.session_ended(code);
    tracing::info!(session = %entry.id, %code, "session ended");
}

impl Sessions {
    /// Every session.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.lock().values().cloned().collect()
    }

    /// Makes room: parked sessions end from 85 % on, the one that is away longest first. At 95 % a session that holds more than its
    /// share ends by itself, whoever it is; this is to keep it from coming to that.
    pub(crate) fn relieve(&self, budget: &Budget) {
        let all = self.all();
        let mut parked: Vec<_> =
            all.iter().filter_map(|entry| Some((entry.parked_since()?, entry))).collect();
        parked.sort_unstable_by_key(|(since, _)| *since);
        for (_, entry) in parked {
            if budget.level() < Level::Shedding {
                return;
            }
            tracing::warn!(session = %entry.id, used = budget.used(), "memory is short: ending a parked session");
            entry.session.close(Code::ERR_OVERLOADED, "");
        }
    }

    /// The session that a HELLO names. The answer to a wrong secret says nothing that the id alone would not.
    fn find(&self, id: &SessionId, secret: &Secret, caller: &Caller) -> Result<Arc<Entry>, Code> {
        let entry = self.lock().get(id).cloned().ok_or(Code::ERR_SESSION_LOST)?;
        if !bool::from(entry.secret_hash.ct_eq(&sha256(secret.as_bytes()))) {
            return Err(Code::ERR_ATTACH_FORBIDDEN);
        }
        if entry.caller == *caller { Ok(entry) } else { Err(Code::ERR_ATTACH_ORIGIN) }
    }

    /// Ends a session as CLOSE from its page would, if secret and origin are the session's.
    pub(crate) fn close(&self, id: &SessionId, secret: &Secret, applicant: &Applicant) {
        let entry = self.lock().get(id).cloned();
        let hash = sha256(secret.as_bytes());
        // A session that is not there takes as long as a wrong secret.
        let known = entry.as_ref().map_or([0; 32], |entry| entry.secret_hash);
        let proven = bool::from(known.ct_eq(&hash));
        if let Some(entry) = entry.filter(|entry| proven && applicant.is_of_origin_of(&entry.caller)) {
            entry.session.close(Code::NO_ERROR, "");
        }
    }

    fn insert(&self, entry: &Arc<Entry>, limit: u64) -> Result<(), Code> {
        let mut by_id = self.lock();
        if u64::try_from(by_id.len()).is_ok_and(|count| count >= limit) {
            return Err(Code::ERR_SESSION_LIMIT);
        }
        by_id.insert(entry.id.clone(), Arc::clone(entry));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Entry>>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn settings(limits: &config::Limits) -> Settings {
    Settings {
        limits: Limits {
            streams: limits.streams_per_session,
            initial: limits.initial_window,
            unreceived: limits.session_unreceived,
        },
        receive: limits.session_receive,
        window_max: limits.window_max,
        lease: limits.lease,
        ..Settings::new(Role::Gateway)
    }
}

fn random<const N: usize>() -> Result<[u8; N], Code> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Code::ERR_INTERNAL)?;
    Ok(bytes)
}
