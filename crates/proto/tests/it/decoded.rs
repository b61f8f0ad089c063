//! What bytes are read as and how they are written again, as JSON in the words of `spec/vectors/README.md`.
//!
//! Included by the tests and by the example `decode_lines`, so that vectors and the differential test judge the same thing.

use bytes::{Bytes, BytesMut};
use pageport_proto::claim::{PrivateKey, Seed, Statement, Subject};
use pageport_proto::frame::{self, Ack, Entry, Farewell, Frame, Mark};
use pageport_proto::head::{Accepted, Claim, Listening, ListeningPort, Reply, Request, Secured, Visit};
use pageport_proto::hello::{Hello, Nonce, SessionId, Welcome};
use pageport_proto::numbered::{Answer, Down, Mode, Up};
use pageport_proto::{Code, json, limits, varint};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What was read.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// In the notation of the vectors.
    pub(crate) value: Value,
    /// The same as bytes once more.
    pub(crate) encoded: Vec<u8>,
}

/// Reads bytes as the kind of a file of vectors says.
pub(crate) fn decode(kind: &str, bytes: &[u8]) -> Result<Decoded, Code> {
    match kind {
        "varint" => integer(bytes),
        "message" => message(bytes),
        "json" => strict(bytes),
        "hello" => Hello::parse(bytes).map(|hello| written(&hello.to_payload())),
        "welcome" => Welcome::parse(bytes).map(|welcome| written(&welcome.to_payload())),
        "visit" => Visit::parse(bytes).map(|visit| serialized(&visit)),
        "request" => Request::parse(bytes).map(|request| serialized(&request)),
        "listening reply" => Reply::<Listening>::parse(bytes).map(|reply| serialized(&reply)),
        "port reply" => Reply::<ListeningPort>::parse(bytes).map(|reply| serialized(&reply)),
        "accepting reply" => Reply::<Accepted>::parse(bytes).map(|reply| serialized(&reply)),
        "tls reply" => Reply::<Secured>::parse(bytes).map(|reply| serialized(&reply)),
        "claim" => claim(bytes),
        "up" => up(bytes),
        "down" => down(bytes),
        "down answer" => down_answer(bytes),
        other => panic!("no such kind: {other}"),
    }
}

/// Bytes in lower case, without groups.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

fn integer(bytes: &[u8]) -> Result<Decoded, Code> {
    let mut rest = bytes;
    let value = varint::take(&mut rest).filter(|_| rest.is_empty()).ok_or(Code::ERR_FRAME_MALFORMED)?;
    let peeked = varint::peek(bytes);
    assert_eq!(peeked, varint::Peek::Value(value, bytes.len()), "take and peek differ");
    let mut encoded = Vec::new();
    varint::put(&mut encoded, value);
    assert_eq!(encoded.len(), varint::len(value), "put and len differ");
    Ok(Decoded { value: json!(value), encoded })
}

fn message(bytes: &[u8]) -> Result<Decoded, Code> {
    let frames = frame::decode_message(Bytes::copy_from_slice(bytes))?;
    let mut encoded = BytesMut::new();
    frames.iter().for_each(|frame| frame.encode(&mut encoded));
    Ok(Decoded { value: frames.iter().map(frame_value).collect(), encoded: encoded.to_vec() })
}

fn strict(bytes: &[u8]) -> Result<Decoded, Code> {
    if bytes.len() > limits::HEAD {
        return Err(Code::ERR_HEAD_TOO_LARGE);
    }
    json::check(bytes).map_err(|_| Code::ERR_HEAD_INVALID)?;
    Ok(Decoded { value: Value::Null, encoded: Vec::new() })
}

/// A claim and its circumstances; what makes the same claim is the seed.
#[derive(Deserialize)]
struct Circumstances {
    origin: String,
    session: SessionId,
    nonce: Nonce,
    subject: String,
    claim: Claim,
    seed: Option<Seed>,
}

fn claim(bytes: &[u8]) -> Result<Decoded, Code> {
    let Circumstances { origin, session, nonce, subject, claim, seed } =
        serde_json::from_slice(bytes).expect("a claim");
    let subject = Subject::parse(&subject).expect("a subject");
    let statement = Statement { origin: &origin, session: &session, nonce: &nonce, subject: &subject };
    statement.verify(&claim)?;
    let key = PrivateKey::new(&seed.expect("the seed of a good claim"));
    let made = key.claim(&statement, claim.slot);
    let message = hex(&statement.message(&key.public()));
    Ok(Decoded { value: json!({ "message": message, "claim": made }), encoded: bytes.to_vec() })
}

fn up(bytes: &[u8]) -> Result<Decoded, Code> {
    let (up, message) = Up::parse_whole(bytes)?;
    let value = json!({ "id": hex(up.id.as_bytes()), "seq": up.seq, "message": hex(message) });
    Ok(Decoded { value, encoded: [&up.encode(), message].concat() })
}

fn down(bytes: &[u8]) -> Result<Decoded, Code> {
    let down = Down::parse(bytes)?;
    let mode = match down.mode {
        Mode::Stream => 0,
        Mode::Poll => 1,
        Mode::Now => 2,
    };
    let value = json!({ "id": hex(down.id.as_bytes()), "ack": down.ack, "mode": mode });
    Ok(Decoded { value, encoded: down.encode().to_vec() })
}

/// Once in one piece and once byte by byte, as networks do.
fn down_answer(bytes: &[u8]) -> Result<Decoded, Code> {
    let whole = answered([bytes]);
    assert_eq!(whole, answered(bytes.chunks(1)), "pieces differ");
    let (messages, rest) = whole?;
    Ok(Decoded { value: json!({ "messages": messages, "rest": rest }), encoded: bytes.to_vec() })
}

fn answered<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(Vec<String>, usize), Code> {
    let (mut answer, mut messages) = (Answer::default(), Vec::new());
    for piece in pieces {
        answer.push(piece);
        while let Some(message) = answer.next_message()? {
            messages.push(hex(&message));
        }
    }
    Ok((messages, answer.unread()))
}

fn serialized(value: &impl Serialize) -> Decoded {
    written(&serde_json::to_vec(value).expect("heads can be written"))
}

fn written(encoded: &[u8]) -> Decoded {
    let value = serde_json::from_slice(encoded).expect("what is written is JSON");
    Decoded { value, encoded: encoded.to_vec() }
}

fn frame_value(frame: &Frame) -> Value {
    match frame {
        Frame::Hello(payload) => json!({ "type": "HELLO", "payload": hex(payload) }),
        Frame::Welcome(payload) => json!({ "type": "WELCOME", "payload": hex(payload) }),
        Frame::Resume(resume) => {
            let entries: Value = resume.entries.iter().map(entry_value).collect();
            json!({ "type": "RESUME", "end": resume.end, "highest": resume.highest, "entries": entries })
        }
        Frame::Data(data) => {
            let (stream, offset) = (data.stream.get(), data.offset);
            let mut value =
                json!({ "type": "DATA", "stream": stream, "offset": offset, "bytes": hex(&data.bytes) });
            match data.mark {
                Mark::None => {}
                Mark::Fin => value["fin"] = true.into(),
                Mark::Blocked => value["blocked"] = true.into(),
            }
            value
        }
        Frame::Ack(entries) => {
            json!({ "type": "ACK", "entries": entries.iter().map(ack_value).collect::<Value>() })
        }
        Frame::Reset { stream, code, last } => {
            json!({ "type": "RESET", "stream": stream.get(), "code": code.number(), "final": last })
        }
        Frame::Stop { stream, code } => {
            json!({ "type": "STOP", "stream": stream.get(), "code": code.number() })
        }
        Frame::Ping(token) => json!({ "type": "PING", "bytes": hex(token) }),
        Frame::Pong(token) => json!({ "type": "PONG", "bytes": hex(token) }),
        Frame::GoAway(away) => json!({
            "type": "GOAWAY", "last": away.last, "deadline": away.deadline, "reason": away.reason.number(),
            "retry_min": away.retry_min, "retry_max": away.retry_max,
        }),
        Frame::Detach(farewell) => farewell_value("DETACH", farewell),
        Frame::Close(farewell) => farewell_value("CLOSE", farewell),
        Frame::Datagram { flow, bytes } => json!({ "type": "DATAGRAM", "flow": flow, "bytes": hex(bytes) }),
        Frame::Skipped => json!({ "type": "SKIPPED" }),
    }
}

fn ack_value(ack: &Ack) -> Value {
    json!({ "stream": ack.stream.get(), "received": ack.received, "limit": ack.limit })
}

fn entry_value(entry: &Entry) -> Value {
    let mut value = ack_value(&entry.ack);
    if let Some((code, last)) = entry.reset {
        value["reset"] = json!({ "code": code.number(), "final": last });
    }
    if let Some(code) = entry.stop {
        value["stop"] = code.number().into();
    }
    value
}

fn farewell_value(name: &str, farewell: &Farewell) -> Value {
    json!({ "type": name, "code": farewell.code.number(), "message": farewell.message })
}
