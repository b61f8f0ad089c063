//! Any bytes as frames of a dialect's client, in any pieces: what they mean does not depend on how they are split, and what is read as payload is as much
//! as the frames say.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pageport_gateway::dialects::frames::{CONTROL_MAX, Control, Decoder, Event, Violation};

// The first byte says how long the pieces are.
fuzz_target!(|data: &[u8]| {
    let Some((piece, bytes)) = data.split_first() else { return };
    let whole = read([bytes]);
    assert_eq!(whole, read(bytes.chunks(usize::from(*piece) + 1)), "pieces differ");
    assert_eq!(whole, read(bytes.chunks(1)), "bytes differ");
    assert!(whole.payload.len() + whole.pings.iter().map(Vec::len).sum::<usize>() <= bytes.len());
});

#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    payload: Vec<u8>,
    pings: Vec<Vec<u8>>,
    end: Option<Result<Option<u16>, Violation>>,
}

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Said {
    let (mut decoder, mut said) = (Decoder::default(), Said::default());
    for piece in pieces {
        let (mut buffer, mut at) = (piece.to_vec(), 0);
        loop {
            let before = at;
            match decoder.next(&mut buffer, &mut at) {
                Ok(None) => break,
                Ok(Some(Event::Data(place))) => {
                    assert!(!place.is_empty() && place.start >= before && place.end <= at, "{place:?}");
                    said.payload.extend_from_slice(&buffer[place]);
                }
                Ok(Some(Event::Ping)) => {
                    let payload = decoder.control();
                    assert!(payload.len() <= CONTROL_MAX);
                    assert!(Control::pong(payload).as_bytes().ends_with(payload));
                    said.pings.push(payload.to_vec());
                }
                Ok(Some(Event::Pong)) => {}
                Ok(Some(Event::Close(reason))) => {
                    assert!(reason.is_none_or(|reason| (1000..5000).contains(&reason)));
                    said.end = Some(Ok(reason));
                }
                Err(violation) => {
                    assert!([1002, 1003, 1007].contains(&violation.reason()));
                    // Behind a violation nothing means anything.
                    said.end = Some(Err(violation));
                    return said;
                }
            }
        }
        assert_eq!(at, buffer.len(), "all of it is taken");
    }
    said
}
