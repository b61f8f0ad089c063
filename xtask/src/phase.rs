//! One phase of the test command: a name, what it is for, and a function that counts what passed.

use crate::failure::Outcome;
use crate::tally::Tally;

pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// It runs while the phase before it does, which leaves a processor idle much of the time.
    pub(crate) beside: bool,
    /// An error, or a tally with a failure in it, stops the test command.
    pub(crate) run: fn() -> Outcome<Tally>,
}
