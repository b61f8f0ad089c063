//! Frames of a server: not masked, each a whole message.

use super::{CONTROL_MAX, opcode};

/// What has to be free in front of a payload for the head of its frame.
pub const HEAD_ROOM: usize = 4;
/// The longest payload whose head fits there.
pub const PAYLOAD_MAX: usize = 0xffff;

const FIN: u8 = 0x80;
/// Above it the length stands in two bytes of its own.
const SHORT: usize = 125;

/// Writes the head of a binary message that is `buffer[HEAD_ROOM..]`, directly in front of it, and says where it begins. `None` when that
/// payload is longer than [`PAYLOAD_MAX`], or there is no room.
pub fn put_head(buffer: &mut [u8]) -> Option<usize> {
    let length = buffer.len().checked_sub(HEAD_ROOM)?;
    let bytes = u16::try_from(length).ok()?.to_be_bytes();
    let first = FIN | opcode::BINARY;
    if length <= SHORT {
        buffer[2..HEAD_ROOM].copy_from_slice(&[first, bytes[1]]);
        return Some(2);
    }
    buffer[..HEAD_ROOM].copy_from_slice(&[first, 126, bytes[0], bytes[1]]);
    Some(0)
}

/// A control frame.
#[derive(Clone)]
pub struct Control {
    bytes: [u8; 2 + CONTROL_MAX],
    length: usize,
}

impl Control {
    /// The answer to a ping with this payload; of a longer one than a ping may have, its beginning.
    #[must_use]
    pub fn pong(payload: &[u8]) -> Control {
        Control::new(opcode::PONG, &[], payload)
    }

    /// The end, and why. Of a long explanation only the beginning goes, whole characters of it.
    #[must_use]
    pub fn close(reason: u16, explanation: &str) -> Control {
        let fits = explanation.floor_char_boundary(CONTROL_MAX - 2);
        Control::new(opcode::CLOSE, &reason.to_be_bytes(), &explanation.as_bytes()[..fits])
    }

    /// The end, without a reason.
    #[must_use]
    pub fn close_without_reason() -> Control {
        Control::new(opcode::CLOSE, &[], &[])
    }

    /// The frame.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn new(opcode: u8, front: &[u8], payload: &[u8]) -> Control {
        let mut bytes = [0; 2 + CONTROL_MAX];
        let mut length = 2;
        for byte in front.iter().chain(payload).take(CONTROL_MAX) {
            bytes[length] = *byte;
            length += 1;
        }
        bytes[0] = FIN | opcode;
        bytes[1] = u8::try_from(length - 2).unwrap_or_default();
        Control { bytes, length }
    }
}
