//! L10: bad input of every kind has its documented code, and harms nobody else.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("l10.mjs", &[])?;
    report.elapsed();
    Ok(())
}
