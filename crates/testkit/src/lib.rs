//! What the tests of several crates share. Real connections and real bytes; nothing here stands in for the thing under test.
//!
//! | module | what |
//! |---|---|
//! | `relay` | [`CutRelay`]: a TCP relay that cuts, stalls, refuses, or damages on command |
//! | [`console`] | what the relays' programs have in common |
//! | `impairment` | [`ImpairmentRelay`]: a relay for TCP and UDP with delay, jitter, rate, loss, stalls, black holes and rebinding |
//! | `pattern` | [`Pattern`], [`Tally`]: bytes that are known at every offset, and their check |
//! | `proxy` | [`HttpProxy`]: a forward proxy with bad habits |
//! | [`smuggling`], [`smuggling_h2`] | requests that a lax reader takes for others |
//! | `random` | [`Random`]: numbers that a printed seed repeats |

pub mod console;
mod impairment;
mod pattern;
mod proxy;
mod random;
mod relay;
pub mod smuggling;
pub mod smuggling_h2;

pub use impairment::{Impairment, ImpairmentRelay, LADDER, Rung, Traffic, Transport};
pub use pattern::{Mismatch, Pattern, Tally};
pub use proxy::{Habits, HttpProxy, Served};
pub use random::Random;
pub use relay::{Counts, Cut, CutRelay, Direction};
