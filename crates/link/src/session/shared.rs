//! The state machine behind one lock: every call drains what happened, wakes those it concerns, and reports the memory held.
//!
//! The lock is never held across an await, and nobody is woken while it is held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;
use pageport_proto::session::{self, CarrierId, Message, Transmit};
use pageport_proto::{Code, StreamId};
use tokio::sync::Notify;

use super::attempt::Attempts;
use super::native::Waiting;
use super::slot::{Slot, wait};
use super::wakes::Wakes;
use crate::budget::Meter;
use crate::carrier::{CarrierKind, Received};
use crate::{Budget, Level};

/// What a session and all that works for it share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(super) budget: Budget,
    /// A stream came.
    pub(super) accepted: Notify,
    /// A datagram came.
    pub(super) datagram: Notify,
    /// The session was attached, detached, closed, or lost a carrier.
    pub(super) changed: Notify,
    /// The clock is to look again.
    pub(super) clock: Notify,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) proto: session::Session,
    /// One for every stream that somebody holds, or that waits to be accepted.
    pub(super) slots: BTreeMap<StreamId, Slot>,
    /// Streams that came and that nobody has accepted yet.
    pub(super) waiting: BTreeSet<StreamId>,
    /// How many bytes their heads take.
    pub(super) waiting_bytes: u64,
    /// S of this side.
    pub(super) unreceived: u64,
    pub(super) carriers: Vec<Line>,
    last_carrier: CarrierId,
    /// Attempts that somebody waits for, at a page.
    pub(super) attempts: Attempts,
    pub(super) attached: bool,
    pub(super) parked: Option<Instant>,
    pub(super) drain: Option<Drain>,
    /// Somebody takes datagrams.
    pub(super) takes_datagrams: bool,
    /// When the clock will look.
    armed: Option<Instant>,
    growth: bool,
    published: u64,
    /// Set by a call that changed nothing, so that no carrier is woken for it.
    pub(super) unchanged: bool,
}

/// One carrier's task.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: CarrierId,
    pub(super) kind: CarrierKind,
    /// Something may want to leave.
    wanted: bool,
    pub(super) cut: bool,
    waker: Option<Waker>,
    /// Who waits for a message to leave: woken only when the session is done with the carrier.
    sending: Option<Waker>,
    /// What waits on its native streams.
    pub(super) native: Waiting,
    /// What it holds beside the session's own.
    meter: Option<Meter>,
}

/// The session goes away.
#[derive(Debug)]
pub(super) struct Drain {
    pub(super) deadline: Instant,
    pub(super) reason: Code,
    /// GOAWAY has been handed to a carrier.
    pub(super) told: bool,
}

/// What a carrier's task does next.
pub(crate) enum Next {
    /// The message wants to leave.
    Message,
    /// Something wants to leave once others had their turn.
    Wanted,
    /// Nothing, until woken.
    Idle,
    /// Close the connection in order.
    Finished,
    /// Drop the connection.
    Cut,
}

impl Shared {
    pub(super) fn new(settings: session::Settings, budget: Budget) -> Shared {
        let unreceived = settings.limits.unreceived;
        let state = State {
            unreceived,
            proto: session::Session::new(settings, now()),
            slots: BTreeMap::new(),
            waiting: BTreeSet::new(),
            waiting_bytes: 0,
            carriers: Vec::new(),
            last_carrier: 0,
            attempts: Attempts::default(),
            attached: false,
            parked: None,
            drain: None,
            takes_datagrams: false,
            armed: None,
            growth: true,
            published: 0,
            unchanged: false,
        };
        budget.enter();
        Shared {
            state: Mutex::new(state),
            budget,
            accepted: Notify::new(),
            changed: Notify::new(),
            datagram: Notify::new(),
            clock: Notify::new(),
        }
    }

    /// Takes in what came on a carrier. Whom it concerns is collected, to be woken by [`Shared::wake`].
    pub(crate) fn receive(&self, id: CarrierId, received: Received<'_>, wakes: &mut Wakes) {
        self.call(Some(id), wakes, |state, now| match received {
            Received::Frames(bytes, kept) => state.proto.receive_part(id, bytes, kept, now),
            Received::Message(message) => state.proto.receive(id, message, now),
        });
    }

    /// What leaves next on a carrier; `corked` when others should have their turn first.
    pub(crate) fn next(
        &self,
        id: CarrierId,
        room: usize,
        message: &mut Message,
        corked: bool,
        waker: &Waker,
    ) -> Next {
        let (next, told) = self.lock().next(id, room, message, corked, waker);
        if told {
            self.with(Some(id), |_, _| {});
        }
        next
    }

    /// What is to be done while a message does not leave: [`Next::Idle`] while that is to be waited for; otherwise somebody is woken.
    pub(crate) fn while_sending(&self, id: CarrierId, waker: &Waker) -> Next {
        let mut state = self.lock();
        let is_done = state.proto.is_done_with(id);
        match state.carriers.iter_mut().find(|line| line.id == id) {
            Some(line) if line.cut => Next::Cut,
            Some(line) if !is_done => {
                wait(&mut line.sending, waker);
                Next::Idle
            }
            _ => Next::Finished,
        }
    }

    /// From now on the session answers for what this carrier holds, too.
    pub(crate) fn meter(&self, id: CarrierId, meter: Meter) {
        self.with(Some(id), |state, _| {
            if let Some(line) = state.carriers.iter_mut().find(|line| line.id == id) {
                line.meter = Some(meter);
            }
        });
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// A carrier's task has ended.
    pub(crate) fn lost(&self, id: CarrierId) {
        self.with(None, |state, now| {
            state.proto.lost(id, now);
            state.carriers.retain(|line| line.id != id);
        });
        self.changed.notify_waiters();
    }

    /// A carrier's peer has said that it goes.
    pub(crate) fn left(&self, id: CarrierId) {
        self.with(None, |state, now| state.proto.left(id, now));
    }

    /// Calls the state machine, and does what follows from it. `by` is the carrier whose task calls.
    pub(super) fn with<R>(&self, by: Option<CarrierId>, call: impl FnOnce(&mut State, Instant) -> R) -> R {
        let mut wakes = Wakes::default();
        let result = self.call(by, &mut wakes, call);
        self.wake(&mut wakes);
        result
    }

    /// Wakes those whom calls have concerned, with no lock held.
    pub(crate) fn wake(&self, wakes: &mut Wakes) {
        for _ in 0..std::mem::take(&mut wakes.accepted) {
            self.accepted.notify_one();
        }
        if std::mem::take(&mut wakes.datagram) {
            self.datagram.notify_waiters();
        }
        if std::mem::take(&mut wakes.changed) {
            self.datagram.notify_waiters();
            self.changed.notify_waiters();
            self.accepted.notify_waiters();
        }
        if std::mem::take(&mut wakes.clock) {
            self.clock.notify_one();
        }
        wakes.wake();
    }

    fn call<R>(
        &self,
        by: Option<CarrierId>,
        wakes: &mut Wakes,
        call: impl FnOnce(&mut State, Instant) -> R,
    ) -> R {
        let now = now();
        let mut state = self.lock();
        state.unchanged = false;
        let result = call(&mut state, now);
        if !state.unchanged {
            state.settle(by, now, &self.budget, wakes);
        }
        result
    }

    /// Looks without changing anything.
    pub(super) fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not take every session with it that it happened to hold.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let held = self.look(|state| state.published);
        self.budget.leave(held);
    }
}

impl State {
    pub(super) fn add_carrier(&mut self, kind: CarrierKind) -> CarrierId {
        self.last_carrier += 1;
        self.carriers.push(Line {
            id: self.last_carrier,
            kind,
            wanted: true,
            cut: false,
            waker: None,
            sending: None,
            native: Waiting::default(),
            meter: None,
        });
        self.last_carrier
    }

    pub(super) fn drop_carrier(&mut self, id: CarrierId) {
        self.carriers.retain(|line| line.id != id);
    }

    /// The next stream that nobody has accepted, and its head.
    pub(super) fn take_waiting(&mut self) -> Option<(StreamId, Bytes)> {
        let id = self.waiting.pop_first()?;
        let head = self.slots.get_mut(&id).and_then(|slot| slot.prefix.take()).unwrap_or_default();
        self.waiting_bytes -= head.len() as u64;
        Some((id, head))
    }

    /// How many bytes are held for the peer's sake.
    pub(super) fn held(&self) -> u64 {
        self.proto.memory() + self.waiting_bytes
    }

    /// See [`Shared::next`]; and whether the peer has just been told that the session goes away.
    fn next(
        &mut self,
        id: CarrierId,
        room: usize,
        message: &mut Message,
        corked: bool,
        waker: &Waker,
    ) -> (Next, bool) {
        let Some(line) = self.carriers.iter_mut().find(|line| line.id == id) else {
            return (Next::Finished, false);
        };
        if line.cut {
            return (Next::Cut, false);
        }
        if line.wanted && corked {
            return (Next::Wanted, false);
        }
        if line.wanted {
            match self.proto.transmit(id, room, message) {
                Transmit::Ready => {
                    let active = self.proto.active() == Some(id);
                    let drain = self.drain.as_mut().filter(|drain| active && !drain.told);
                    return (Next::Message, drain.map(|drain| drain.told = true).is_some());
                }
                Transmit::Finished => return (Next::Finished, false),
                Transmit::Idle => line.wanted = false,
            }
        }
        wait(&mut line.waker, waker);
        (Next::Idle, false)
    }

    /// When the clock has to look; `None` when never again. Remembers that it will.
    pub(super) fn arm(&mut self) -> Option<Option<Instant>> {
        if self.proto.closed().is_some() {
            return None;
        }
        self.armed = self.timeout();
        Some(self.armed)
    }

    fn timeout(&self) -> Option<Instant> {
        let drain = self.drain.as_ref().map(|drain| drain.deadline);
        [self.proto.timeout(), drain].into_iter().flatten().min()
    }

    fn settle(&mut self, by: Option<CarrierId>, now: Instant, budget: &Budget, wakes: &mut Wakes) {
        self.happened(now, wakes);
        self.publish(budget);
        if self.drained(now) || self.overdrawn(budget) {
            self.happened(now, wakes);
            self.publish(budget);
        }
        for line in &mut self.carriers {
            line.wanted = true;
            if Some(line.id) != by {
                wakes.add(line.waker.take());
            }
            if line.sending.is_some() && (line.cut || self.proto.is_done_with(line.id)) {
                wakes.add(line.sending.take());
            }
        }
        let timeout = self.timeout();
        wakes.clock |= self.proto.closed().is_some()
            || timeout.is_some_and(|at| self.armed.is_none_or(|armed| at < armed));
        let growth = budget.level() < Level::Tight;
        if growth != self.growth {
            self.growth = growth;
            self.proto.set_growth(growth);
        }
    }

    fn publish(&mut self, budget: &Budget) {
        let held = self.held();
        if held != self.published {
            budget.publish(self.published, held);
            self.published = held;
        }
    }

    /// Ends the session when memory is used up and it holds more than its share.
    fn overdrawn(&mut self, budget: &Budget) -> bool {
        let beside: u64 = self.carriers.iter().filter_map(|line| line.meter.as_ref()).map(Meter::bytes).sum();
        let held = self.published + beside;
        let overdrawn = self.proto.closed().is_none() && budget.overdrawn(held);
        if overdrawn {
            tracing::warn!(held, share = budget.share(), "memory is used up: ending the session");
            self.proto.close(Code::ERR_OVERLOADED, "");
        }
        overdrawn
    }

    /// Ends the session when it goes away and has nothing more to do.
    fn drained(&mut self, now: Instant) -> bool {
        let Some(drain) = &self.drain else { return false };
        let done = (drain.told || !self.attached) && self.proto.stats().streams == 0;
        if self.proto.closed().is_some() || !(done || now >= drain.deadline) {
            return false;
        }
        let reason = drain.reason;
        self.proto.close(reason, "");
        true
    }

    pub(super) fn slot(&mut self, id: StreamId, change: impl FnOnce(&mut Slot)) {
        if let Some(slot) = self.slots.get_mut(&id) {
            change(slot);
        }
    }
}

/// The runtime's clock, so that tests can move it.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
