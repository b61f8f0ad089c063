//! RFC 6455 as a server that relays speaks it: frames are taken apart where they lie, and payload goes on as it comes. A message may have any length
//! and any number of fragments, for it is never collected.
//!
//! Must never allocate, nor hold more than the head of a frame and the payload of one control frame.

mod decode;
mod encode;
mod mask;

pub use decode::{Decoder, Event, Violation};
pub use encode::{Control, HEAD_ROOM, PAYLOAD_MAX, put_head};

/// The longest payload of a control frame (RFC 6455 §5.5).
pub const CONTROL_MAX: usize = 125;

/// RFC 6455 §5.2
mod opcode {
    pub(super) const CONTINUATION: u8 = 0x0;
    pub(super) const TEXT: u8 = 0x1;
    pub(super) const BINARY: u8 = 0x2;
    pub(super) const CLOSE: u8 = 0x8;
    pub(super) const PING: u8 = 0x9;
    pub(super) const PONG: u8 = 0xa;
}

/// Reasons for closing (RFC 6455 §7.4.1).
pub mod reason {
    /// All was said.
    pub const NORMAL: u16 = 1000;
    /// This end goes away.
    pub const GOING_AWAY: u16 = 1001;
    /// The protocol was broken.
    pub const PROTOCOL: u16 = 1002;
    /// A type of message that is not taken.
    pub const UNSUPPORTED: u16 = 1003;
    /// A text that is none.
    pub const NOT_UTF8: u16 = 1007;
    /// It is not allowed.
    pub const POLICY: u16 = 1008;
    /// What is behind this end failed.
    pub const FAILED: u16 = 1011;
}
