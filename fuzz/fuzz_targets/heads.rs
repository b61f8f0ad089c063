//! Any JSON is read or refused; what was read is strict JSON once written, and is read as the same again.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use pageport_proto::head::{Accepted, Headers, Listening, ListeningPort, Reply, Request, Visit};
use pageport_proto::hello::{Hello, Welcome};
use pageport_proto::{Code, json};
use serde::Serialize;

/// The first byte says what the rest is read as.
fuzz_target!(|data: &[u8]| {
    let Some((kind, text)) = data.split_first() else { return };
    match kind % 7 {
        0 => again(text, Hello::parse, Hello::to_payload),
        1 => again(text, Welcome::parse, Welcome::to_payload),
        2 => again(text, Visit::parse, write),
        3 => again(text, Request::parse, write),
        4 => again(text, Reply::<Accepted>::parse, write),
        5 => again(text, Reply::<Listening>::parse, write),
        _ => again(text, Reply::<ListeningPort>::parse, write),
    }
    if let Ok(Visit::WebSocket(visit) | Visit::Http(visit)) = Visit::parse(text) {
        cannot_smuggle(&visit.headers);
    }
});

fn again<T: Debug + PartialEq>(
    text: &[u8],
    parse: impl Fn(&[u8]) -> Result<T, Code>,
    write: impl Fn(&T) -> Vec<u8>,
) {
    let Ok(first) = parse(text) else { return };
    json::check(text).expect("what is accepted is strict");
    let written = write(&first);
    json::check(&written).expect("what is written is strict");
    assert_eq!(parse(&written).expect("what is written is read"), first);
}

/// Written as HTTP has it, a field stays one line with one colon after its name.
fn cannot_smuggle(headers: &Headers) {
    for (name, value) in headers.iter() {
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'));
        assert!(value.chars().all(|char| u32::from(char) < 0x100 && !matches!(char, '\r' | '\n' | '\0')));
        assert_eq!(value.trim_matches([' ', '\t']), value);
    }
}

fn write(head: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(head).expect("heads can be written")
}
