//! Tasks to wake once the lock is released, so that they do not run into it.

use std::task::Waker;

/// How many need no allocation: a carrier, a reader, a writer and one more.
const INLINE: usize = 4;

#[derive(Default)]
pub(crate) struct Wakes {
    first: [Option<Waker>; INLINE],
    rest: Vec<Waker>,
    /// How many streams came.
    pub(super) accepted: usize,
    /// The state of the session or of its carriers has changed.
    pub(super) changed: bool,
    /// A datagram came.
    pub(super) datagram: bool,
    /// The clock has to be set anew.
    pub(super) clock: bool,
}

impl Wakes {
    pub(super) fn add(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        match self.first.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(waker),
            None => self.rest.push(waker),
        }
    }

    /// Wakes them all.
    pub(super) fn wake(&mut self) {
        self.first.iter_mut().filter_map(Option::take).chain(self.rest.drain(..)).for_each(Waker::wake);
    }
}
