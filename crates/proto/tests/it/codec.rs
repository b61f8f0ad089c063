//! What holds for every frame and every byte, whoever made them.

use bytes::{Bytes, BytesMut};
use pageport_proto::frame::{
    Ack, Data, Decoded, Entry, Farewell, Frame, GoAway, Mark, Resume, decode, decode_message,
};
use pageport_proto::{Code, StreamId, limits, varint};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn integers_come_back(value in integer()) {
        let mut bytes = Vec::new();
        varint::put(&mut bytes, value);
        prop_assert_eq!(bytes.len(), varint::len(value));
        prop_assert_eq!(varint::peek(&bytes), varint::Peek::Value(value, bytes.len()));
        prop_assert_eq!(varint::take(&mut &bytes[..]), Some(value));
        for short in 0..bytes.len() {
            prop_assert_eq!(varint::peek(&bytes[..short]), varint::Peek::Short);
            prop_assert_eq!(varint::take(&mut &bytes[..short]), None);
        }
    }

    #[test]
    fn frames_come_back(frames in vec(frame(), 1..8)) {
        let message = encode(&frames);
        prop_assume!(message.len() <= limits::MESSAGE);
        prop_assert_eq!(decode_message(message), Ok(frames));
    }

    #[test]
    fn a_beginning_is_partial_and_takes_nothing(frame in frame(), cut in any::<prop::sample::Index>()) {
        let whole = encode(std::slice::from_ref(&frame));
        let at = cut.index(whole.len());
        let mut part = whole.slice(..at);
        prop_assert_eq!(decode(&mut part), Ok(Decoded::Partial));
        prop_assert_eq!(part, whole.slice(..at));
    }

    #[test]
    fn pieces_of_any_size_give_the_same_frames(frames in vec(frame(), 1..6), cuts in vec(1..5_000_usize, 1..40)) {
        let mut left = encode(&frames);
        let (mut buffer, mut seen) = (BytesMut::new(), Vec::new());
        for cut in cuts.iter().cycle() {
            if left.is_empty() {
                break;
            }
            buffer.extend_from_slice(&left.split_to((*cut).min(left.len())));
            let mut bytes = buffer.split().freeze();
            while let Decoded::Frame(frame) = decode(&mut bytes).expect("well-formed") {
                seen.push(frame);
            }
            buffer.extend_from_slice(&bytes);
        }
        prop_assert!(buffer.is_empty());
        prop_assert_eq!(seen, frames);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in hostile()) {
        let bytes = Bytes::from(bytes);
        if let Ok(frames) = decode_message(bytes.clone()) {
            // What is read is canonical once written: reading and writing it again changes nothing.
            let kept: Vec<Frame> = frames.into_iter().filter(|frame| *frame != Frame::Skipped).collect();
            let canonical = encode(&kept);
            prop_assert!(canonical.len() <= bytes.len());
            if !kept.is_empty() {
                prop_assert_eq!(decode_message(canonical), Ok(kept));
            }
        }
        let mut stream = bytes;
        while let Ok(Decoded::Frame(_)) = decode(&mut stream) {}
    }

    #[test]
    fn what_is_too_large_is_refused_by_its_header(
        kind in prop_oneof![0..0x20_u64, integer()],
        len in prop_oneof![limits::FRAME as u64 + 1..=limits::FRAME as u64 + 9, limits::FRAME as u64 + 1..=varint::MAX],
    ) {
        let mut header = BytesMut::new();
        varint::put(&mut header, kind);
        varint::put(&mut header, len);
        let known = kind <= 0x16 || kind == 0x19;
        let code = if kind % 2 == 0 && !known { Code::ERR_FRAME_UNKNOWN } else { Code::ERR_FRAME_TOO_LARGE };
        prop_assert_eq!(decode(&mut header.freeze()), Err(code));
    }

    #[test]
    fn a_message_that_says_goodbye_is_cut_at_a_character(text in "\\PC{0,400}", code in any::<u32>()) {
        let farewell = Farewell::new(Code::from_number(code), &text);
        prop_assert!(farewell.message.len() <= limits::REASON);
        prop_assert!(text.starts_with(&farewell.message));
        prop_assert!(farewell.message.len() + 4 > limits::REASON || farewell.message == text);
    }
}

#[test]
fn stream_bytes_are_not_copied() {
    let data = Data { stream: id(1), offset: 0, mark: Mark::None, bytes: Bytes::from(vec![7; 50_000]) };
    let message = encode(&[Frame::Data(data)]);
    let range = message.as_ptr_range();
    let frames = decode_message(message).expect("well-formed");
    let [Frame::Data(data)] = &frames[..] else { panic!("not one DATA") };
    assert!(range.contains(&data.bytes.as_ptr()), "the bytes were copied");
}

fn encode(frames: &[Frame]) -> Bytes {
    let mut bytes = BytesMut::new();
    for frame in frames {
        let before = bytes.len();
        frame.encode(&mut bytes);
        assert!(bytes.len() > before);
    }
    bytes.freeze()
}

fn id(id: u64) -> StreamId {
    StreamId::new(id).expect("an id")
}

/// All sizes of integers alike, and their borders often.
fn integer() -> impl Strategy<Value = u64> {
    const BORDERS: [u64; 8] = [0, 63, 64, 16_383, 16_384, (1 << 30) - 1, 1 << 30, varint::MAX];
    prop_oneof![
        0..64_u64,
        64..16_384_u64,
        16_384..1_u64 << 30,
        1_u64 << 30..=varint::MAX,
        prop::sample::select(&BORDERS[..])
    ]
}

fn stream() -> impl Strategy<Value = StreamId> {
    integer().prop_filter_map("0 is no id", StreamId::new)
}

fn code() -> impl Strategy<Value = Code> {
    prop_oneof![0..200_u32, any::<u32>()].prop_map(Code::from_number)
}

fn last() -> impl Strategy<Value = u64> {
    integer().prop_map(|last| last.min(limits::OFFSET))
}

fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        payload(limits::HELLO).prop_map(Frame::Hello),
        payload(limits::HELLO).prop_map(Frame::Welcome),
        resume().prop_map(Frame::Resume),
        data().prop_map(Frame::Data),
        vec(ack(), 1..40).prop_map(Frame::Ack),
        (stream(), code(), last()).prop_map(|(stream, code, last)| Frame::Reset { stream, code, last }),
        (stream(), code()).prop_map(|(stream, code)| Frame::Stop { stream, code }),
        any::<[u8; 8]>().prop_map(Frame::Ping),
        any::<[u8; 8]>().prop_map(Frame::Pong),
        go_away().prop_map(Frame::GoAway),
        farewell().prop_map(Frame::Detach),
        farewell().prop_map(Frame::Close),
        (integer(), payload(limits::DATAGRAM)).prop_map(|(flow, bytes)| Frame::Datagram { flow, bytes }),
    ]
}

/// Mostly short, sometimes as long as allowed.
fn payload(most: usize) -> impl Strategy<Value = Bytes> {
    let length = prop_oneof![8 => 0..most.min(60), 1 => 0..=most, 1 => Just(most)];
    (length, any::<u8>()).prop_map(|(length, seed)| {
        let byte = |at: usize| u8::try_from(at * 31 % 251).unwrap_or(0) ^ seed;
        (0..length).map(byte).collect::<Vec<u8>>().into()
    })
}

fn data() -> impl Strategy<Value = Data> {
    let mark = prop::sample::select(&[Mark::None, Mark::Fin, Mark::Blocked][..]);
    (stream(), integer(), mark, payload(limits::DATA)).prop_map(|(stream, offset, mark, bytes)| {
        let mark = if bytes.is_empty() && mark == Mark::None { Mark::Fin } else { mark };
        let offset = offset.min(limits::OFFSET - bytes.len() as u64);
        Data { stream, offset, mark, bytes }
    })
}

fn ack() -> impl Strategy<Value = Ack> {
    (stream(), integer(), integer()).prop_map(|(stream, received, limit)| Ack { stream, received, limit })
}

fn resume() -> impl Strategy<Value = Resume> {
    let entry = (ack(), proptest::option::of((code(), last())), proptest::option::of(code()));
    let entries = vec(entry.prop_map(|(ack, reset, stop)| Entry { ack, reset, stop }), 0..40);
    (any::<bool>(), integer(), entries).prop_map(|(end, highest, mut entries)| {
        entries.sort_by_key(|entry| entry.ack.stream);
        entries.dedup_by_key(|entry| entry.ack.stream);
        Resume { end, highest, entries }
    })
}

fn go_away() -> impl Strategy<Value = GoAway> {
    (integer(), integer(), code(), integer(), integer()).prop_map(|(last, deadline, reason, a, b)| GoAway {
        last,
        deadline,
        reason,
        retry_min: a.min(b),
        retry_max: a.max(b),
    })
}

fn farewell() -> impl Strategy<Value = Farewell> {
    (code(), "\\PC{0,120}").prop_map(|(code, message)| Farewell::new(code, &message))
}

/// Random bytes; and frames with random damage, which get much further.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let damaged = (
        vec(frame(), 1..4),
        vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        any::<prop::sample::Index>(),
    );
    prop_oneof![
        vec(any::<u8>(), 0..200),
        damaged.prop_map(|(frames, damage, cut)| {
            let mut bytes = encode(&frames).to_vec();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if cut.index(3) == 0 {
                bytes.truncate(cut.index(bytes.len()));
            }
            bytes
        }),
    ]
}
