//! One carrier: two pipes of bytes that can be cut anywhere, with or without anybody noticing.

use bytes::{Bytes, BytesMut};
use pageport_proto::{Role, StreamId};

#[derive(Default)]
pub(crate) struct Pipe {
    /// On the way, by sender.
    way: [BytesMut; 2],
    /// How many more bytes get through, by sender; `None` while nothing is cut.
    left: [Option<usize>; 2],
    /// What the receiver has not decoded yet, by sender.
    pub(crate) arrived: [BytesMut; 2],
    /// Who knows that the carrier is gone.
    pub(crate) known: [bool; 2],
    /// The gateway has read HELLO.
    pub(crate) greeted: bool,
    /// Native streams; `None` on a carrier that has none.
    pub(crate) native: Option<Native>,
    /// A control: one byte on the way is changed.
    pub(crate) flip: bool,
}

/// The native streams of a carrier, by sender.
#[derive(Default)]
pub(crate) struct Native(pub(crate) [Vec<Lane>; 2]);

/// One native stream.
pub(crate) struct Lane {
    pub(crate) stream: StreamId,
    /// Where the next byte belongs that the receiver takes; `None` before the first.
    pub(crate) offset: Option<u64>,
    pub(crate) way: BytesMut,
    /// Its sender has ended it.
    pub(crate) over: bool,
}

impl Pipe {
    pub(crate) fn new(native: bool) -> Pipe {
        Pipe { native: native.then(Native::default), ..Pipe::default() }
    }

    pub(crate) fn lanes(&mut self, from: Role) -> &mut Vec<Lane> {
        &mut self.native.get_or_insert_default().0[at(from)]
    }

    pub(crate) fn put(&mut self, from: Role, bytes: &Bytes) {
        self.way[at(from)].extend_from_slice(bytes);
    }

    pub(crate) fn room(&self, from: Role) -> bool {
        // Behind a cut the bytes of a whole network's buffers vanish.
        self.way[at(from)].len() < 40_000 || self.left[at(from)].is_some()
    }

    pub(crate) fn on_way(&self, from: Role) -> usize {
        self.way[at(from)].len().min(self.left[at(from)].unwrap_or(usize::MAX))
    }

    /// From now on only so many bytes get through.
    pub(crate) fn cut(&mut self, from: Role, after: usize) {
        self.left[at(from)].get_or_insert(after);
        if let Some(native) = &mut self.native {
            native.0[at(from)].clear();
        }
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.left.iter().any(Option::is_some)
    }

    /// Moves at most `max` bytes to the receiver. Returns how many.
    pub(crate) fn deliver(&mut self, from: Role, max: usize) -> usize {
        let len = self.on_way(from).min(max);
        let mut part = self.way[at(from)].split_to(len);
        if self.flip && len > 200 {
            self.flip = false;
            part[len / 2] ^= 1;
        }
        self.arrived[at(from)].extend_from_slice(&part);
        if let Some(left) = &mut self.left[at(from)] {
            *left -= len;
        }
        len
    }
}

pub(crate) fn at(role: Role) -> usize {
    usize::from(role == Role::Gateway)
}
