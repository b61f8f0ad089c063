//! E7: what an operator changes while a gateway runs. Malformed files by signal and by being noticed, rules that go with their flows, and what
//! `config explain` says beside what happens: the tests of the program's reload, with all cases and a seed of its own (`PAGEPORT_SEED` repeats one).

use super::report::Report;
use super::tools::script;
use crate::failure::{Outcome, failed};

/// One for each of the three, in the test's own words.
const TESTS: u32 = 3;

pub(super) fn run(report: &Report) -> Outcome {
    let tally = script::cargo_test("pageport", "reload::", &[("PAGEPORT_PROOF", "1")])?;
    if tally.passed < TESTS {
        return Err(failed(format!("not all of it ran: {tally}")));
    }
    report.elapsed();
    Ok(())
}
