//! Any message of a client of Wisp: it is read without harm, and what is read of a target is the form that everybody reads alike.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use pageport_gateway::dialects::wisp::info::{Shown, Theirs};
use pageport_gateway::dialects::wisp::packet::{HEADER, Packet};
use pageport_proto::target::Endpoint;

fuzz_target!(|data: &[u8]| {
    let Ok(packet) = Packet::parse(Bytes::copy_from_slice(data)) else { return };
    assert!(data.len() >= HEADER);
    let id = u32::from_le_bytes(data[1..HEADER].try_into().expect("four bytes"));
    match packet {
        Packet::Connect { stream, wish } => {
            assert_eq!(stream.get(), id);
            if let Some(wish) = wish {
                assert_ne!(wish.to.port, 0);
                assert_eq!(Endpoint::parse(&wish.to.to_string()), Some(wish.to));
            }
        }
        Packet::Data { stream, payload } => assert_eq!((stream.get(), &payload[..]), (id, &data[HEADER..])),
        Packet::Close { stream, reason } => {
            assert_eq!((stream.map_or(0, |stream| stream.get()), reason), (id, data[HEADER]));
        }
        Packet::Info(payload) => match Theirs::parse(payload).and_then(|theirs| theirs.shown) {
            Some(Shown::Password { name, password }) => assert!(name.len() + password.len() <= data.len()),
            Some(Shown::Signature { hash, .. }) => assert!([32, 64].contains(&hash.len())),
            None => {}
        },
        Packet::Continue => {}
    }
});
