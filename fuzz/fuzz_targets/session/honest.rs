//! A page and a gateway that keep to the protocol, over carriers that deliver late, in pieces, and get cut at any byte: no
//! session may end, every byte arrives once and in order, and nothing is left in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use pageport_proto::frame::{Decoded, Farewell, Frame, decode};
use pageport_proto::hello::{Hello, Nonce, Secret, SessionId, Welcome};
use pageport_proto::session::{CarrierId, Event, Message, Read, Session, Settings, Transmit};
use pageport_proto::{Code, Limits, Role, StreamId};

use crate::input::Input;

const DAY: Duration = Duration::from_secs(86_400);
const PAGE: usize = 0;
const GATEWAY: usize = 1;

pub(crate) fn run(input: &mut Input<'_>) {
    let mut world = World::new(input);
    world.connect();
    while !input.is_empty() {
        world.act(input);
        world.drain();
    }
    world.finish();
}

struct World {
    now: Instant,
    limits: Limits,
    budget: u64,
    sides: [Side; 2],
    carriers: BTreeMap<CarrierId, Carrier>,
    newest: CarrierId,
    /// Which carrier brought the HELLO that made the gateway's session.
    born_on: CarrierId,
    attached_once: bool,
}

struct Side {
    session: Session,
    streams: BTreeMap<StreamId, Stream>,
}

/// What an application knows of a stream.
#[derive(Default)]
struct Stream {
    /// An own stream, or one whose head came.
    opened: bool,
    /// Peer's streams need a reply before bytes.
    replied: bool,
    wrote: u64,
    read: u64,
    /// Own direction: the application ended it, one way or another, or was told that it has ended.
    write_over: bool,
    /// The peer's direction: cut short by a RESET or by an own STOP.
    cut: bool,
    ended: bool,
}

#[derive(Default)]
struct Carrier {
    /// On the way, by sender.
    way: [BytesMut; 2],
    /// Arrived, but not yet a whole frame; by sender.
    arrived: [BytesMut; 2],
    /// Nothing gets through any more, by sender.
    cut: [bool; 2],
    greeted: bool,
}

impl World {
    fn new(input: &mut Input<'_>) -> World {
        let now = Instant::now();
        let limits =
            Limits { streams: 1 + input.below(8), initial: 1_024 << input.below(3), unreceived: 65_536 };
        let budget = 32_768 << input.below(4);
        let side = |role| Side { session: session(role, limits, budget, now), streams: BTreeMap::new() };
        World {
            now,
            limits,
            budget,
            sides: [side(Role::Page), side(Role::Gateway)],
            carriers: BTreeMap::new(),
            newest: 0,
            born_on: 0,
            attached_once: false,
        }
    }

    fn act(&mut self, input: &mut Input<'_>) {
        let at = usize::try_from(input.below(2)).unwrap_or(0);
        match input.below(16) {
            0 => self.open(at),
            1 | 2 => self.write(at, input),
            3 | 4 => {
                let (Some(id), max) = (self.pick(at, input), input.number()) else { return };
                self.read(at, id, 1 + usize::try_from(max).unwrap_or(0));
            }
            5 => {
                let Some(id) = self.pick(at, input) else { return };
                self.end(at, id, input);
            }
            6..9 => {
                let carrier = self.pick_carrier(input);
                self.transmit(at, carrier, 1 + usize::try_from(input.number()).unwrap_or(0));
            }
            9 | 10 => {
                let carrier = self.pick_carrier(input);
                self.deliver(at, carrier, 1 + usize::try_from(input.number()).unwrap_or(0));
            }
            11 => {
                // Streams seldom end by chance.
                self.round();
            }
            12 => self.cut(input),
            13 => self.connect(),
            14 => {
                self.now += Duration::from_millis(input.below(256));
                self.sides.iter_mut().for_each(|side| side.session.tick(self.now));
            }
            _ if input.below(16) == 0 => {
                let session = &mut self.sides[at].session;
                session.go_away(DAY, Code::ERR_GOING_AWAY, 1, 5);
            }
            _ => self.sides[at].session.send_datagram(1, Bytes::from_static(b"datagram")),
        }
    }

    fn open(&mut self, at: usize) {
        let Ok(id) = self.sides[at].session.open(b"{\"to\":\"somewhere\"}", self.now) else { return };
        self.sides[at].streams.insert(id, Stream { opened: true, replied: true, ..Stream::default() });
    }

    fn write(&mut self, at: usize, input: &mut Input<'_>) {
        let Some(id) = self.pick(at, input) else { return };
        self.reply(at, id);
        let Side { session, streams } = &mut self.sides[at];
        let Some(stream) = streams.get_mut(&id).filter(|stream| !stream.write_over) else { return };
        let len = input.number() % 100_000;
        let mut bytes: Bytes =
            (stream.wrote..stream.wrote + len).map(|offset| byte(id, at, offset)).collect();
        match session.write(id, &mut bytes) {
            Ok(taken) => stream.wrote += taken as u64,
            Err(_) => stream.write_over = true,
        }
    }

    fn reply(&mut self, at: usize, id: StreamId) {
        let Side { session, streams } = &mut self.sides[at];
        if let Some(stream) = streams.get_mut(&id).filter(|stream| !stream.replied) {
            stream.replied = true;
            stream.write_over |= session.reply(id, b"{\"ok\":true}").is_err();
        }
    }

    /// Returns whether something came of it.
    fn read(&mut self, at: usize, id: StreamId, max: usize) -> bool {
        let Side { session, streams } = &mut self.sides[at];
        let Some(stream) = streams.get_mut(&id).filter(|stream| stream.opened && !stream.ended) else {
            return false;
        };
        match session.read(id, max, self.now) {
            Ok(Read::Bytes(bytes)) => {
                for got in &bytes {
                    assert_eq!(*got, byte(id, 1 - at, stream.read), "stream {id} at {}", stream.read);
                    stream.read += 1;
                }
                return true;
            }
            Ok(Read::Blocked) => return false,
            Ok(Read::Reset(_)) => (stream.cut, stream.ended) = (true, true),
            // Forgotten without a word: it has ended cleanly.
            Ok(Read::Finished) | Err(_) => stream.ended = true,
        }
        if !stream.cut {
            let wrote = self.sides[1 - at].streams.get(&id).map_or(0, |stream| stream.wrote);
            assert_eq!(self.sides[at].streams[&id].read, wrote, "stream {id} ended before its end");
        }
        true
    }

    fn end(&mut self, at: usize, id: StreamId, input: &mut Input<'_>) {
        let Side { session, streams } = &mut self.sides[at];
        let Some(stream) = streams.get_mut(&id) else { return };
        match input.below(4) {
            0 => {
                session.reset(id, Code::ERR_ABORTED);
                stream.write_over = true;
            }
            1 => {
                session.stop(id, Code::ERR_ABORTED, self.now);
                stream.cut = true;
            }
            _ => {
                self.reply(at, id);
                self.finish_writing(at, id);
            }
        }
    }

    fn finish_writing(&mut self, at: usize, id: StreamId) {
        let Side { session, streams } = &mut self.sides[at];
        if let Some(stream) = streams.get_mut(&id) {
            session.finish(id);
            stream.write_over = true;
        }
    }

    fn connect(&mut self) {
        self.newest += 1;
        self.carriers.insert(self.newest, Carrier::default());
        self.sides[PAGE].session.connect(self.newest, None, self.now);
    }

    /// Nothing more gets through, in one direction or both; each side notices, or does not.
    fn cut(&mut self, input: &mut Input<'_>) {
        let id = self.pick_carrier(input);
        let flags = input.byte();
        let Some(carrier) = self.carriers.get_mut(&id) else { return };
        for at in [PAGE, GATEWAY] {
            if flags & (1 << at) == 0 {
                carrier.cut[at] = true;
                let through = usize::try_from(input.number()).unwrap_or(0);
                carrier.way[at].truncate(through);
            }
        }
        for at in [PAGE, GATEWAY] {
            if flags & (4 << at) == 0 {
                self.sides[at].session.lost(id, self.now);
            }
        }
    }

    fn transmit(&mut self, at: usize, id: CarrierId, max: usize) -> bool {
        let Some(carrier) = self.carriers.get_mut(&id) else { return false };
        if carrier.way[at].len() > 500_000 || (at == GATEWAY && !carrier.greeted) {
            return false;
        }
        let mut message = Message::default();
        if self.sides[at].session.transmit(id, max, &mut message) != Transmit::Ready {
            return false;
        }
        let bytes = message.take_whole();
        if !carrier.cut[at] {
            carrier.way[at].extend_from_slice(&bytes);
        }
        true
    }

    /// Moves bytes from a sender to the other side.
    fn deliver(&mut self, from: usize, id: CarrierId, max: usize) -> bool {
        let Some(carrier) = self.carriers.get_mut(&id) else { return false };
        let len = carrier.way[from].len().min(max);
        if len == 0 {
            return false;
        }
        let part = carrier.way[from].split_to(len);
        carrier.arrived[from].extend_from_slice(&part);
        let mut bytes = carrier.arrived[from].split().freeze();
        if from == PAGE && !carrier.greeted {
            match decode(&mut bytes) {
                Ok(Decoded::Frame(Frame::Hello(payload))) => self.on_hello(id, &payload),
                Ok(Decoded::Partial) => {}
                other => panic!("not a HELLO: {other:?}"),
            }
        }
        if from == GATEWAY || self.carriers.get(&id).is_some_and(|carrier| carrier.greeted) {
            let kept = bytes.len();
            self.sides[1 - from].session.receive_part(id, &mut bytes, kept, self.now);
        }
        if let Some(carrier) = self.carriers.get_mut(&id) {
            carrier.arrived[from].extend_from_slice(&bytes);
        }
        true
    }

    /// What the owner of a gateway's sessions does.
    fn on_hello(&mut self, id: CarrierId, payload: &[u8]) {
        let hello = Hello::parse(payload).expect("an honest HELLO");
        if hello.session.is_none() {
            if id < self.born_on {
                // An attempt that was given up comes late: it would be a session of its own, without a future.
                self.carriers.remove(&id);
                return;
            }
            assert!(!self.attached_once, "a session that was attached asked for a new one");
            self.born_on = id;
            let side = &mut self.sides[GATEWAY];
            side.session = session(Role::Gateway, self.limits, self.budget, self.now);
            side.streams.clear();
        }
        let welcome = Welcome {
            session: SessionId::new([7; 16]),
            secret: hello.session.is_none().then(|| Secret::new([9; 32])),
            nonce: Nonce::new([1; 16]),
            lease: 150,
            limits: self.limits,
            features: Vec::new(),
        };
        let attached = self.sides[GATEWAY].session.attach(id, hello.n, hello.limits, &welcome, self.now);
        let Some(carrier) = self.carriers.get_mut(&id) else { return };
        carrier.greeted = true;
        if let Err(code) = attached {
            assert_eq!(code, Code::ERR_ATTACH_STALE);
            Frame::Detach(Farewell::new(code, "")).encode(&mut carrier.way[GATEWAY]);
        }
    }

    fn drain(&mut self) {
        for at in [PAGE, GATEWAY] {
            let Side { session, streams } = &mut self.sides[at];
            while let Some(event) = session.event() {
                match event {
                    Event::Opened(id, head) => {
                        assert_eq!(&head[..], b"{\"to\":\"somewhere\"}");
                        // A STOP may have come before.
                        let opened = std::mem::replace(&mut streams.entry(id).or_default().opened, true);
                        assert!(!opened, "stream {id} opened twice");
                    }
                    Event::Replied(_, reply) => assert_eq!(&reply[..], b"{\"ok\":true}"),
                    Event::Reset(id, code) => {
                        assert_ne!(code, Code::ERR_SESSION_LOST, "stream {id} was lost");
                        streams.entry(id).or_default().cut = true;
                    }
                    Event::Stopped(id, code) => {
                        assert_ne!(code, Code::ERR_SESSION_LOST, "stream {id} was lost");
                        streams.entry(id).or_default().write_over = true;
                    }
                    Event::Attached(_) => self.attached_once = true,
                    Event::Closed(farewell) => panic!("an honest session ended: {farewell:?}"),
                    Event::Datagram => while session.take_datagram().is_some() {},
                    _ => {}
                }
            }
        }
    }

    /// A last carrier that works: everything ends, and nothing is left.
    fn finish(&mut self) {
        self.connect();
        for round in 0.. {
            let moved = self.round();
            let left = [PAGE, GATEWAY].map(|at| self.sides[at].session.stats());
            if left.iter().all(|stats| stats.streams == 0) && self.attached_once {
                assert!(
                    left.iter().all(|stats| stats.retained == 0 && stats.unread == 0),
                    "bytes are left: {left:?}"
                );
                return;
            }
            if !moved {
                self.now += Duration::from_millis(250);
                self.sides.iter_mut().for_each(|side| side.session.tick(self.now));
            }
            assert!(round < 2_000, "hangs: {left:?}");
        }
    }

    /// Both applications end and read what they can, and the newest carrier brings it over. Returns whether anything moved.
    fn round(&mut self) -> bool {
        let mut moved = false;
        for at in [PAGE, GATEWAY] {
            let ids: BTreeSet<StreamId> = self.sides[at].streams.keys().copied().collect();
            for id in ids {
                self.reply(at, id);
                self.finish_writing(at, id);
                while self.read(at, id, 1 << 20) {
                    moved = true;
                }
            }
            while self.transmit(at, self.newest, 1 << 20) {
                moved = true;
            }
            moved |= self.deliver(at, self.newest, usize::MAX);
            self.drain();
        }
        moved
    }

    fn pick(&self, at: usize, input: &mut Input<'_>) -> Option<StreamId> {
        let streams = &self.sides[at].streams;
        // The newest are the most alive.
        let back = input.below(streams.len().min(8) as u64);
        streams.keys().rev().nth(usize::try_from(back).unwrap_or(0)).copied()
    }

    fn pick_carrier(&self, input: &mut Input<'_>) -> CarrierId {
        let back = if input.below(4) == 0 { input.below(4) } else { 0 };
        self.newest.saturating_sub(back)
    }
}

fn session(role: Role, limits: Limits, budget: u64, now: Instant) -> Session {
    let mut settings = Settings::new(role);
    settings.limits = limits;
    settings.receive = budget;
    settings.lease = DAY;
    // Time alone must not end anything here.
    let timings = &mut settings.timings;
    (timings.ping, timings.silent, timings.candidate) = (DAY, DAY, DAY);
    (timings.confirm, timings.attempt, timings.page_silent, timings.probe) = (DAY, DAY, DAY, DAY);
    Session::new(settings, now)
}

/// The byte that a stream has at an offset.
fn byte(stream: StreamId, writer: usize, offset: u64) -> u8 {
    let mixed = (stream.get() * 31 + writer as u64 * 97 + offset).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.to_be_bytes()[0]
}
