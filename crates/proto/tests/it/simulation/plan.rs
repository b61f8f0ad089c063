//! What the applications of a run do with one stream, and what each side has seen of it.

use pageport_proto::Role;

use super::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Finish,
    Reset,
    /// Finishes, and some time later has no more use for it.
    FinishThenReset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Reads to the end.
    Keen,
    /// Says STOP after so many bytes.
    StopsAfter(usize),
}

/// One direction of one stream.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) bytes: usize,
    pub(crate) end: End,
    pub(crate) reader: Reader,
    pub(crate) wrote: usize,
    pub(crate) finished: bool,
    pub(crate) write_over: bool,
    pub(crate) read: usize,
    pub(crate) outcome: Option<Outcome>,
}

/// How a reader saw its direction end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Complete,
    CutShort,
    Stopped,
}

impl Way {
    pub(crate) fn draw(random: &mut Random) -> Way {
        let bytes = if random.once_in(6) { 0 } else { random.skewed(120_000) };
        Way {
            bytes,
            end: match random.below(10) {
                0 | 1 => End::Reset,
                2 | 3 => End::FinishThenReset,
                _ => End::Finish,
            },
            reader: if random.once_in(6) { Reader::StopsAfter(random.skewed(60_000)) } else { Reader::Keen },
            wrote: 0,
            finished: false,
            write_over: false,
            read: 0,
            outcome: None,
        }
    }

    /// What is wrong with the way it ended, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        let allowed = match (self.end, self.outcome) {
            (_, Some(Outcome::Stopped)) => matches!(self.reader, Reader::StopsAfter(_)),
            (End::Finish | End::FinishThenReset, Some(Outcome::Complete)) => self.read == self.bytes,
            (End::Reset | End::FinishThenReset, Some(Outcome::CutShort)) => self.read <= self.bytes,
            _ => false,
        };
        (!allowed).then(|| format!("{self:?}"))
    }
}

/// The byte that a stream has at an offset.
pub(crate) fn byte(stream: u64, writer: Role, offset: usize) -> u8 {
    let writer = if writer == Role::Page { 0 } else { 97 };
    let mixed =
        (stream.wrapping_mul(31) ^ writer).wrapping_add(offset as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.to_be_bytes()[0]
}
