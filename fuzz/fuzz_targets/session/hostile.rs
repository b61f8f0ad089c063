//! One session, driven by its owner, against a peer that sends whatever it likes: it must neither panic nor hold more than
//! it promised, and what it sends itself stays well-formed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use pageport_proto::frame::{Ack, Data, Entry, Farewell, Frame, GoAway, Mark, Resume, decode_message};
use pageport_proto::hello::{Nonce, Secret, SessionId, Welcome};
use pageport_proto::session::{CarrierId, Event, Message, Session, Settings, Transmit};
use pageport_proto::{Code, Limits, Role, StreamId, limits, varint};

use crate::input::Input;

/// What unfinished RESUMEs may take: a gateway's five carriers, each with an entry for every stream.
const COLLECTING: u64 = 16_384;
/// What a stream may take besides its bytes: its state, and a buffer in which a head or reply is collected.
const STREAM: u64 = 1_024 + 2 * limits::HEAD as u64;

pub(crate) fn run(input: &mut Input<'_>) {
    let mut owner = Owner::new(input);
    owner.attach();
    while !input.is_empty() {
        owner.act(input);
        owner.check();
    }
    // An ended session must take every call, too.
    owner.session.close(Code::NO_ERROR, "");
    owner.check();
    owner.session.tick(owner.now);
    owner.transmit(limits::MESSAGE);
    assert!(owner.session.timeout().is_none());
}

struct Owner {
    session: Session,
    settings: Settings,
    theirs: Limits,
    now: Instant,
    carrier: CarrierId,
    n: u64,
    /// The peer's streams whose heads came, and whether they have a reply.
    heads: BTreeMap<StreamId, bool>,
    own: Vec<StreamId>,
    /// Up to where the peer has sent each stream: the offset that is most worth while.
    offsets: BTreeMap<u64, u64>,
}

impl Owner {
    fn new(input: &mut Input<'_>) -> Owner {
        let role = if input.coin() { Role::Page } else { Role::Gateway };
        let mut settings = Settings::new(role);
        settings.limits =
            Limits { streams: 1 + input.below(6), initial: 1_024 << input.below(3), unreceived: 65_536 };
        settings.receive = 32_768 << input.below(4);
        let theirs =
            Limits { streams: 1 + input.below(6), initial: 1_024 << input.below(7), unreceived: 65_536 };
        let now = Instant::now();
        Owner {
            session: Session::new(settings.clone(), now),
            settings,
            theirs,
            now,
            carrier: 0,
            n: 0,
            heads: BTreeMap::new(),
            own: Vec::new(),
            offsets: BTreeMap::new(),
        }
    }

    /// As far as possible the way it should be: most attacks begin behind it.
    fn attach(&mut self) {
        self.new_carrier(0);
        self.transmit(limits::MESSAGE);
        if self.settings.role == Role::Page {
            let welcome = self.welcome(true);
            self.receive(&[Frame::Welcome(welcome.to_payload().into())]);
        }
        self.receive(&[Frame::Resume(Resume { end: true, highest: 0, entries: Vec::new() })]);
        assert_eq!(self.session.active(), Some(self.carrier), "an honest attach failed");
    }

    fn act(&mut self, input: &mut Input<'_>) {
        match input.below(20) {
            0..8 => {
                let frame = self.frame(input);
                self.receive(&[frame]);
            }
            8 => {
                let frames = [self.frame(input), self.frame(input), self.frame(input)];
                self.receive(&frames);
            }
            9 => {
                let len = usize::from(input.byte());
                let bytes = Bytes::copy_from_slice(input.bytes(len));
                self.session.receive(self.carrier, bytes, self.now);
            }
            10 => {
                let head: &[u8] = if input.below(8) == 0 { b"[]" } else { b"{}" };
                self.own.extend(self.session.open(head, self.now));
            }
            11 | 12 => self.write(input),
            13 => {
                let id = self.stream(input);
                let max = 1 + usize::try_from(input.number()).unwrap_or(0);
                let _ = self.session.read(id, max, self.now);
            }
            14 => self.end_something(input),
            15 => self.transmit(usize::try_from(input.number()).unwrap_or(0)),
            16 => self.time_passes(input),
            17 => self.change_carrier(input),
            18 => {
                let bytes = vec![3; usize::try_from(input.number()).unwrap_or(0) % 1_300];
                self.session.send_datagram(input.number(), bytes.into());
                self.session.take_datagram();
            }
            _ => self.rarely(input),
        }
    }

    fn write(&mut self, input: &mut Input<'_>) {
        let id = self.stream(input);
        if let Some(replied) = self.heads.get_mut(&id)
            && !std::mem::replace(replied, true)
        {
            let reply: &[u8] = if input.below(8) == 0 { b"{} {}" } else { b"{\"ok\":true}" };
            let _ = self.session.reply(id, reply);
        }
        if self.own.contains(&id) || self.heads.contains_key(&id) {
            let mut bytes = Bytes::from(vec![5; usize::try_from(input.number()).unwrap_or(0)]);
            let before = bytes.len();
            if let Ok(taken) = self.session.write(id, &mut bytes) {
                assert_eq!(taken + bytes.len(), before);
            }
            let _ = self.session.writable(id);
        }
    }

    fn end_something(&mut self, input: &mut Input<'_>) {
        let id = self.stream(input);
        let code = Code::from_number(u32::from(input.byte()));
        match input.below(3) {
            0 => self.session.finish(id),
            1 => self.session.reset(id, code),
            _ => self.session.stop(id, code, self.now),
        }
    }

    fn time_passes(&mut self, input: &mut Input<'_>) {
        self.now += match input.below(8) {
            0 => Duration::from_secs(input.below(60)),
            1 => self.session.timeout().map_or(Duration::ZERO, |at| at.saturating_duration_since(self.now)),
            _ => Duration::from_millis(input.below(256)),
        };
        self.session.tick(self.now);
        if let Some(at) = self.session.timeout().filter(|at| *at <= self.now) {
            // Whatever was due has been done, or there would be a busy loop.
            self.session.tick(self.now);
            assert_ne!(self.session.timeout(), Some(at), "ticking does not help");
        }
    }

    fn change_carrier(&mut self, input: &mut Input<'_>) {
        match input.below(4) {
            0 => self.session.lost(self.carrier, self.now),
            1 => self.session.lost(input.below(8), self.now),
            2 => self.new_carrier(input.below(3)),
            _ => {
                self.new_carrier(0);
                if self.settings.role == Role::Page {
                    let welcome = self.welcome(false);
                    self.receive(&[Frame::Welcome(welcome.to_payload().into())]);
                }
                let resume = self.resume(input);
                self.receive(&[resume]);
            }
        }
    }

    fn rarely(&mut self, input: &mut Input<'_>) {
        match input.below(8) {
            0 => self.session.go_away(Duration::from_secs(30), Code::ERR_GOING_AWAY, 1, 5),
            1 => self.session.detach(Code::ERR_CARRIER_SILENT, self.now),
            2 => self.session.probe(self.now),
            3 => self.session.set_growth(input.coin()),
            4 if input.below(8) == 0 => self.session.close(Code::NO_ERROR, "bye"),
            5 => {
                let len = usize::from(input.byte());
                let mut part = Bytes::copy_from_slice(input.bytes(len));
                let before = part.len();
                self.session.receive_part(self.carrier, &mut part, before, self.now);
                assert!(part.len() <= before);
            }
            _ => self.transmit(limits::MESSAGE),
        }
    }

    /// `back`: how far the attempt's number lies behind the one that is due.
    fn new_carrier(&mut self, back: u64) {
        self.carrier += 1;
        match self.settings.role {
            Role::Page => self.session.connect(self.carrier, None, self.now),
            Role::Gateway => {
                let welcome = self.welcome(self.n == 0);
                let n = (self.n + 1).saturating_sub(back);
                match self.session.attach(self.carrier, n, self.theirs, &welcome, self.now) {
                    Ok(()) => {
                        assert_eq!(back, 0, "an old attempt was let in");
                        self.n = n;
                    }
                    Err(code) if self.session.closed().is_some() => assert_eq!(code, Code::ERR_SESSION_LOST),
                    Err(code) => assert_eq!((code, back > 0), (Code::ERR_ATTACH_STALE, true)),
                }
            }
        }
    }

    fn welcome(&self, new: bool) -> Welcome {
        Welcome {
            session: SessionId::new([7; 16]),
            secret: new.then(|| Secret::new([9; 32])),
            nonce: Nonce::new([1; 16]),
            lease: 150,
            limits: if self.settings.role == Role::Page { self.theirs } else { self.settings.limits },
            features: Vec::new(),
        }
    }

    fn receive(&mut self, frames: &[Frame]) {
        let mut bytes = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut bytes));
        if !bytes.is_empty() {
            self.session.receive(self.carrier, bytes.freeze(), self.now);
        }
    }

    fn transmit(&mut self, max: usize) {
        for carrier in 1..=self.carrier {
            let mut message = Message::default();
            let result = self.session.transmit(carrier, max.max(1), &mut message);
            assert_eq!(result == Transmit::Ready, !message.is_empty());
            if result == Transmit::Ready {
                let len = message.len();
                let bytes = message.take_whole();
                assert_eq!(bytes.len(), len);
                decode_message(bytes).expect("what a session sends is well-formed");
            }
        }
    }

    /// A stream of any kind: own, the peer's, forgotten, never seen.
    fn stream(&self, input: &mut Input<'_>) -> StreamId {
        StreamId::new(1 + input.below(16)).expect("not 0")
    }

    /// Frames that are possible, with numbers that are interesting.
    fn frame(&mut self, input: &mut Input<'_>) -> Frame {
        let stream = self.stream(input);
        let code = Code::from_number(u32::from(input.byte()));
        match input.below(16) {
            0..6 => self.data(stream, input),
            6 | 7 => Frame::Ack(vec![self.ack(stream, input)]),
            8 => Frame::Reset { stream, code, last: self.offset(stream, input) },
            9 => Frame::Stop { stream, code },
            10 => Frame::Ping([input.byte(); 8]),
            11 => Frame::Pong([input.byte(); 8]),
            12 => self.resume(input),
            13 => Frame::Datagram { flow: input.number(), bytes: vec![4; usize::from(input.byte())].into() },
            14 => match input.below(4) {
                0 => Frame::Detach(Farewell::new(code, "")),
                1 if input.below(4) == 0 => Frame::Close(Farewell::new(code, "")),
                2 => Frame::Hello("{}".into()),
                _ => Frame::Welcome(self.welcome(input.coin()).to_payload().into()),
            },
            _ => Frame::GoAway(GoAway {
                last: input.below(16),
                deadline: input.number(),
                reason: code,
                retry_min: 0,
                retry_max: input.number(),
            }),
        }
    }

    fn data(&mut self, stream: StreamId, input: &mut Input<'_>) -> Frame {
        let offset = self.offset(stream, input);
        let mark =
            [Mark::None, Mark::None, Mark::Fin, Mark::Blocked][usize::try_from(input.below(4)).unwrap_or(0)];
        let bytes = match input.below(4) {
            _ if offset == 0 => match input.below(8) {
                // A head that never ends, and one that is too large.
                0 => [&[0x7f, 0xff, b'{'], &[b' '; 900][..]].concat().into(),
                3 => [&[0x80, 0x00, 0xff, 0xff, b'{'], &[b' '; 60_000][..]].concat().into(),
                4 => Bytes::from_static(&[0xbf, 0xff, 0xff, 0xff, b'{']),
                1 => Bytes::from_static(b"\x02[]"),
                2 => Bytes::from_static(b"\x05{}"),
                _ => Bytes::from_static(b"\x02{}raw bytes"),
            },
            0 => Bytes::copy_from_slice(input.bytes(4)),
            1 => Bytes::new(),
            _ => vec![6; usize::try_from(input.number()).unwrap_or(0) % (limits::DATA + 1)].into(),
        };
        let mark = if bytes.is_empty() && mark == Mark::None { Mark::Blocked } else { mark };
        let bytes =
            bytes.slice(..bytes.len().min(usize::try_from(limits::OFFSET - offset).unwrap_or(usize::MAX)));
        self.offsets.insert(stream.get(), offset + bytes.len() as u64);
        Frame::Data(Data { stream, offset, mark, bytes })
    }

    /// Mostly where the stream goes on.
    fn offset(&self, stream: StreamId, input: &mut Input<'_>) -> u64 {
        let next = self.offsets.get(&stream.get()).copied().unwrap_or(0);
        match input.below(12) {
            0 => input.number(),
            1 => next.saturating_sub(input.below(32)),
            2 => (next + 1).min(limits::OFFSET),
            3 if input.below(16) == 0 => limits::OFFSET,
            _ => next,
        }
    }

    fn ack(&self, stream: StreamId, input: &mut Input<'_>) -> Ack {
        let huge = input.below(16) == 0;
        let limit = if huge { varint::MAX } else { input.number() };
        Ack { stream, received: input.number(), limit }
    }

    fn resume(&mut self, input: &mut Input<'_>) -> Frame {
        let mut entries = Vec::new();
        for id in 1..=16 {
            let Some(stream) = StreamId::new(id).filter(|_| input.below(4) > 1) else { continue };
            let flags = input.byte();
            let code = Code::from_number(u32::from(flags >> 4));
            let received = if flags & 4 == 0 { 0 } else { input.number() };
            let reset = (flags & 3 == 3).then(|| (code, self.offset(stream, input)));
            let stop = (flags & 8 != 0).then_some(code);
            entries.push(Entry { ack: Ack { stream, received, limit: 4_096 }, reset, stop });
        }
        Frame::Resume(Resume { end: input.below(8) > 0, highest: input.below(16), entries })
    }

    fn check(&mut self) {
        while let Some(event) = self.session.event() {
            match event {
                Event::Opened(id, head) => {
                    pageport_proto::json::check(&head).expect("heads are strict JSON");
                    self.heads.insert(id, false);
                }
                Event::Replied(_, reply) => {
                    pageport_proto::json::check(&reply).expect("replies are strict JSON");
                }
                _ => {}
            }
        }
        let stats = self.session.stats();
        let both = self.settings.limits.streams + self.theirs.streams;
        assert!(stats.streams as u64 <= both, "{} streams, of {both}", stats.streams);
        // B + I × (both sides' streams), S, and a prefix in each direction of each stream.
        let receive = self.settings.receive + self.settings.limits.initial * both;
        let send = self.settings.limits.unreceived + both * (limits::HEAD as u64 + 4);
        assert!(stats.unread <= receive, "{} bytes unread, of {receive}", stats.unread);
        assert!(stats.retained <= send, "{} bytes retained, of {send}", stats.retained);
        let rest = self.session.memory() - stats.unread - stats.retained;
        let streams = stats.streams as u64 * STREAM;
        assert!(rest <= streams + COLLECTING, "{rest} bytes held beside those, for {streams}");
    }
}
