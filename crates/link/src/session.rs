//! Sessions: handles, states, and the way in for carriers and streams.
//!
//! | module | what |
//! |---|---|
//! | `shared` | the state machine behind its lock, and what follows from each call |
//! | `events` | what the state machine reports, and what becomes of it |
//! | `attempt` | a page's attempts to attach |
//! | `native` | native streams and datagrams of carriers |
//! | `streams` | what the handles of streams ask |
//! | `slot` | what is remembered of a stream while somebody holds it |
//! | `wakes` | who is woken after a call |
//! | `clock` | the one timer |

mod attempt;
mod clock;
mod events;
mod native;
mod shared;
mod slot;
mod streams;
mod wakes;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pageport_proto::hello::{Nonce, SessionId, Welcome};
use pageport_proto::session::Settings;
use pageport_proto::{Code, Role};
use serde::Serialize;

pub(crate) use shared::{Next, Shared};
pub(crate) use streams::Half;
pub(crate) use wakes::Wakes;

use crate::carrier::{Carried, CarrierKind, drive};
use crate::{Arrival, Budget, Level, OpenError, Stream};
use shared::Drain;

/// The durable relation over successive carriers (§1 of the protocol). Cheap to clone.
///
/// When the last clone and the last stream are dropped, the session is closed with code 0.
#[derive(Debug, Clone)]
pub struct Session(Arc<Handle>);

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// It has never been attached.
    Connecting,
    /// A carrier carries it.
    Attached,
    /// It waits for a carrier; streams keep what they have.
    Parked {
        /// Since when.
        since: Instant,
    },
    /// It has ended.
    Closed(Code),
}

/// Numbers of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Streams that exist now.
    pub streams: usize,
    /// Bytes held for the peer's sake, now.
    pub held: u64,
    /// Bytes of streams that left, repeats included.
    pub sent: u64,
    /// Bytes of streams that came, repeats not included.
    pub received: u64,
    /// How often a carrier took over.
    pub attaches: u64,
    /// Frames for streams that are forgotten or refused.
    pub ignored: u64,
    /// Datagrams that were dropped, in either direction: too many, too long, or nobody takes any.
    pub datagrams_dropped: u64,
    /// What carries the session now.
    pub carrier: Option<CarrierKind>,
    /// The smoothed round trip, zero before it was measured.
    pub rtt: Duration,
}

impl Session {
    /// The gateway's end of a new session; `settings.role` is set here. Starts the session's clock.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn new_gateway(settings: Settings, budget: Budget) -> Session {
        Session::start(Settings { role: Role::Gateway, ..settings }, budget)
    }

    pub(crate) fn new_page(settings: Settings) -> Session {
        Session::start(Settings { role: Role::Page, ..settings }, Budget::unlimited())
    }

    fn start(settings: Settings, budget: Budget) -> Session {
        let shared = Arc::new(Shared::new(settings, budget));
        tokio::spawn(clock::run(Arc::clone(&shared)));
        Session(Arc::new(Handle(shared)))
    }

    /// The gateway: lets a carrier in whose HELLO named this session, with the right secret. It becomes a candidate and is answered
    /// by `welcome`; it takes over once the page has resumed. It moves only while the result is awaited.
    ///
    /// # Errors
    /// [`Code::ERR_ATTACH_STALE`], [`Code::ERR_HELLO_INVALID`], [`Code::ERR_SESSION_LOST`]; the carrier has been answered then.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn attach(&self, arrival: Arrival, welcome: &Welcome) -> Result<Carried, Code> {
        let Arrival { carrier, hello } = arrival;
        let attached = self.shared().with(None, |state, now| {
            let id = state.add_carrier(carrier.kind());
            let attached = state.proto.attach(id, hello.n, hello.limits, welcome, now);
            state.tell_native(id, carrier.native());
            attached.map(|()| id).inspect_err(|_| state.drop_carrier(id))
        });
        match attached {
            Ok(id) => Ok(drive(Arc::clone(self.shared()), id, carrier)),
            Err(code) => {
                tokio::spawn(Arrival { carrier, hello }.refuse(code, ""));
                Err(code)
            }
        }
    }

    /// Opens a stream with this head, which becomes a JSON object.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, head: &impl Serialize) -> Result<Stream, OpenError> {
        let json = serde_json::to_vec(head).map_err(|_| OpenError::Head(Code::ERR_HEAD_INVALID))?;
        if self.shared().budget.level() >= Level::Full {
            return Err(OpenError::Overloaded);
        }
        let id = self.shared().with(None, |state, now| {
            let id = state.proto.open(&json, now)?;
            state.slots.entry(id).or_default();
            Ok::<_, OpenError>(id)
        })?;
        Ok(Stream::own(self.clone(), id))
    }

    /// The next stream that the peer opened and whose head is complete; `None` once the session has ended.
    ///
    /// Nothing is lost when the future is dropped. Several callers may wait.
    pub async fn accept(&self) -> Option<Stream> {
        let shared = self.shared();
        loop {
            let mut notified = std::pin::pin!(shared.accepted.notified());
            notified.as_mut().enable();
            let (next, closed) = shared.with(None, |state, _| {
                let next = state.take_waiting();
                state.unchanged = next.is_none();
                (next, state.closed())
            });
            match (next, closed) {
                (Some((id, head)), _) => return Some(Stream::incoming(self.clone(), id, head)),
                (None, Some(_)) => return None,
                (None, None) => notified.await,
            }
        }
    }

    /// A native program: the session's id, and the nonce of its newest WELCOME, which a claim must sign. `None` before the first one.
    #[must_use]
    pub fn claimant(&self) -> Option<(SessionId, Nonce)> {
        self.shared()
            .look(|state| state.proto.claimant().map(|(session, nonce)| (session.clone(), nonce.clone())))
    }

    /// Sends a message that may get lost, at most 1,200 bytes. 64 wait for a carrier; then the oldest is dropped. `flow` tells an
    /// application's purposes apart.
    pub fn send_datagram(&self, flow: u64, bytes: Bytes) {
        self.shared().send_datagram(flow, bytes);
    }

    /// The next message that the peer sent so, and its flow; `None` once the session has ended. From the first call on 64 of them are kept,
    /// the newest.
    pub async fn datagram(&self) -> Option<(u64, Bytes)> {
        self.shared().datagram().await
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> SessionState {
        self.shared().look(|state| match (state.closed(), state.attached, state.parked) {
            (Some(code), _, _) => SessionState::Closed(code),
            (None, true, _) => SessionState::Attached,
            (None, false, Some(since)) => SessionState::Parked { since },
            (None, false, None) => SessionState::Connecting,
        })
    }

    /// Waits until a carrier carries the session; false once it has ended.
    pub async fn attached(&self) -> bool {
        self.shared()
            .until(|state| match (state.closed(), state.attached) {
                (Some(_), _) => Some(false),
                (None, true) => Some(true),
                (None, false) => None,
            })
            .await
    }

    /// Waits until no carrier carries the session; false once it has ended.
    pub async fn parked(&self) -> bool {
        self.shared().needs_carrier().await
    }

    /// Waits until the session has ended, and says why.
    pub async fn closed(&self) -> Code {
        self.shared().until(shared::State::closed).await
    }

    /// Waits until the session has ended and its last carrier is gone, so that the peer has been told if it could be.
    pub async fn finished(&self) -> Code {
        self.shared().until(|state| state.closed().filter(|_| state.carriers.is_empty())).await
    }

    /// Ends the session and all its streams. `message` is for people, at most 512 bytes.
    pub fn close(&self, code: Code, message: &str) {
        self.shared().close(code, message);
    }

    /// Takes no new streams from now on, tells the peer so, and closes the session with `reason` when the last stream has ended,
    /// but not later than after `deadline`. `retry_after`: in how many seconds to come again.
    pub fn go_away(&self, deadline: Duration, reason: Code, retry_after: RangeInclusive<u32>) {
        let (min, max) = (*retry_after.start(), *retry_after.end());
        self.shared().with(None, |state, now| {
            state.proto.go_away(deadline, reason, min.into(), max.max(min).into());
            state.drain.get_or_insert(Drain { deadline: now + deadline, reason, told: false });
        });
    }

    /// Drops the carrier without a word to the peer, as a broken network would.
    pub fn abort_carrier(&self) {
        self.shared().with(None, |state, now| {
            let Some(active) = state.proto.active() else { return };
            state.proto.lost(active, now);
            state.carriers.iter_mut().filter(|line| line.id == active).for_each(|line| line.cut = true);
        });
    }

    /// Numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared().look(|state| {
            let stats = state.proto.stats();
            let active = state.proto.active().filter(|_| state.attached);
            Stats {
                streams: stats.streams,
                held: state.held(),
                sent: stats.sent,
                received: stats.received,
                attaches: stats.attaches,
                ignored: stats.ignored,
                datagrams_dropped: stats.datagrams_dropped,
                carrier: state.carriers.iter().find(|line| Some(line.id) == active).map(|line| line.kind),
                rtt: state.proto.rtt(),
            }
        })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }
}

impl Shared {
    pub(crate) fn is_attached(&self) -> bool {
        self.look(|state| state.attached)
    }

    /// The page: waits until the session needs a carrier; false once it has ended.
    pub(crate) async fn needs_carrier(&self) -> bool {
        self.until(|state| match (state.closed(), state.attached) {
            (Some(_), _) => Some(false),
            (None, true) => None,
            (None, false) => Some(true),
        })
        .await
    }

    /// Waits until the session has ended.
    pub(crate) async fn ended(&self) -> Code {
        self.until(shared::State::closed).await
    }

    /// Bytes of streams that moved so far.
    pub(crate) fn moved(&self) -> u64 {
        self.look(|state| state.proto.stats().sent + state.proto.stats().received)
    }

    pub(crate) fn close(&self, code: Code, message: &str) {
        self.with(None, |state, _| state.proto.close(code, message));
    }

    async fn until<R>(&self, answer: impl Fn(&shared::State) -> Option<R>) -> R {
        loop {
            let mut notified = std::pin::pin!(self.changed.notified());
            notified.as_mut().enable();
            if let Some(answer) = self.look(&answer) {
                return answer;
            }
            notified.await;
        }
    }
}

/// What the clones of a session and its streams share; closes the session when the last of them goes.
#[derive(Debug)]
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close(Code::NO_ERROR, "");
    }
}
