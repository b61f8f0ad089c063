//! Two real sessions, carriers that get cut, and applications that open, write, read, end, reset and stop.
//!
//! Time is simulated, every choice comes from the seed.

mod native;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use pageport_proto::frame::{self, Decoded, Farewell, Frame};
use pageport_proto::hello::{Hello, Nonce, Secret, SessionId, Welcome};
use pageport_proto::session::{CarrierId, Event, Message, Read, Session, Settings, Transmit};
use pageport_proto::{Code, Limits, Role, StreamId};

use super::pipe::{Pipe, at};
use super::plan::{End, Outcome, Reader, Way, byte};
use super::random::Random;

pub(crate) const ROLES: [Role; 2] = [Role::Page, Role::Gateway];

pub(crate) struct World {
    pub(crate) random: Random,
    now: Instant,
    started: Instant,
    limits: Limits,
    budget: u64,
    sessions: [Session; 2],
    pipes: BTreeMap<CarrierId, Pipe>,
    next_carrier: CarrierId,
    /// By stream: what page and gateway write.
    pub(crate) ways: BTreeMap<StreamId, [Way; 2]>,
    to_open: [usize; 2],
    accepted: [BTreeSet<StreamId>; 2],
    busy: [Vec<StreamId>; 2],
    pub(crate) cuts: usize,
    /// How often bytes left on a native stream.
    pub(crate) native_bytes: usize,
    attached_once: bool,
    /// At which step the gateway says that it goes away.
    pub(crate) goes_away_at: Option<usize>,
    /// How often the page tries another carrier while one serves, and how often that one took over.
    pub(crate) moves_once_in: Option<usize>,
    pub(crate) moved: usize,
    gone_away: bool,
    pub(crate) refused: BTreeSet<StreamId>,
    pub(crate) fault: Option<String>,
}

impl World {
    pub(crate) fn new(seed: u64, streams: usize) -> World {
        let mut random = Random::new(seed);
        let now = Instant::now();
        let limits = Limits {
            streams: (streams / 2 + random.below(streams)) as u64,
            initial: 1_024 << random.below(3),
            unreceived: 65_536 << random.below(3),
        };
        let budget = 131_072 << random.below(4);
        let make = |role| Session::new(settings(role, limits, budget), now);
        World {
            random,
            now,
            started: now,
            limits,
            budget,
            sessions: [make(Role::Page), make(Role::Gateway)],
            pipes: BTreeMap::new(),
            next_carrier: 1,
            ways: BTreeMap::new(),
            to_open: [streams / 2, streams - streams / 2],
            accepted: [BTreeSet::new(), BTreeSet::new()],
            busy: [Vec::new(), Vec::new()],
            cuts: 0,
            native_bytes: 0,
            attached_once: false,
            goes_away_at: None,
            moves_once_in: None,
            moved: 0,
            gone_away: false,
            refused: BTreeSet::new(),
            fault: None,
        }
    }

    /// Runs until every stream is over on both sides. `cuts` is how many there may be, `flip` spoils one byte.
    pub(crate) fn run(&mut self, cuts: usize, flip: bool) -> Result<(), String> {
        let mut idle = 0;
        for step in 0.. {
            if flip && step % 512 == 511 {
                self.pipes.values_mut().for_each(|pipe| pipe.flip = true);
            }
            if self.goes_away_at == Some(step) {
                self.gone_away = true;
                self.sessions[1].go_away(Duration::from_secs(30), Code::ERR_GOING_AWAY, 1, 5);
            }
            if self.moves_once_in.is_some_and(|n| self.random.once_in(n))
                && self.sessions[0].active().is_some()
            {
                self.connect();
            }
            if self.cuts < cuts && self.attached_once && self.random.once_in(180) {
                self.cut();
                self.drain();
            }
            let moved = self.step();
            self.check();
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            idle = if moved { 0 } else { idle + 1 };
            if self.over() {
                return self.judge();
            }
            if idle > 200 {
                self.wait();
                idle = 0;
            }
            if self.fault.is_none() && self.now - self.started > Duration::from_secs(3_600) {
                return Err(format!("hangs: {}", self.describe()));
            }
        }
        Ok(())
    }

    fn step(&mut self) -> bool {
        let role = ROLES[self.random.below(2)];
        let moved = match self.random.below(10) {
            0 | 1 => self.deliver(role),
            2 | 3 => self.transmit(role),
            4 => self.open(role),
            5 => self.write(role),
            6 => self.native_out(role),
            7 => self.native_in(role),
            _ => self.read(role),
        };
        self.drain();
        self.now += Duration::from_micros(self.random.below(300) as u64);
        moved
    }

    fn deliver(&mut self, from: Role) -> bool {
        let Some(id) = self.pick_carrier() else { return false };
        let max = if self.random.once_in(3) { 1 + self.random.below(40) } else { self.random.below(60_000) };
        let Some(pipe) = self.pipes.get_mut(&id) else { return false };
        let moved = pipe.deliver(from, max) > 0;
        let whole = pipe.arrived[at(from)].split().freeze();
        if whole.is_empty() {
            return moved;
        }
        let rest = self.receive(id, from, whole);
        if let Some(pipe) = self.pipes.get_mut(&id) {
            pipe.arrived[at(from)].extend_from_slice(&rest);
        }
        moved
    }

    fn receive(&mut self, id: CarrierId, from: Role, mut bytes: Bytes) -> Bytes {
        let greeted = self.pipes.get(&id).is_none_or(|pipe| pipe.greeted);
        if from == Role::Page && !greeted {
            match frame::decode(&mut bytes) {
                Ok(Decoded::Frame(Frame::Hello(payload))) => self.on_hello(id, &payload),
                Ok(Decoded::Partial) => return bytes,
                other => self.fail(format!("not a HELLO: {other:?}")),
            }
        }
        let (served_by, kept) = (self.sessions[0].active(), bytes.len());
        self.sessions[at(from.peer())].receive_part(id, &mut bytes, kept, self.now);
        let serves = self.sessions[0].active();
        self.moved += usize::from(served_by.is_some() && serves.is_some() && served_by != serves);
        bytes
    }

    /// What the owner of a gateway's sessions does.
    fn on_hello(&mut self, id: CarrierId, payload: &[u8]) {
        let Ok(hello) = Hello::parse(payload) else { return self.fail("HELLO cannot be read".into()) };
        if hello.session.is_none() {
            self.sessions[1] = Session::new(settings(Role::Gateway, self.limits, self.budget), self.now);
            if self.attached_once {
                self.fail("a session that was attached asked for a new one".into());
            }
        }
        let welcome = Welcome {
            session: SessionId::new([7; 16]),
            secret: hello.session.is_none().then(|| Secret::new([9; 32])),
            nonce: Nonce::new([1; 16]),
            lease: 150,
            limits: self.limits,
            features: Vec::new(),
        };
        let Some(pipe) = self.pipes.get_mut(&id) else { return };
        pipe.greeted = true;
        let attached = self.sessions[1].attach(id, hello.n, hello.limits, &welcome, self.now);
        if pipe.native.is_some() {
            self.sessions[1].has_native(id, 1_000);
        }
        if let Err(code) = attached {
            let mut refusal = BytesMut::new();
            Frame::Detach(Farewell::new(code, "")).encode(&mut refusal);
            pipe.put(Role::Gateway, &refusal.freeze());
        }
    }

    fn transmit(&mut self, role: Role) -> bool {
        let Some(id) = self.pick_carrier() else { return false };
        let Some(pipe) = self.pipes.get_mut(&id) else { return false };
        if !pipe.room(role) || (role == Role::Gateway && !pipe.greeted) {
            return false;
        }
        let mut message = Message::default();
        // Little at a time where there are native streams, so that something is left for them.
        let max = 1 + self.random.skewed(if pipe.native.is_some() { 2_000 } else { 70_000 });
        match self.sessions[at(role)].transmit(id, max, &mut message) {
            Transmit::Ready => pipe.put(role, &message.take_whole()),
            Transmit::Idle => return false,
            Transmit::Finished => return !std::mem::replace(&mut pipe.known[at(role)], true),
        }
        true
    }

    fn pick_carrier(&mut self) -> Option<CarrierId> {
        // The newest carries nearly everything; older ones are still emptied.
        let nth = if self.random.once_in(4) { self.random.below(self.pipes.len()) } else { 0 };
        self.pipes.keys().rev().nth(nth).copied()
    }

    /// Cuts the newest carrier at a random byte of either direction; each end may or may not notice.
    fn cut(&mut self) {
        let Some((&id, _)) = self.pipes.iter().next_back().filter(|(_, pipe)| !pipe.is_cut()) else { return };
        self.cuts += 1;
        for role in ROLES {
            let silent = self.random.once_in(4);
            let Some(pipe) = self.pipes.get_mut(&id) else { return };
            if self.random.once_in(10) {
                continue;
            }
            let after = self.random.below(pipe.on_way(role) + 1);
            pipe.cut(role, after);
            if !silent {
                // The bytes that got through are still read first.
                while pipe.deliver(role, usize::MAX) > 0 {}
                let rest = pipe.arrived[at(role)].split().freeze();
                self.receive(id, role, rest);
                self.notice(id, role.peer());
            }
        }
    }

    fn notice(&mut self, id: CarrierId, role: Role) {
        let Some(pipe) = self.pipes.get_mut(&id) else { return };
        if !std::mem::replace(&mut pipe.known[at(role)], true) {
            self.sessions[at(role)].lost(id, self.now);
        }
    }

    fn wait(&mut self) {
        let attempting = self.pipes.values().next_back().is_some_and(|pipe| !pipe.known[0]);
        if self.sessions[0].active().is_none() && !attempting {
            return self.connect();
        }
        let next = self.sessions.iter().filter_map(Session::timeout).min();
        self.now = next.unwrap_or(self.now).max(self.now) + Duration::from_millis(1);
        for session in &mut self.sessions {
            if session.timeout().is_some_and(|at| at <= self.now) {
                session.tick(self.now);
            }
        }
        // Whoever has dropped a carrier closes it, and in the end the other side sees that.
        for id in self.pipes.keys().copied().collect::<Vec<_>>() {
            let known = self.pipes[&id].known;
            for role in ROLES {
                if known[at(role.peer())] && self.random.once_in(2) {
                    self.notice(id, role);
                }
            }
        }
        self.pipes.retain(|_, pipe| pipe.known != [true, true]);
        self.drain();
    }

    fn connect(&mut self) {
        self.sessions[0].connect(self.next_carrier, None, self.now);
        let native = self.random.once_in(2);
        if native {
            self.sessions[0].has_native(self.next_carrier, 1_000);
        }
        self.pipes.insert(self.next_carrier, Pipe::new(native));
        self.next_carrier += 1;
    }

    fn open(&mut self, role: Role) -> bool {
        if self.to_open[at(role)] == 0 || !self.attached_once || !self.random.once_in(12) {
            return false;
        }
        let Ok(id) = self.sessions[at(role)].open(br#"{"kind":"test"}"#, self.now) else {
            if self.gone_away {
                self.to_open[at(role)] = 0;
            }
            return false;
        };
        self.to_open[at(role)] -= 1;
        self.ways.insert(id, [Way::draw(&mut self.random), Way::draw(&mut self.random)]);
        self.accepted[at(role)].insert(id);
        self.busy[at(role)].push(id);
        true
    }

    /// A stream with which this side is not done yet.
    fn pick_stream(&mut self, role: Role) -> Option<StreamId> {
        let busy = &mut self.busy[at(role)];
        let ways = &self.ways;
        busy.retain(|id| {
            let done = |ways: &[Way; 2]| ways[at(role)].write_over && ways[at(role.peer())].outcome.is_some();
            ways.get(id).is_some_and(|ways| !done(ways))
        });
        busy.get(self.random.below(busy.len())).copied()
    }

    fn write(&mut self, role: Role) -> bool {
        let Some(id) = self.pick_stream(role) else { return false };
        let Some(way) = self.ways.get_mut(&id).map(|ways| &mut ways[at(role)]) else { return false };
        if way.write_over {
            return false;
        }
        let session = &mut self.sessions[at(role)];
        if way.finished {
            way.write_over = self.random.once_in(8);
            if way.write_over {
                session.reset(id, Code::from_number(70_002));
            }
            return way.write_over;
        }
        let size = (1 + self.random.skewed(30_000)).min(way.bytes - way.wrote);
        let bytes: Vec<u8> =
            (way.wrote..way.wrote + size).map(|offset| byte(id.get(), role, offset)).collect();
        let written = session.write(id, &mut bytes.into());
        match written {
            Ok(written) => way.wrote += written,
            // The reader said STOP.
            Err(_) => way.write_over = true,
        }
        let ends_early = way.end == End::Reset && self.random.once_in(4);
        if !way.write_over && (way.wrote == way.bytes || ends_early) {
            way.finished = way.end == End::FinishThenReset;
            way.write_over = !way.finished;
            match way.end {
                End::Finish | End::FinishThenReset => session.finish(id),
                End::Reset => session.reset(id, Code::from_number(70_000)),
            }
        }
        way.write_over || way.finished || written.is_ok_and(|written| written > 0)
    }

    fn read(&mut self, role: Role) -> bool {
        let Some(id) = self.pick_stream(role) else { return false };
        let writer = role.peer();
        let Some(way) = self.ways.get_mut(&id).map(|ways| &mut ways[at(writer)]) else { return false };
        if way.outcome.is_some() {
            return false;
        }
        let session = &mut self.sessions[at(role)];
        if matches!(way.reader, Reader::StopsAfter(at) if way.read >= at) {
            way.outcome = Some(Outcome::Stopped);
            session.stop(id, Code::from_number(70_001), self.now);
            return true;
        }
        let max = 1 + self.random.skewed(50_000);
        match session.read(id, max, self.now) {
            Ok(Read::Bytes(bytes)) => {
                for (at, got) in bytes.iter().enumerate() {
                    if *got != byte(id.get(), writer, way.read + at) {
                        let fault = format!("wrong byte at {} of stream {id}", way.read + at);
                        return {
                            self.fail(fault);
                            true
                        };
                    }
                }
                way.read += bytes.len();
                true
            }
            Ok(Read::Blocked) => false,
            Ok(Read::Reset(_)) => {
                way.outcome = Some(Outcome::CutShort);
                true
            }
            // A forgotten stream ended as its last event said, and that was no RESET: see `drain`.
            Ok(Read::Finished) | Err(_) => {
                way.outcome = Some(Outcome::Complete);
                true
            }
        }
    }

    fn drain(&mut self) {
        for role in ROLES {
            while let Some(event) = self.sessions[at(role)].event() {
                self.on_event(role, event);
            }
        }
    }

    fn on_event(&mut self, role: Role, event: Event) {
        match event {
            Event::Opened(id, _) => {
                self.accepted[at(role)].insert(id);
                self.busy[at(role)].push(id);
                if self.sessions[at(role)].reply(id, br#"{"ok":true}"#).is_err() {
                    // Both ends of it were over before it could be answered.
                }
            }
            Event::Reset(id, code) if code == Code::ERR_GOING_AWAY => {
                self.refused.insert(id);
                self.ways.remove(&id);
            }
            Event::Reset(id, _) | Event::NoReply(id, _) => {
                if let Some(way) = self.ways.get_mut(&id).map(|ways| &mut ways[at(role.peer())]) {
                    way.outcome.get_or_insert(Outcome::CutShort);
                }
            }
            Event::Attached(_) => self.attached_once |= role == Role::Page,
            Event::Closed(farewell) => self.fail(format!("{role:?} closed the session: {}", farewell.code)),
            _ => {}
        }
    }

    fn check(&mut self) {
        for role in ROLES {
            let stats = self.sessions[at(role)].stats();
            let prefixes = 64 * (self.ways.len() as u64 + 1);
            if stats.retained > self.limits.unreceived + prefixes {
                self.fail(format!("{role:?} retains {} bytes, more than S", stats.retained));
            }
            if stats.unread > self.budget + self.limits.initial * self.limits.streams * 2 {
                self.fail(format!("{role:?} holds {} unread bytes, more than the bound", stats.unread));
            }
        }
    }

    fn over(&self) -> bool {
        let opened = self.to_open == [0, 0];
        opened && self.sessions.iter().all(|session| session.stats().streams == 0) && self.attached_once
    }

    fn judge(&self) -> Result<(), String> {
        for role in ROLES {
            let (stats, memory) = (self.sessions[at(role)].stats(), self.sessions[at(role)].memory());
            if memory != 0 || stats.retained != 0 || stats.unread != 0 {
                return Err(format!("{role:?} still holds {memory} bytes"));
            }
        }
        for (id, ways) in &self.ways {
            let opener = id.opener();
            let served = self.accepted[at(opener.peer())].contains(id);
            for (writer, way) in ROLES.into_iter().zip(ways) {
                let mut way = way.clone();
                if !served && writer == opener {
                    // Its RESET overtook its head, so that nobody ever heard of it.
                    way.outcome.get_or_insert(Outcome::CutShort);
                } else if !served {
                    continue;
                }
                // A reader who was never told reads the end after the stream is forgotten.
                way.outcome.get_or_insert(Outcome::Complete);
                if let Some(fault) = way.fault() {
                    return Err(format!("stream {id}: {fault}"));
                }
            }
        }
        Ok(())
    }

    fn describe(&self) -> String {
        format!(
            "{:?} {:?} page {:?} gateway {:?} active {:?} pipes {}",
            self.to_open,
            self.pipes
                .values()
                .map(|p| (p.known, p.greeted, p.is_cut(), p.on_way(Role::Page), p.on_way(Role::Gateway)))
                .collect::<Vec<_>>(),
            self.sessions[0].stats(),
            self.sessions[1].stats(),
            [self.sessions[0].active(), self.sessions[1].active()],
            self.pipes.len()
        )
    }

    fn fail(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }
}

fn settings(role: Role, limits: Limits, budget: u64) -> Settings {
    // No lease ends here: the last word of a run is that everything arrived.
    Settings {
        limits,
        receive: budget,
        lease: Duration::from_secs(1_000_000),
        native_from: 0,
        ..Settings::new(role)
    }
}
