//! Frames (§2.1): the closed vocabulary, and its bytes in both directions.
//!
//! Decoding copies no stream bytes: what a DATA frame holds is a slice of the carrier message.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::varint::{self, Peek};
use crate::{Code, StreamId, limits};

mod kind {
    pub(super) const HELLO: u64 = 0x00;
    pub(super) const WELCOME: u64 = 0x02;
    pub(super) const RESUME: u64 = 0x04;
    pub(super) const DATA: u64 = 0x06;
    pub(super) const ACK: u64 = 0x08;
    pub(super) const RESET: u64 = 0x0a;
    pub(super) const STOP: u64 = 0x0c;
    pub(super) const PING: u64 = 0x0e;
    pub(super) const PONG: u64 = 0x10;
    pub(super) const GOAWAY: u64 = 0x12;
    pub(super) const DETACH: u64 = 0x14;
    pub(super) const CLOSE: u64 = 0x16;
    pub(super) const DATAGRAM: u64 = 0x19;
}

const FIN: u8 = 1;
const BLOCKED: u8 = 2;
const END: u8 = 1;
const RESET_PENDING: u8 = 1;
const STOP_PENDING: u8 = 2;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Asks to attach; the payload is for [`crate::hello::Hello::parse`].
    Hello(Bytes),
    /// Accepts an attach; the payload is for [`crate::hello::Welcome::parse`].
    Welcome(Bytes),
    /// A part of a snapshot of all streams.
    Resume(Resume),
    /// Bytes of a stream.
    Data(Data),
    /// What was received, and up to where may be sent.
    Ack(Vec<Ack>),
    /// Ends the sender's direction of a stream.
    Reset {
        /// The stream.
        stream: StreamId,
        /// Why.
        code: Code,
        /// The offset that the RESET occupies.
        last: u64,
    },
    /// Asks the peer to end its direction.
    Stop {
        /// The stream.
        stream: StreamId,
        /// Why.
        code: Code,
    },
    /// Asks for a sign of life.
    Ping([u8; 8]),
    /// Gives it.
    Pong([u8; 8]),
    /// No new streams.
    GoAway(GoAway),
    /// Retires this carrier.
    Detach(Farewell),
    /// Ends the session.
    Close(Farewell),
    /// A message that may get lost.
    Datagram {
        /// Which flow of the application it belongs to.
        flow: u64,
        /// At most 1,200 bytes.
        bytes: Bytes,
    },
    /// An unknown frame that may be skipped.
    Skipped,
}

/// Bytes of a stream from an offset on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// The stream.
    pub stream: StreamId,
    /// Where the bytes begin.
    pub offset: u64,
    /// What follows the bytes.
    pub mark: Mark,
    /// At most 65,536 bytes.
    pub bytes: Bytes,
}

/// What the flags of DATA say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    None,
    /// The direction ends behind the bytes.
    Fin,
    /// The sender would go on, but for a limit.
    Blocked,
}

/// One entry of an ACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// The stream.
    pub stream: StreamId,
    /// Everything below has been received.
    pub received: u64,
    /// Everything below may be sent.
    pub limit: u64,
}

/// A part of a RESUME.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// Whether this is the last part.
    pub end: bool,
    /// The highest id of the peer's parity that was seen, 0 for none.
    pub highest: u64,
    /// Streams with strictly increasing ids.
    pub entries: Vec<Entry>,
}

/// One stream in a RESUME.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// As in an ACK.
    pub ack: Ack,
    /// A RESET that is not yet confirmed: code and final offset.
    pub reset: Option<(Code, u64)>,
    /// A STOP that is not yet confirmed.
    pub stop: Option<Code>,
}

/// No new streams, and when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoAway {
    /// The highest id of the peer's that is still served.
    pub last: u64,
    /// After how many milliseconds CLOSE comes at the latest.
    pub deadline: u64,
    /// Why.
    pub reason: Code,
    /// From when on to come again, in seconds.
    pub retry_min: u64,
    /// Until when to come again, in seconds: draw a moment between the two.
    pub retry_max: u64,
}

/// Code and text of DETACH and CLOSE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    /// Why.
    pub code: Code,
    /// For people; at most 512 bytes.
    pub message: String,
}

/// What [`decode`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// A frame; its bytes were taken off the front.
    Frame(Frame),
    /// The front holds only a part of a frame; nothing was taken.
    Partial,
}

/// Takes one frame off the front of `bytes`.
///
/// # Errors
/// The code that ends the session: unknown, oversized or malformed frames. Oversized ones are refused by their header.
pub fn decode(bytes: &mut Bytes) -> Result<Decoded, Code> {
    let Some((kind, at)) = header_int(bytes)? else { return Ok(Decoded::Partial) };
    let Some((len, len_at)) = header_int(&bytes[at..])? else { return Ok(Decoded::Partial) };
    let at = at + len_at;
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    check_header(kind, len)?;
    if bytes.len() - at < len {
        return Ok(Decoded::Partial);
    }
    bytes.advance(at);
    payload(kind, bytes.split_to(len)).map(Decoded::Frame)
}

/// Decodes a whole carrier message.
///
/// # Errors
/// As [`decode`]; and malformed when the message is empty or ends inside a frame.
pub fn decode_message(mut message: Bytes) -> Result<Vec<Frame>, Code> {
    if message.len() > limits::MESSAGE {
        return Err(Code::ERR_FRAME_TOO_LARGE);
    }
    let mut frames = Vec::new();
    while frames.is_empty() || !message.is_empty() {
        match decode(&mut message)? {
            Decoded::Frame(frame) => frames.push(frame),
            Decoded::Partial => return Err(Code::ERR_FRAME_MALFORMED),
        }
    }
    Ok(frames)
}

impl Frame {
    /// Appends the frame's bytes. [`Frame::Skipped`] has none.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Frame::Hello(json) => put(out, kind::HELLO, json.len(), |out| out.put_slice(json)),
            Frame::Welcome(json) => put(out, kind::WELCOME, json.len(), |out| out.put_slice(json)),
            Frame::Resume(resume) => resume.encode(out),
            Frame::Data(data) => {
                data.encode_header(out);
                out.put_slice(&data.bytes);
            }
            Frame::Ack(acks) => {
                let len = acks.iter().map(Ack::len).sum();
                put(out, kind::ACK, len, |out| acks.iter().for_each(|ack| ack.encode(out)));
            }
            Frame::Reset { stream, code, last } => {
                ints(out, kind::RESET, &[stream.get(), code.number().into(), *last]);
            }
            Frame::Stop { stream, code } => ints(out, kind::STOP, &[stream.get(), code.number().into()]),
            Frame::Ping(token) => put(out, kind::PING, 8, |out| out.put_slice(token)),
            Frame::Pong(token) => put(out, kind::PONG, 8, |out| out.put_slice(token)),
            Frame::GoAway(away) => ints(
                out,
                kind::GOAWAY,
                &[away.last, away.deadline, away.reason.number().into(), away.retry_min, away.retry_max],
            ),
            Frame::Detach(farewell) => farewell.encode(out, kind::DETACH),
            Frame::Close(farewell) => farewell.encode(out, kind::CLOSE),
            Frame::Datagram { flow, bytes } => {
                put(out, kind::DATAGRAM, varint::len(*flow) + bytes.len(), |out| {
                    varint::put(out, *flow);
                    out.put_slice(bytes);
                });
            }
            Frame::Skipped => {}
        }
    }
}

impl Data {
    /// Everything before the bytes, so that they need not be copied.
    pub fn encode_header(&self, out: &mut BytesMut) {
        self.encode_header_for(self.bytes.len(), out);
    }

    /// The same for so many bytes that stand elsewhere.
    pub(crate) fn encode_header_for(&self, bytes: usize, out: &mut BytesMut) {
        let len = varint::len(self.stream.get()) + varint::len(self.offset) + 1 + bytes;
        varint::put(out, kind::DATA);
        varint::put(out, len as u64);
        varint::put(out, self.stream.get());
        varint::put(out, self.offset);
        out.put_u8(match self.mark {
            Mark::None => 0,
            Mark::Fin => FIN,
            Mark::Blocked => BLOCKED,
        });
    }
}

impl Ack {
    /// How many bytes the entry takes.
    fn len(&self) -> usize {
        varint::len(self.stream.get()) + varint::len(self.received) + varint::len(self.limit)
    }

    fn encode(&self, out: &mut BytesMut) {
        varint::put(out, self.stream.get());
        varint::put(out, self.received);
        varint::put(out, self.limit);
    }

    fn take(bytes: &mut Bytes) -> Option<Ack> {
        Some(Ack { stream: stream(bytes)?, received: varint::take(bytes)?, limit: varint::take(bytes)? })
    }
}

impl Resume {
    fn encode(&self, out: &mut BytesMut) {
        let len = 1 + varint::len(self.highest) + self.entries.iter().map(Entry::len).sum::<usize>();
        put(out, kind::RESUME, len, |out| {
            out.put_u8(if self.end { END } else { 0 });
            varint::put(out, self.highest);
            self.entries.iter().for_each(|entry| entry.encode(out));
        });
    }

    fn take(bytes: &mut Bytes) -> Option<Resume> {
        let flags = byte(bytes)?;
        let highest = varint::take(bytes)?;
        let mut entries: Vec<Entry> = Vec::new();
        while !bytes.is_empty() {
            let entry = Entry::take(bytes)?;
            if entries.last().is_some_and(|last| last.ack.stream >= entry.ack.stream) {
                return None;
            }
            entries.push(entry);
        }
        (flags <= END).then_some(Resume { end: flags == END, highest, entries })
    }
}

impl Entry {
    /// How many bytes the entry takes.
    fn len(&self) -> usize {
        let reset = self.reset.map_or(0, |(code, last)| code_len(code) + varint::len(last));
        self.ack.len() + 1 + reset + self.stop.map_or(0, code_len)
    }

    fn encode(&self, out: &mut BytesMut) {
        self.ack.encode(out);
        let reset = if self.reset.is_some() { RESET_PENDING } else { 0 };
        let stop = if self.stop.is_some() { STOP_PENDING } else { 0 };
        out.put_u8(reset | stop);
        if let Some((code, last)) = self.reset {
            varint::put(out, code.number().into());
            varint::put(out, last);
        }
        if let Some(code) = self.stop {
            varint::put(out, code.number().into());
        }
    }

    fn take(bytes: &mut Bytes) -> Option<Entry> {
        let ack = Ack::take(bytes)?;
        let flags = byte(bytes)?;
        let reset = if flags & RESET_PENDING != 0 { Some((code(bytes)?, last(bytes)?)) } else { None };
        let stop = if flags & STOP_PENDING != 0 { Some(code(bytes)?) } else { None };
        (flags <= RESET_PENDING | STOP_PENDING).then_some(Entry { ack, reset, stop })
    }
}

impl Farewell {
    /// Cuts the message to its limit, at a character's border.
    #[must_use]
    pub fn new(code: Code, message: &str) -> Farewell {
        let end = (0..=message.len().min(limits::REASON)).rev().find(|at| message.is_char_boundary(*at));
        Farewell { code, message: message[..end.unwrap_or(0)].to_owned() }
    }

    fn encode(&self, out: &mut BytesMut, kind: u64) {
        put(out, kind, code_len(self.code) + self.message.len(), |out| {
            varint::put(out, self.code.number().into());
            out.put_slice(self.message.as_bytes());
        });
    }

    fn take(bytes: &mut Bytes) -> Option<Farewell> {
        let code = code(bytes)?;
        let message = String::from_utf8(bytes.split_off(0).into()).ok()?;
        (message.len() <= limits::REASON).then_some(Farewell { code, message })
    }
}

fn header_int(bytes: &[u8]) -> Result<Option<(u64, usize)>, Code> {
    match varint::peek(bytes) {
        Peek::Value(value, len) => Ok(Some((value, len))),
        Peek::Short => Ok(None),
        Peek::TooLarge => Err(Code::ERR_FRAME_MALFORMED),
    }
}

/// Refuses by type and length alone, so that nobody waits for bytes that would be refused.
fn check_header(kind: u64, len: usize) -> Result<(), Code> {
    let (frame, own) = match kind {
        kind::HELLO | kind::WELCOME => (limits::FRAME, limits::HELLO),
        kind::RESUME..=kind::CLOSE if kind.is_multiple_of(2) => (limits::FRAME, limits::FRAME),
        kind::DATAGRAM => (limits::FRAME, limits::DATAGRAM + 8),
        skipped if skipped % 2 == 1 => (limits::SKIPPED, limits::SKIPPED),
        _ => return Err(Code::ERR_FRAME_UNKNOWN),
    };
    match len {
        _ if len > frame => Err(Code::ERR_FRAME_TOO_LARGE),
        _ if len > own => Err(Code::ERR_FRAME_MALFORMED),
        _ => Ok(()),
    }
}

fn payload(kind: u64, mut bytes: Bytes) -> Result<Frame, Code> {
    let frame = match kind {
        kind::HELLO => Some(Frame::Hello(bytes.split_off(0))),
        kind::WELCOME => Some(Frame::Welcome(bytes.split_off(0))),
        kind::RESUME => Resume::take(&mut bytes).map(Frame::Resume),
        kind::DATA => data(&mut bytes).map(Frame::Data),
        kind::ACK => acks(&mut bytes).map(Frame::Ack),
        kind::RESET => reset(&mut bytes),
        kind::STOP => stop(&mut bytes),
        kind::PING => token(&mut bytes).map(Frame::Ping),
        kind::PONG => token(&mut bytes).map(Frame::Pong),
        kind::GOAWAY => go_away(&mut bytes).map(Frame::GoAway),
        kind::DETACH => Farewell::take(&mut bytes).map(Frame::Detach),
        kind::CLOSE => Farewell::take(&mut bytes).map(Frame::Close),
        kind::DATAGRAM => datagram(&mut bytes),
        _ => return Ok(Frame::Skipped),
    };
    frame.filter(|_| bytes.is_empty()).ok_or(Code::ERR_FRAME_MALFORMED)
}

fn data(bytes: &mut Bytes) -> Option<Data> {
    let (stream, offset) = (stream(bytes)?, varint::take(bytes)?);
    let mark = match byte(bytes)? {
        0 => Mark::None,
        FIN => Mark::Fin,
        BLOCKED => Mark::Blocked,
        _ => return None,
    };
    let bytes = bytes.split_off(0);
    let fits = bytes.len() <= limits::DATA && offset + bytes.len() as u64 <= limits::OFFSET;
    let says_something = !bytes.is_empty() || mark != Mark::None;
    (fits && says_something).then_some(Data { stream, offset, mark, bytes })
}

fn acks(bytes: &mut Bytes) -> Option<Vec<Ack>> {
    let mut acks = vec![Ack::take(bytes)?];
    while !bytes.is_empty() {
        acks.push(Ack::take(bytes)?);
    }
    Some(acks)
}

fn reset(bytes: &mut Bytes) -> Option<Frame> {
    Some(Frame::Reset { stream: stream(bytes)?, code: code(bytes)?, last: last(bytes)? })
}

fn stop(bytes: &mut Bytes) -> Option<Frame> {
    Some(Frame::Stop { stream: stream(bytes)?, code: code(bytes)? })
}

fn go_away(bytes: &mut Bytes) -> Option<GoAway> {
    let (last, deadline, reason) = (varint::take(bytes)?, varint::take(bytes)?, code(bytes)?);
    let (retry_min, retry_max) = (varint::take(bytes)?, varint::take(bytes)?);
    (retry_min <= retry_max).then_some(GoAway { last, deadline, reason, retry_min, retry_max })
}

fn datagram(bytes: &mut Bytes) -> Option<Frame> {
    let flow = varint::take(bytes)?;
    let bytes = bytes.split_off(0);
    (bytes.len() <= limits::DATAGRAM).then_some(Frame::Datagram { flow, bytes })
}

fn token(bytes: &mut Bytes) -> Option<[u8; 8]> {
    (bytes.len() >= 8).then(|| bytes.get_u64().to_be_bytes())
}

fn byte(bytes: &mut Bytes) -> Option<u8> {
    (!bytes.is_empty()).then(|| bytes.get_u8())
}

fn stream(bytes: &mut Bytes) -> Option<StreamId> {
    StreamId::new(varint::take(bytes)?)
}

fn code(bytes: &mut Bytes) -> Option<Code> {
    u32::try_from(varint::take(bytes)?).ok().map(Code::from_number)
}

fn last(bytes: &mut Bytes) -> Option<u64> {
    varint::take(bytes).filter(|last| *last <= limits::OFFSET)
}

fn code_len(code: Code) -> usize {
    varint::len(code.number().into())
}

fn put(out: &mut BytesMut, kind: u64, len: usize, payload: impl FnOnce(&mut BytesMut)) {
    varint::put(out, kind);
    varint::put(out, len as u64);
    payload(out);
}

fn ints(out: &mut BytesMut, kind: u64, values: &[u64]) {
    let len = values.iter().map(|value| varint::len(*value)).sum();
    put(out, kind, len, |out| values.iter().for_each(|value| varint::put(out, *value)));
}
