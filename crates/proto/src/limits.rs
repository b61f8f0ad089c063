//! Limits of the wire, and the three numbers that each side announces (§4, §5).

use serde::{Deserialize, Serialize};

/// The largest payload of a frame: 64 KiB of stream bytes and room for what stands before them.
pub const FRAME: usize = 66_560;
/// The largest number of stream bytes in one DATA frame.
pub const DATA: usize = 65_536;
/// The largest carrier message.
pub const MESSAGE: usize = 262_144;
/// The largest HELLO or WELCOME.
pub const HELLO: usize = 4_096;
/// The largest head or reply.
pub const HEAD: usize = 16_384;
/// How many subprotocols of a WebSocket may be offered: each is compared with all others.
pub const PROTOCOLS: usize = 32;
/// The largest unknown frame that is skipped, and how many of them in any minute.
pub const SKIPPED: usize = 4_096;
/// How many unknown frames may be skipped in a minute.
pub const SKIPPED_PER_MINUTE: usize = 100;
/// The largest datagram.
pub const DATAGRAM: usize = 1_200;
/// How many datagrams wait for a carrier; the oldest is dropped.
pub const DATAGRAM_QUEUE: usize = 64;
/// The largest message text of DETACH and CLOSE.
pub const REASON: usize = 512;
/// The most entries of one RESUME: what both sides may have open.
pub const RESUME_ENTRIES: usize = 131_072;
/// A stream's window as soon as it is seen.
pub const WINDOW: u64 = 65_536;
/// The largest window of a stream.
pub const WINDOW_MAX: u64 = 4 << 20;
/// The largest final offset: final + 1 must still fit.
pub const OFFSET: u64 = crate::varint::MAX - 1;

/// What a side announces in HELLO or WELCOME; a constant of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// How many streams of the peer may be open at once. 1 to 65,536.
    pub streams: u64,
    /// I: the limit that a new stream starts with, in bytes. 1,024 to 65,536.
    pub initial: u64,
    /// S: how many bytes this side retains until they are received. 65,536 to 2^32.
    pub unreceived: u64,
}

impl Limits {
    /// Whether every number is in its range.
    #[must_use]
    pub fn valid(&self) -> bool {
        (1..=65_536).contains(&self.streams)
            && (1_024..=65_536).contains(&self.initial)
            && (65_536..=1 << 32).contains(&self.unreceived)
    }
}

impl Default for Limits {
    /// 4,096 streams, 4 KiB, 8 MiB.
    fn default() -> Self {
        Limits { streams: 4_096, initial: 4_096, unreceived: 8 << 20 }
    }
}
