//! Any bytes as a body of the carrier `http`, and as an answer that comes in any pieces: what is read is what would be written, pieces
//! make no difference, and nothing is held but one message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pageport_proto::Code;
use pageport_proto::numbered::{Answer, Down, PREAMBLE, Up};

// The first byte says what the rest is, and for an answer how long its pieces are.
fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 3 {
        0 => up(bytes),
        1 => down(bytes),
        _ => answer(bytes, usize::from(*kind) / 3 + 1),
    }
});

fn up(bytes: &[u8]) {
    match Up::parse_whole(bytes) {
        Ok((up, message)) => {
            assert!(!message.is_empty() && bytes.ends_with(message));
            let written = [&up.encode(), message].concat();
            assert_eq!(Up::parse_whole(&written), Ok((up, message)));
        }
        Err(code) => assert!([Code::ERR_CARRIER_REQUEST, Code::ERR_BODY_TOO_LARGE].contains(&code), "{code}"),
    }
}

fn down(bytes: &[u8]) {
    match Down::parse(bytes) {
        Ok(down) => assert_eq!(Down::parse(&down.encode()), Ok(down)),
        Err(code) => assert_eq!(code, Code::ERR_CARRIER_REQUEST),
    }
}

fn answer(bytes: &[u8], piece: usize) {
    let bytes = [&PREAMBLE[..], bytes].concat();
    let whole = read([&bytes[..]]);
    assert_eq!(whole, read(bytes.chunks(piece)), "pieces differ");
}

/// The messages, and how many bytes are left, or what was wrong behind them.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Result<usize, Code>) {
    let (mut answer, mut messages) = (Answer::default(), Vec::new());
    for piece in pieces {
        answer.push(piece);
        loop {
            match answer.next_message() {
                Ok(Some(message)) => messages.push(message.to_vec()),
                Ok(None) => break,
                Err(code) => return (messages, Err(code)),
            }
        }
    }
    (messages, Ok(answer.unread()))
}
