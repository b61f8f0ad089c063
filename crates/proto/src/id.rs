//! Roles and stream ids (§3).

use std::fmt;

/// Which end of a session this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Attaches; opens odd ids. Native programs take this role too.
    Page,
    /// Is attached to; opens even ids.
    Gateway,
}

impl Role {
    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Role {
        match self {
            Role::Page => Role::Gateway,
            Role::Gateway => Role::Page,
        }
    }

    /// The id of the first stream that this role opens.
    #[must_use]
    pub const fn first_id(self) -> StreamId {
        match self {
            Role::Page => StreamId(1),
            Role::Gateway => StreamId(2),
        }
    }
}

/// The id of a stream: odd when the page opened it, even when the gateway did, never 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u64);

impl StreamId {
    /// `None` for 0 and for what does not fit the wire.
    #[must_use]
    pub const fn new(id: u64) -> Option<StreamId> {
        if id == 0 || id > crate::varint::MAX { None } else { Some(StreamId(id)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Which role opened this stream.
    #[must_use]
    pub const fn opener(self) -> Role {
        if self.0 % 2 == 1 { Role::Page } else { Role::Gateway }
    }

    /// The next id of the same parity.
    #[must_use]
    pub(crate) const fn next(self) -> StreamId {
        StreamId(self.0 + 2)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
