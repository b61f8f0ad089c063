//! The gateway's end of a carrier `http`: a state that the carrier's task and its requests share.
//!
//! Reading never waits for writing here either: what comes up is handed to the session at once, whatever waits on its way down.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use pageport_proto::numbered::Mode;
use pageport_proto::{Code, limits};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::pace::Pace;
use super::super::{FAREWELL, Input, Received};
use super::download::Download;
use super::kept::Kept;
use super::upload::Upload;
use crate::Budget;
use crate::budget::Meter;

/// The largest message before HELLO has come: HELLO and its header.
const HELLO: usize = limits::HELLO + 16;
/// How many messages up may wait for their turn: the next one, and the one behind it.
const AHEAD: usize = 2;

/// What one carrier `http` may cost; the defaults are the protocol's.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Bodies on their way up at once; the oldest ends for one more.
    pub uploads: usize,
    /// How long a message may wait for the one before it while nothing of that comes.
    pub order: Duration,
    /// The bytes after which an answer ends.
    pub answer_bytes: usize,
    /// The time after which it does.
    pub answer_time: Duration,
    /// The bytes of messages that are kept after they left, until they are confirmed.
    pub kept: usize,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            uploads: 8,
            order: Duration::from_secs(5),
            answer_bytes: 1024 * 1024,
            answer_time: Duration::from_secs(25),
            kept: 256 * 1024,
        }
    }
}

/// Where requests of one carrier `http` are brought. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpLine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: HttpLimits,
    meter: Meter,
    state: Mutex<State>,
    /// A message was handed to the session, an upload was superseded, or the carrier has ended.
    changed: Notify,
}

#[derive(Debug)]
pub(super) struct State {
    phase: Phase,
    /// How many messages have been handed to the session.
    taken: u64,
    /// The next ones, if they are here.
    inbox: [Option<Bytes>; AHEAD],
    /// Something came that the session has not been told of.
    alive: bool,
    /// When part of a message came.
    pub(super) uploaded: Instant,
    /// HELLO has come.
    greeted: bool,
    /// Bodies on their way up, oldest first.
    pub(super) uploads: VecDeque<u64>,
    /// How many bytes they hold.
    pub(super) uploading: usize,
    last_upload: u64,
    pub(super) kept: Kept,
    /// The newest request for messages, and whether its answer goes on.
    pub(super) reader: u64,
    pub(super) reading: Option<Mode>,
    /// The session has nothing to send.
    pub(super) resting: bool,
    /// Whether the session is asked at all.
    driven: bool,
    pub(super) pace: Pace,
    task: Option<Waker>,
    pub(super) waiting: Option<Waker>,
}

/// How far a carrier is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// Nothing more is said; what was said is still handed out, since then.
    Ending(Instant),
    Gone,
}

impl HttpLine {
    pub(super) fn new(limits: HttpLimits, budget: Budget) -> HttpLine {
        let state = State {
            phase: Phase::Open,
            taken: 0,
            inbox: [None, None],
            alive: false,
            uploaded: Instant::now(),
            greeted: false,
            uploads: VecDeque::new(),
            uploading: 0,
            last_upload: 0,
            kept: Kept::new(limits.kept),
            reader: 0,
            reading: None,
            resting: true,
            driven: false,
            pace: Pace::default(),
            task: None,
            waiting: None,
        };
        let meter = Meter::new(budget);
        HttpLine(Arc::new(Inner { limits, meter, state: Mutex::new(state), changed: Notify::new() }))
    }

    /// A body for `/link/up` begins. `None`: its message is not wanted, because the session has it or takes no more, and the answer
    /// is the same as to one that was taken.
    ///
    /// # Errors
    /// [`Code::ERR_CARRIER_UNKNOWN`]; [`Code::ERR_CARRIER_SEQUENCE`], and the carrier is lost.
    pub fn upload(&self, seq: u64) -> Result<Option<Upload>, Code> {
        self.with(|state| {
            state.hear();
            match state.phase {
                Phase::Gone => Err(Code::ERR_CARRIER_UNKNOWN),
                Phase::Ending(_) => Ok(None),
                Phase::Open if seq < state.taken => Ok(None),
                Phase::Open if seq - state.taken >= AHEAD as u64 => {
                    state.phase = Phase::Gone;
                    Err(Code::ERR_CARRIER_SEQUENCE)
                }
                Phase::Open => {
                    state.last_upload += 1;
                    state.uploads.push_back(state.last_upload);
                    if state.uploads.len() > self.0.limits.uploads {
                        state.uploads.pop_front();
                    }
                    let limit = if state.greeted { limits::MESSAGE } else { HELLO };
                    Ok(Some(Upload::new(self.clone(), state.last_upload, seq, limit)))
                }
            }
        })
        .inspect(|upload| {
            if upload.is_some() {
                self.0.changed.notify_waiters();
            }
        })
        .inspect_err(|_| self.0.changed.notify_waiters())
    }

    /// A request for messages: the answer to it. An older answer ends.
    ///
    /// # Errors
    /// [`Code::ERR_CARRIER_UNKNOWN`]; [`Code::ERR_CARRIER_SEQUENCE`], and the carrier is lost unless a newer request had come before.
    pub fn download(&self, ack: u64, mode: Mode) -> Result<Download, Code> {
        let result = self.with(|state| {
            if state.phase == Phase::Gone {
                return Err(Code::ERR_CARRIER_UNKNOWN);
            }
            state.hear();
            if let Err((code, is_end)) = state.kept.confirm(ack) {
                if is_end {
                    state.phase = Phase::Gone;
                }
                return Err(code);
            }
            if matches!(state.phase, Phase::Ending(_)) && state.kept.is_confirmed() {
                state.phase = Phase::Gone;
                return Err(Code::ERR_CARRIER_UNKNOWN);
            }
            state.reader += 1;
            state.reading = Some(mode);
            // Whether there is something to send is for the session to say.
            state.resting = !state.driven || state.phase != Phase::Open;
            state.wake_reader();
            Ok(Download::new(self.clone(), state.reader, mode, state.pace.unsent_limit()))
        });
        if result.is_err() {
            self.0.changed.notify_waiters();
        }
        result
    }

    /// Waits until the carrier's id means nothing any more: at once when it was lost, some seconds after its end otherwise, for a last
    /// answer that has to be given again.
    pub async fn forgotten(&self) {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            match self.look(|state| state.phase) {
                Phase::Open => changed.await,
                Phase::Ending(since) => {
                    tokio::time::sleep_until(since + FAREWELL).await;
                    self.with(|state| state.phase = Phase::Gone);
                }
                Phase::Gone => return,
            }
        }
    }

    /// What it holds for its page's sake.
    pub(super) fn meter(&self) -> &Meter {
        &self.0.meter
    }

    pub(super) fn limits(&self) -> &HttpLimits {
        &self.0.limits
    }

    pub(super) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        mut deliver: impl FnMut(Received<'_>),
    ) -> Poll<io::Result<Input>> {
        let came = self.with(|state| {
            if state.phase == Phase::Gone {
                return Some(Ok(None));
            }
            if let Some(message) = state.inbox[0].take() {
                state.inbox.rotate_left(1);
                state.taken += 1;
                state.alive = false;
                return Some(Err(message));
            }
            if std::mem::take(&mut state.alive) {
                return Some(Ok(Some(())));
            }
            wait(&mut state.task, cx.waker());
            None
        });
        match came {
            None => return Poll::Pending,
            Some(Ok(None)) => return Poll::Ready(Ok(Input::End)),
            // Part of a message, and a request for messages, prove life as well.
            Some(Ok(Some(()))) => deliver(Received::Frames(&mut Bytes::new(), 0)),
            Some(Err(message)) => {
                deliver(Received::Message(message));
                self.0.changed.notify_waiters();
            }
        }
        Poll::Ready(Ok(Input::Some))
    }

    pub(super) fn start_send(&self, parts: Vec<Bytes>) {
        self.with(|state| {
            state.driven = true;
            state.resting = false;
            state.kept.push(parts);
            state.wake_reader();
        });
    }

    /// Ready while the next message may be gathered: none waits for an answer that is open, few for the next one.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|state| {
            let waits = state.kept.fresh_bytes();
            let enough = match state.reading {
                Some(Mode::Stream) => 1,
                Some(Mode::Poll | Mode::Now) => self.0.limits.kept,
                None => self.0.limits.kept.min(state.pace.unsent_limit() as usize),
            };
            if waits < enough || state.phase == Phase::Gone {
                return Poll::Ready(Ok(()));
            }
            wait(&mut state.task, cx.waker());
            Poll::Pending
        })
    }

    pub(super) fn room(&self) -> usize {
        self.look(|state| state.pace.room())
    }

    /// The session has nothing to send for now.
    pub(super) fn rest(&self) {
        self.with(|state| {
            state.driven = true;
            if !std::mem::replace(&mut state.resting, true) {
                state.wake_reader();
            }
        });
    }

    pub(super) fn lift_hello_limit(&self) {
        self.with(|state| state.greeted = true);
    }

    /// Says nothing more; what was said is handed out, and handed out again if need be.
    pub(super) async fn close(&self) {
        self.with(|state| {
            if state.phase == Phase::Open {
                state.phase = Phase::Ending(Instant::now());
            }
            state.resting = true;
            state.wake_reader();
        });
        self.0.changed.notify_waiters();
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            let done = |state: &State| {
                state.phase == Phase::Gone || (state.reading.is_none() && state.kept.is_at_end())
            };
            if self.look(done) {
                return;
            }
            changed.await;
        }
    }

    /// Nobody drives it any more: what did not end in order is lost.
    pub(super) fn drop_carrier(&self) {
        self.with(|state| {
            if state.phase == Phase::Open {
                state.phase = Phase::Gone;
                state.wake_reader();
            }
        });
        self.0.changed.notify_waiters();
    }

    /// Waits until the session has a message; `message` is it, unless it has come before.
    pub(super) async fn deliver(&self, seq: u64, message: Bytes) -> Result<(), Code> {
        let mut message = Some(message);
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            let patience = self.with(|state| match state.phase {
                Phase::Gone => Err(Code::ERR_CARRIER_UNKNOWN),
                Phase::Ending(_) => Ok(None),
                Phase::Open => state.place(seq, &mut message, self.0.limits.order),
            })?;
            let Some(until) = patience else { return Ok(()) };
            if tokio::time::timeout_at(until, changed).await.is_err() && self.too_late(seq) {
                self.0.changed.notify_waiters();
                return Err(Code::ERR_CARRIER_SEQUENCE);
            }
        }
    }

    /// Whether nothing came for too long while a message waits for the one before it: then the carrier is lost.
    fn too_late(&self, seq: u64) -> bool {
        let order = self.0.limits.order;
        self.with(|state| {
            let late = state.phase == Phase::Open && seq >= state.taken && state.uploaded.elapsed() >= order;
            if late {
                state.phase = Phase::Gone;
                state.wake_reader();
            }
            late
        })
    }

    /// Waits until an upload is not wanted any more.
    pub(super) async fn superseded(&self, upload: u64) {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if !self.look(|state| state.uploads.contains(&upload) && state.phase == Phase::Open) {
                return;
            }
            changed.await;
        }
    }

    /// An answer has ended; `reader` is its number.
    pub(super) fn answered(&self, reader: u64) {
        self.with(|state| {
            if state.reader == reader {
                state.reading = None;
                state.waiting = None;
                state.wake_task();
            }
        });
        self.0.changed.notify_waiters();
    }

    /// Changes the state, and reports what it holds.
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let was = state.phase;
        let result = change(&mut state);
        if state.phase != was {
            state.wake_task();
            state.wake_reader();
        }
        self.0.meter.set(state.held());
        result
    }

    fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the session has the message with this number, from another request.
    pub(super) fn has(&self, seq: u64) -> bool {
        seq < self.taken
    }

    /// Something came from the page.
    pub(super) fn hear(&mut self) {
        self.alive = true;
        self.wake_task();
    }

    pub(super) fn wake_task(&mut self) {
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    /// Puts a message where it belongs. Until when to wait for its turn; `None` once the session has it.
    fn place(
        &mut self,
        seq: u64,
        message: &mut Option<Bytes>,
        order: Duration,
    ) -> Result<Option<Instant>, Code> {
        let Some(ahead) = seq.checked_sub(self.taken) else { return Ok(None) };
        let place = usize::try_from(ahead).ok().and_then(|ahead| self.inbox.get_mut(ahead));
        let place = place.ok_or(Code::ERR_CARRIER_SEQUENCE)?;
        // Of two the first counts; the other is not held while it waits.
        if let Some(message) = message.take()
            && place.is_none()
        {
            *place = Some(message);
            self.wake_task();
        }
        Ok(Some(self.uploaded + order))
    }

    fn wake_reader(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    fn held(&self) -> u64 {
        let inbox: usize = self.inbox.iter().flatten().map(Bytes::len).sum();
        (inbox + self.uploading + self.kept.bytes()) as u64
    }
}

/// Remembers whom to wake.
pub(super) fn wait(place: &mut Option<Waker>, waker: &Waker) {
    match place {
        Some(known) if known.will_wake(waker) => {}
        place => *place = Some(waker.clone()),
    }
}
