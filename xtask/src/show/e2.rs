//! E2: echo, line echo, announce, rude, refused, forbidden, timeout, black hole and the rest, in both browsers by each carrier.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("e2.mjs", &[])?;
    report.elapsed();
    Ok(())
}
