//! N1: one suite of what applications use, on each carrier: in pages in both browsers, and natively for the one that pages have not.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("n1.mjs", &[])?;
    // `bytes` is for native programs: the same behaviours from the outside of the link, on each of its carriers.
    let tally = script::cargo_test("pageport-link", "", &[])?;
    report.fact(&[("row", &"bytes (native)"), ("link_tests", &tally)]);
    report.elapsed();
    Ok(())
}
