//! The codec of the dialects: whatever comes, in whatever pieces, means the same.

use pageport_gateway::dialects::frames::{
    Control, Decoder, Event, HEAD_ROOM, PAYLOAD_MAX, Violation, put_head,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::dialect::frame;

/// What a client has said, all told: bytes, pings, and how it ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    bytes: Vec<u8>,
    pings: Vec<Vec<u8>>,
    end: Option<Result<Option<u16>, Violation>>,
}

/// Reads it in pieces of these lengths, the last one again and again.
fn read(bytes: &[u8], pieces: &[usize]) -> Said {
    let (mut decoder, mut said) = (Decoder::default(), Said::default());
    let (mut rest, mut lengths) = (bytes, pieces.iter().copied());
    let mut length = bytes.len().max(1);
    while !rest.is_empty() && said.end.is_none() {
        length = lengths.next().unwrap_or(length).clamp(1, rest.len());
        let mut piece = rest[..length].to_vec();
        rest = &rest[length..];
        let mut at = 0;
        loop {
            match decoder.next(&mut piece, &mut at) {
                Ok(None) => break,
                Ok(Some(Event::Data(place))) => {
                    assert!(!place.is_empty() && place.end <= at);
                    said.bytes.extend(&piece[place]);
                }
                Ok(Some(Event::Ping)) => said.pings.push(decoder.control().to_vec()),
                Ok(Some(Event::Pong)) => {}
                Ok(Some(Event::Close(reason))) => said.end = Some(Ok(reason)),
                Err(violation) => {
                    said.end = Some(Err(violation));
                    break;
                }
            }
        }
        assert!(said.end.is_some() || at == piece.len(), "all of it is taken");
    }
    said
}

#[derive(Debug, Clone)]
enum Part {
    Message(Vec<Vec<u8>>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn part() -> impl Strategy<Value = Part> {
    let short = || vec(any::<u8>(), 0..=125);
    let fragment =
        prop_oneof![vec(any::<u8>(), 0..300), vec(any::<u8>(), 2_000..5_000), Just(vec![9; 70_000])];
    prop_oneof![
        3 => vec(fragment, 1..4).prop_map(Part::Message),
        1 => short().prop_map(Part::Ping),
        1 => short().prop_map(Part::Pong),
    ]
}

fn written(parts: &[Part]) -> (Vec<u8>, Said) {
    let (mut bytes, mut said) = (Vec::new(), Said::default());
    for part in parts {
        match part {
            Part::Message(fragments) => {
                for (at, fragment) in fragments.iter().enumerate() {
                    let fin = if at + 1 == fragments.len() { 0x80 } else { 0 };
                    bytes.extend(frame(fin | if at == 0 { 2 } else { 0 }, fragment));
                    said.bytes.extend(fragment);
                }
            }
            Part::Ping(payload) => {
                bytes.extend(frame(0x89, payload));
                said.pings.push(payload.clone());
            }
            Part::Pong(payload) => bytes.extend(frame(0x8a, payload)),
        }
    }
    (bytes, said)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_was_said_is_what_is_heard_however_it_is_split(
        parts in vec(part(), 0..12),
        pieces in vec(1_usize..9_000, 0..40),
        close in proptest::option::of(3000_u16..5000),
    ) {
        let (mut bytes, mut said) = written(&parts);
        bytes.extend(frame(0x88, &close.map_or(Vec::new(), |code| code.to_be_bytes().to_vec())));
        bytes.extend(b"nothing behind it counts");
        said.end = Some(Ok(close));
        prop_assert_eq!(&read(&bytes, &pieces), &said);
        prop_assert_eq!(&read(&bytes, &[]), &said);
    }

    #[test]
    fn any_bytes_mean_the_same_in_any_pieces(bytes in vec(any::<u8>(), 0..400), piece in 1_usize..20) {
        prop_assert_eq!(read(&bytes, &[piece]), read(&bytes, &[]));
    }

    #[test]
    fn nearly_frames_mean_the_same_in_any_pieces(
        first in any::<u8>(),
        payload in vec(any::<u8>(), 0..200),
        flip in (0_usize..16, 0_u8..8),
    ) {
        let mut bytes = [frame(0x02, b"abc"), frame(first, &payload), frame(0x80, b"def")].concat();
        bytes[flip.0] ^= 1 << flip.1;
        prop_assert_eq!(read(&bytes, &[1]), read(&bytes, &[]));
    }
}

#[test]
fn the_head_of_a_frame_stands_in_front_of_its_payload_in_the_shortest_form() {
    for length in [1, 125, 126, 127, 0xff, 0x100, PAYLOAD_MAX] {
        let mut buffer = vec![7; HEAD_ROOM + length];
        let start = put_head(&mut buffer).expect("fits");
        let head = &buffer[start..HEAD_ROOM];
        let bytes = u16::try_from(length).expect("fits").to_be_bytes();
        let expected = if length < 126 { vec![0x82, bytes[1]] } else { vec![0x82, 126, bytes[0], bytes[1]] };
        assert_eq!(head, expected, "{length}");
        assert!(buffer[HEAD_ROOM..].iter().all(|byte| *byte == 7));
    }
    assert_eq!(put_head(&mut vec![0; HEAD_ROOM + PAYLOAD_MAX + 1]), None);
    assert_eq!(put_head(&mut [0; HEAD_ROOM - 1]), None);
}

#[test]
fn control_frames_are_short_whatever_they_are_to_say() {
    assert_eq!(Control::pong(b"abc").as_bytes(), b"\x8a\x03abc");
    assert_eq!(Control::pong(&[1; 500]).as_bytes().len(), 127);
    assert_eq!(Control::close_without_reason().as_bytes(), b"\x88\x00");
    assert_eq!(Control::close(1000, "").as_bytes(), b"\x88\x02\x03\xe8");
    let long = "\u{e4}".repeat(100);
    let close = Control::close(1011, &long);
    assert_eq!(close.as_bytes().len(), 2 + 2 + 122, "whole characters");
    assert!(std::str::from_utf8(&close.as_bytes()[4..]).is_ok());
}
