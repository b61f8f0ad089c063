//! V7: every limit of the configuration at n and n + 1, over the wire; the list is the program's own.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("v7.mjs", &[])?;
    report.elapsed();
    Ok(())
}
