//! L4: carriers are cut at random bytes, in simulation and by a relay outside, and nothing is lost, doubled or reordered.

use super::probe;
use super::report::Report;
use super::tools::{gateway::Gateway, script};
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    // Both ends are the real state machine; bytes, time and faults come from printed seeds. Its control flips a bit.
    let tally = script::cargo_test("pageport-proto", "simulation", &[])?;
    report.fact(&[("simulation", &tally)]);
    // Outside cuts of a native page, then of a page in Chromium.
    probe::run("cuts", &Gateway::start(&[])?)?;
    let relay = probe::build("pageport-testkit", "cut-relay")?;
    script::node("l4.mjs", &[("CUT_RELAY", &relay.to_string_lossy())])?;
    report.elapsed();
    Ok(())
}
