//! V10: the gallery's servers work from end to end in both browsers and are accessible in every state; the module keeps its size.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;
use crate::suites;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("v10.mjs", &[])?;
    suites::size()?;
    report.elapsed();
    Ok(())
}
