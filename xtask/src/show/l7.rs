//! L7: a tab that is hidden, frozen, or left and returned to keeps its session, or says why not.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("l7.mjs", &[])?;
    report.elapsed();
    Ok(())
}
