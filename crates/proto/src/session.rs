//! The session (§§3–6): streams, credit, acknowledgement and attaching, for both roles, without I/O.
//!
//! The owner calls it and does what it says: bytes of carriers go in by [`Session::receive`] and come out by
//! [`Session::transmit`]; time goes in by arguments, and [`Session::timeout`] says when to call [`Session::tick`]; what
//! happened comes out by [`Session::event`], which must be drained after every call.
//!
//! Must never block, allocate by what a peer claims, or keep anything of a forgotten stream.
//!
//! | module | what |
//! |---|---|
//! | `stream` | one stream: its two halves, and when it may be forgotten |
//! | `send`, `receive` | the two halves (§3.2, §3.3) |
//! | `prefix` | collects a head or reply (§3.1) |
//! | `credit` | windows and the budget that pays for them (§4) |
//! | `acks` | when and what to acknowledge (§4) |
//! | `app` | what the application does with streams |
//! | `apply` | frames that arrive |
//! | `attach`, `resume` | carriers, take-over, snapshots (§5) |
//! | `transmit`, `message` | frames that leave |
//! | `native` | bytes beside the frames, on carriers with streams of their own (§9) |
//! | `timers` | silence, leases, sweeps |

mod acks;
mod app;
mod apply;
mod attach;
mod credit;
mod message;
mod native;
mod prefix;
mod receive;
mod resume;
mod send;
mod stream;
mod timers;
mod transmit;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

pub use app::{OpenError, Read, Unknown};
pub use message::Message;
pub use native::{NativeIn, NativeOut};
pub use timers::Timings;
pub use transmit::Transmit;

use crate::frame::{Farewell, GoAway};
use crate::hello::{Nonce, Secret, SessionId};
use crate::{Code, Limits, Role, StreamId, limits};
use acks::Acks;
use attach::Carrier;
use credit::Credit;
use stream::Stream;

/// Names a carrier for as long as it lives; later carriers have higher numbers.
pub type CarrierId = u64;

/// What does not change during a session.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which end this is.
    pub role: Role,
    /// What this side announces.
    pub limits: Limits,
    /// B: how many bytes windows may hold above I, over all streams. Default 8 MiB.
    pub receive: u64,
    /// The largest window of a stream. Default 4 MiB.
    pub window_max: u64,
    /// How long a parked session lives; the gateway's only. Default 150 s.
    pub lease: Duration,
    /// A stream gets a native stream, where the carrier has them, when more than so many bytes of it wait to leave: 16 KiB. Fewer
    /// are not worth it and go as DATA.
    pub native_from: u64,
    /// Timers.
    pub timings: Timings,
}

impl Settings {
    /// The defaults of the protocol.
    #[must_use]
    pub fn new(role: Role) -> Settings {
        Settings {
            role,
            limits: Limits::default(),
            receive: 8 << 20,
            window_max: limits::WINDOW_MAX,
            lease: Duration::from_secs(150),
            native_from: 16_384,
            timings: Timings::default(),
        }
    }
}

/// What happened, for the owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The peer opened a stream, and its head (a strict JSON object) is complete.
    Opened(StreamId, Bytes),
    /// The reply to an own stream is complete.
    Replied(StreamId, Bytes),
    /// The peer ended its direction of an own stream before its reply was complete, or the reply was refused; a code unless it
    /// ended with FIN.
    NoReply(StreamId, Option<Code>),
    /// A read that found nothing would find something now.
    Readable(StreamId),
    /// A write that was cut short could go on now.
    Writable(StreamId),
    /// The peer's direction ended early.
    Reset(StreamId, Code),
    /// The own direction ended early because the peer asked for it, or because the stream was lost.
    Stopped(StreamId, Code),
    /// A datagram waits in [`Session::take_datagram`].
    Datagram,
    /// Some stream wants a native stream; see [`Session::take_native`].
    NativeWanted,
    /// The native stream of this stream, which waited, has something to do.
    NativeOut(StreamId),
    /// What the native streams of this stream's bytes waited for may have come.
    NativeIn(StreamId),
    /// A carrier now carries the session.
    Attached(CarrierId),
    /// The session has lost this carrier, and has none any more; the page should attach anew.
    Detached(CarrierId, Code),
    /// An attempt to attach failed, the session itself did not.
    AttemptFailed(CarrierId, Code),
    /// The peer takes no new streams.
    GoingAway(GoAway),
    /// The session has ended, and all its streams with it.
    Closed(Farewell),
}

/// Counters for metrics and tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Streams that exist now.
    pub streams: usize,
    /// Bytes kept until the peer has received them.
    pub retained: u64,
    /// Bytes received and not yet read by the application.
    pub unread: u64,
    /// Bytes of streams that left, repeats included.
    pub sent: u64,
    /// Bytes of streams that came, repeats not included.
    pub received: u64,
    /// How often a carrier took over.
    pub attaches: u64,
    /// Frames for streams that are forgotten or refused.
    pub ignored: u64,
    /// Datagrams dropped because nobody took them in time.
    pub datagrams_dropped: u64,
}

/// A session; see the module.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    /// What the peer announced; none before the first WELCOME.
    peer: Option<Limits>,
    /// The page's proof that the session is its own.
    identity: Option<(SessionId, Secret)>,
    /// Of the newest WELCOME; what a page signs claims with.
    nonce: Option<Nonce>,

    /// Boxed: the leaves of a map are as large as eleven of its values, however few there are.
    streams: BTreeMap<StreamId, Box<Stream>>,
    next_id: StreamId,
    highest_peer: u64,
    own_open: u64,
    peer_open: u64,

    carriers: BTreeMap<CarrierId, Carrier>,
    active: Option<CarrierId>,
    /// The generation: last sent by the page, last seen by the gateway.
    n: u64,
    confirmed: bool,
    rtt: Duration,

    credit: Credit,
    acks: Acks,
    /// Streams with something to send, in turn.
    ready: VecDeque<StreamId>,
    /// Streams with a RESET or STOP to send.
    signals: VecDeque<StreamId>,
    /// Streams whose writer waits for room below S.
    starved: VecDeque<StreamId>,
    /// Streams that should have a native stream.
    native_wanted: VecDeque<StreamId>,
    /// Streams before whose bytes on a native stream something is missing.
    awaited: BTreeSet<StreamId>,
    datagrams_out: VecDeque<(u64, Bytes)>,
    datagrams_in: VecDeque<(u64, Bytes)>,

    goaway_sent: Option<GoAway>,
    goaway_due: bool,
    goaway_received: Option<GoAway>,

    parked_at: Option<Instant>,
    /// Whether the page said that it goes when its carrier ended.
    has_left: bool,
    born_at: Instant,
    /// When unknown frames were skipped, the last hundred times.
    skipped: VecDeque<Instant>,
    /// How much memory any slice of what comes just now keeps.
    arriving: usize,
    stats: Stats,
    /// Bytes of heads and replies that are not complete yet.
    prefixes: u64,
    events: VecDeque<Event>,
    closed: Option<Farewell>,
}

/// What a stream costs besides its bytes: its state, and its place in the map and in queues.
const STREAM_BYTES: usize = size_of::<Stream>() + 64;

impl Session {
    /// A session without streams and carriers.
    #[must_use]
    pub fn new(settings: Settings, now: Instant) -> Session {
        Session {
            credit: Credit::new(settings.receive, settings.limits.initial, settings.window_max),
            next_id: settings.role.first_id(),
            settings,
            peer: None,
            identity: None,
            nonce: None,
            streams: BTreeMap::new(),
            highest_peer: 0,
            own_open: 0,
            peer_open: 0,
            carriers: BTreeMap::new(),
            active: None,
            n: 0,
            confirmed: false,
            rtt: Duration::ZERO,
            acks: Acks::default(),
            ready: VecDeque::new(),
            signals: VecDeque::new(),
            starved: VecDeque::new(),
            native_wanted: VecDeque::new(),
            awaited: BTreeSet::new(),
            datagrams_out: VecDeque::new(),
            datagrams_in: VecDeque::new(),
            goaway_sent: None,
            goaway_due: false,
            goaway_received: None,
            parked_at: None,
            has_left: false,
            born_at: now,
            skipped: VecDeque::new(),
            arriving: 0,
            stats: Stats::default(),
            prefixes: 0,
            events: VecDeque::new(),
            closed: None,
        }
    }

    /// The next thing that happened.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Which carrier carries the session.
    #[must_use]
    pub fn active(&self) -> Option<CarrierId> {
        self.active
    }

    /// Why the session ended, if it has.
    #[must_use]
    pub fn closed(&self) -> Option<&Farewell> {
        self.closed.as_ref()
    }

    /// Since when the session has no carrier; `None` while it has one.
    #[must_use]
    pub fn parked_at(&self) -> Option<Instant> {
        self.parked_at
    }

    /// The smoothed round trip to the peer, zero before it was measured.
    #[must_use]
    pub fn rtt(&self) -> Duration {
        self.rtt
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { streams: self.streams.len(), ..self.stats }
    }

    /// How many bytes the session holds for its peer's sake: retained, unread, unfinished heads and RESUMEs, and the streams
    /// themselves, since a peer opens thousands of them with one frame.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let collecting: usize = self.carriers.values().map(Carrier::collecting).sum();
        let streams = self.streams.len() * STREAM_BYTES;
        self.stats.retained + self.stats.unread + self.prefixes + (collecting + streams) as u64
    }

    /// Whether windows may grow; the owner forbids it when the process runs short of memory.
    pub fn set_growth(&mut self, allowed: bool) {
        self.credit.allowed = allowed;
    }

    /// Ends the session: CLOSE leaves on every carrier, all streams fail.
    pub fn close(&mut self, code: Code, message: &str) {
        self.end(Farewell::new(code, message), true);
    }

    /// Announces that no new streams are served. `last` and the deadline of an earlier call stay.
    pub fn go_away(&mut self, deadline: Duration, reason: Code, retry_min: u64, retry_max: u64) {
        let deadline = u64::try_from(deadline.as_millis()).unwrap_or(0);
        let last = self.highest_peer;
        self.goaway_sent.get_or_insert(GoAway { last, deadline, reason, retry_min, retry_max });
        self.goaway_due = true;
    }

    fn end(&mut self, farewell: Farewell, tell: bool) {
        if self.closed.is_some() {
            return;
        }
        self.carriers
            .values_mut()
            .for_each(|carrier| carrier.finish_with_close(tell.then(|| farewell.clone())));
        self.active = None;
        let streams = std::mem::take(&mut self.streams);
        for (id, _) in streams {
            self.events.push_back(Event::Reset(id, Code::ERR_SESSION_CLOSED));
            self.events.push_back(Event::Stopped(id, Code::ERR_SESSION_CLOSED));
        }
        self.stats.retained = 0;
        self.stats.unread = 0;
        self.prefixes = 0;
        self.acks = Acks::default();
        self.ready = VecDeque::new();
        self.signals = VecDeque::new();
        self.starved = VecDeque::new();
        self.native_wanted = VecDeque::new();
        self.awaited = BTreeSet::new();
        self.events.push_back(Event::Closed(farewell.clone()));
        self.closed = Some(farewell);
    }

    /// S of the peer: what it retains at most until we acknowledge.
    fn peer_unreceived(&self) -> u64 {
        self.peer.map_or(limits::WINDOW, |peer| peer.unreceived)
    }

    /// Drops the stream once both directions are over, keeping a last acknowledgement if one is owed.
    fn settle(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get(&id) else { return };
        if !stream.over() {
            return;
        }
        let received = stream.receive.report();
        self.prefixes -= stream.receive.prefix.held();
        if received > stream.receive.reported || stream.flags.ack {
            let is_new = received > stream.receive.reported;
            self.ack_last(id, received, is_new);
        }
        if id.opener() == self.settings.role {
            self.own_open -= 1;
        } else {
            self.peer_open -= 1;
        }
        self.wake_native(id);
        self.fill_gap(id);
        self.streams.remove(&id);
    }
}
