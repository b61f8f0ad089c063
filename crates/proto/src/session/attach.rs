//! Carriers: attaching, taking over, losing them (§5).

use std::collections::VecDeque;
use std::time::Instant;

use super::{CarrierId, Event, Session};
use crate::frame::{Entry, Farewell, Frame, Resume};
use crate::hello::{Hello, Nonce, SessionId, Welcome};
use crate::{Code, Limits, Role, limits};

/// How many candidates a gateway keeps for one session; the newest win.
const CANDIDATES: usize = 4;

/// How far a carrier has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The page has sent HELLO.
    Hello,
    /// WELCOME has passed; the peer's RESUME has not ended.
    Resuming,
    /// It carries the session.
    Attached,
    /// What is still in `out` leaves, then the carrier ends.
    Closing,
}

#[derive(Debug)]
pub(super) struct Carrier {
    pub(super) phase: Phase,
    /// Frames that belong to this carrier alone, in order.
    pub(super) out: VecDeque<Frame>,
    /// The newest PING that wants an answer: a flood of them costs one slot.
    pub(super) pong: Option<[u8; 8]>,
    /// The PING that waits for its answer.
    pub(super) ping: Option<([u8; 8], Instant)>,
    pub(super) pinged_at: Instant,
    pub(super) heard: Instant,
    /// It has streams of its own, and datagrams of at most so many bytes.
    pub(super) native: Option<usize>,
    opened_at: Instant,
    collected: Vec<Entry>,
    highest: Option<u64>,
}

impl Carrier {
    fn new(phase: Phase, first: Frame, now: Instant) -> Carrier {
        Carrier {
            phase,
            out: VecDeque::from([first]),
            pong: None,
            ping: None,
            pinged_at: now,
            heard: now,
            native: None,
            opened_at: now,
            collected: Vec::new(),
            highest: None,
        }
    }

    /// Bytes held by an unfinished RESUME.
    pub(super) fn collecting(&self) -> usize {
        self.collected.capacity() * size_of::<Entry>()
    }

    pub(super) fn finish_with_close(&mut self, farewell: Option<Farewell>) {
        // Behind a HELLO nothing may come before its WELCOME.
        let tell = farewell.filter(|_| self.phase != Phase::Hello);
        self.finish(tell.map(Frame::Close));
    }

    pub(super) fn drop_quietly(&mut self) {
        self.finish(None);
    }

    fn finish(&mut self, frame: Option<Frame>) {
        if self.phase != Phase::Closing {
            self.phase = Phase::Closing;
            self.out.clear();
            self.out.extend(frame);
            self.pong = None;
            self.collected = Vec::new();
        }
    }
}

impl Session {
    /// The page's role: begins an attempt on a new carrier. An attempt that is under way is given up.
    pub fn connect(&mut self, carrier: CarrierId, credential: Option<String>, now: Instant) {
        debug_assert_eq!(self.settings.role, Role::Page);
        if self.closed.is_some() {
            return;
        }
        for (id, state) in self.carriers.iter_mut().filter(|(_, state)| state.phase == Phase::Hello) {
            state.finish(None);
            self.events.push_back(Event::AttemptFailed(*id, Code::ERR_CARRIER_REPLACED));
        }
        self.n += 1;
        let hello = Hello {
            session: self.identity.clone(),
            n: self.n,
            limits: self.settings.limits,
            features: Vec::new(),
            credential,
        };
        let first = Frame::Hello(hello.to_payload().into());
        self.carriers.insert(carrier, Carrier::new(Phase::Hello, first, now));
    }

    /// The gateway's role: a carrier brought a HELLO whose secret is right. Its number counts from now on.
    ///
    /// # Errors
    /// [`Code::ERR_ATTACH_STALE`], [`Code::ERR_HELLO_INVALID`] for other limits than before, or the code that ended the session.
    pub fn attach(
        &mut self,
        carrier: CarrierId,
        n: u64,
        theirs: Limits,
        welcome: &Welcome,
        now: Instant,
    ) -> Result<(), Code> {
        debug_assert_eq!(self.settings.role, Role::Gateway);
        if self.closed.is_some() {
            return Err(Code::ERR_SESSION_LOST);
        }
        if n <= self.n {
            return Err(Code::ERR_ATTACH_STALE);
        }
        if *self.peer.get_or_insert(theirs) != theirs {
            return Err(Code::ERR_HELLO_INVALID);
        }
        self.n = n;
        let candidates = self.carriers.iter().filter(|(_, state)| state.phase == Phase::Resuming);
        if candidates.clone().count() >= CANDIDATES
            && let Some(oldest) = candidates.map(|(id, _)| *id).next()
        {
            self.retire(oldest, Code::ERR_CARRIER_REPLACED);
        }
        let first = Frame::Welcome(welcome.to_payload().into());
        self.carriers.insert(carrier, Carrier::new(Phase::Resuming, first, now));
        Ok(())
    }

    /// The carrier is gone, or nothing more can leave on it.
    pub fn lost(&mut self, carrier: CarrierId, now: Instant) {
        let Some(state) = self.carriers.remove(&carrier) else { return };
        if self.active == Some(carrier) {
            self.park(carrier, Code::NO_ERROR, now);
        } else if state.phase == Phase::Hello {
            self.events.push_back(Event::AttemptFailed(carrier, Code::NO_ERROR));
        }
    }

    /// The same, and the page said that it goes (§5): perhaps it could not say CLOSE.
    pub fn left(&mut self, carrier: CarrierId, now: Instant) {
        let is_active = self.active == Some(carrier);
        self.lost(carrier, now);
        self.has_left |= is_active;
    }

    /// Retires the active carrier; the page attaches anew.
    pub fn detach(&mut self, code: Code, now: Instant) {
        if let Some(carrier) = self.active {
            self.retire(carrier, code);
            self.park(carrier, code, now);
        }
    }

    /// A page: its session, and the nonce of its newest WELCOME, for signing claims ([`crate::claim`]).
    #[must_use]
    pub fn claimant(&self) -> Option<(&SessionId, &Nonce)> {
        Some((&self.identity.as_ref()?.0, self.nonce.as_ref()?))
    }

    pub(super) fn on_welcome(
        &mut self,
        carrier: CarrierId,
        payload: &[u8],
        now: Instant,
    ) -> Result<(), Code> {
        let welcome = Welcome::parse(payload)?;
        match (&self.identity, welcome.secret) {
            (None, Some(secret)) => self.identity = Some((welcome.session, secret)),
            (Some((session, _)), None) if *session == welcome.session => {}
            _ => return Err(Code::ERR_HELLO_INVALID),
        }
        if *self.peer.get_or_insert(welcome.limits) != welcome.limits {
            return Err(Code::ERR_HELLO_INVALID);
        }
        self.nonce = Some(welcome.nonce);
        if let Some(old) = self.active.replace(carrier)
            && let Some(state) = self.carriers.get_mut(&old)
        {
            state.finish(None);
        }
        self.parked_at = None;
        self.forget_native();
        for stream in self.streams.values_mut() {
            stream.send.rewind();
        }
        let snapshot = self.snapshot();
        if let Some(state) = self.carriers.get_mut(&carrier) {
            state.phase = Phase::Resuming;
            state.out.extend(snapshot);
            let sample = now.saturating_duration_since(state.opened_at);
            self.sample_rtt(sample);
        }
        self.refill();
        Ok(())
    }

    pub(super) fn on_resume(&mut self, carrier: CarrierId, resume: Resume, now: Instant) -> Result<(), Code> {
        let theirs = self.peer.map_or(0, |peer| peer.streams);
        let most = usize::try_from(self.settings.limits.streams + theirs).unwrap_or(usize::MAX);
        let Some(state) = self.carriers.get_mut(&carrier) else { return Ok(()) };
        let in_order = match (state.collected.last(), resume.entries.first()) {
            (Some(last), Some(first)) => last.ack.stream < first.ack.stream,
            _ => true,
        };
        if !in_order || *state.highest.get_or_insert(resume.highest) != resume.highest {
            return Err(Code::ERR_FRAME_MALFORMED);
        }
        if state.collected.len() + resume.entries.len() > most.min(limits::RESUME_ENTRIES) {
            return Err(Code::ERR_STREAM_LIMIT);
        }
        state.collected.extend(resume.entries);
        if !resume.end {
            return Ok(());
        }
        state.phase = Phase::Attached;
        let entries = std::mem::take(&mut state.collected);
        match self.settings.role {
            Role::Page => self.apply_resume(resume.highest, &entries, now)?,
            Role::Gateway => self.take_over(carrier, resume.highest, &entries, now)?,
        }
        self.confirmed = true;
        self.stats.attaches += 1;
        self.goaway_due |= self.goaway_sent.is_some();
        self.events.push_back(Event::Attached(carrier));
        Ok(())
    }

    /// The gateway's side of §5, rule 2.
    fn take_over(
        &mut self,
        carrier: CarrierId,
        highest: u64,
        entries: &[Entry],
        now: Instant,
    ) -> Result<(), Code> {
        let older: Vec<CarrierId> = self.carriers.range(..carrier).map(|(id, _)| *id).collect();
        older.into_iter().for_each(|id| self.retire(id, Code::ERR_CARRIER_REPLACED));
        self.active = Some(carrier);
        self.parked_at = None;
        self.has_left = false;
        self.forget_native();
        for stream in self.streams.values_mut() {
            stream.send.rewind();
        }
        self.apply_resume(highest, entries, now)?;
        let snapshot = self.snapshot();
        if let Some(state) = self.carriers.get_mut(&carrier) {
            state.out.extend(snapshot);
        }
        self.refill();
        self.ping(carrier, now);
        Ok(())
    }

    pub(super) fn on_detach(&mut self, carrier: CarrierId, code: Code, now: Instant) {
        let Some(state) = self.carriers.get_mut(&carrier) else { return };
        let attempt = state.phase == Phase::Hello;
        state.finish(None);
        if self.active == Some(carrier) {
            self.park(carrier, code, now);
        } else if attempt {
            self.events.push_back(Event::AttemptFailed(carrier, code));
        }
    }

    /// Says DETACH on a carrier, where something may be said, and forgets it as soon as that has left.
    pub(super) fn retire(&mut self, carrier: CarrierId, code: Code) {
        if let Some(state) = self.carriers.get_mut(&carrier) {
            let attempt = state.phase == Phase::Hello;
            state.finish((!attempt).then(|| Frame::Detach(Farewell::new(code, ""))));
            if attempt {
                self.events.push_back(Event::AttemptFailed(carrier, code));
            }
        }
    }

    fn park(&mut self, carrier: CarrierId, code: Code, now: Instant) {
        self.active = None;
        self.parked_at = Some(now);
        self.events.push_back(Event::Detached(carrier, code));
    }
}
