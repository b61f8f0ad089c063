//! Any carrier message is read or refused; what was read is canonical once written, and comes the same in pieces.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use pageport_proto::frame::{Decoded, Frame, decode, decode_message};

fuzz_target!(|data: &[u8]| {
    let message = Bytes::copy_from_slice(data);
    let whole = decode_message(message.clone());
    let pieces = in_pieces(data);
    let Ok(frames) = whole else { return };
    assert_eq!(pieces, frames, "a stream of bytes was read otherwise than a message");
    let kept: Vec<Frame> = frames.into_iter().filter(|frame| *frame != Frame::Skipped).collect();
    let canonical = encode(&kept);
    assert!(canonical.len() <= data.len(), "written longer than read");
    if !kept.is_empty() {
        let again = decode_message(canonical.clone()).expect("what is written is read");
        assert_eq!(again, kept);
        assert_eq!(encode(&again), canonical);
    }
});

/// As a carrier without message borders brings it: a few bytes at a time.
fn in_pieces(data: &[u8]) -> Vec<Frame> {
    let step = usize::from(data.first().copied().unwrap_or(0) % 7) + 1;
    let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
    for piece in data.chunks(step) {
        buffer.extend_from_slice(piece);
        let mut bytes = buffer.split().freeze();
        loop {
            let before = bytes.clone();
            match decode(&mut bytes) {
                Ok(Decoded::Frame(frame)) => frames.push(frame),
                Ok(Decoded::Partial) => {
                    assert_eq!(before, bytes, "a partial frame was taken");
                    break;
                }
                Err(_) => return frames,
            }
        }
        buffer.extend_from_slice(&bytes);
    }
    frames
}

fn encode(frames: &[Frame]) -> Bytes {
    let mut bytes = BytesMut::new();
    frames.iter().for_each(|frame| frame.encode(&mut bytes));
    bytes.freeze()
}
