//! N9: bad input on each carrier has its documented code, harms nobody else, and leaves memory flat.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("n9-http.mjs", &[])?;
    report.elapsed();
    Ok(())
}
