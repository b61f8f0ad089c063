//! V5: listeners below one base cannot harm each other where browsers separate them.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("v5.mjs", &[])?;
    report.elapsed();
    Ok(())
}
