//! V1: ordinary HTTP clients get answers, large bodies and honest errors from tabs in both browsers.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("v1.mjs", &[])?;
    report.elapsed();
    Ok(())
}
