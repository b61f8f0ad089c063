//! N9: bad input on each carrier has its documented code, harms nobody else, and leaves memory flat.

use super::n9_webtransport;
use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("n9-http.mjs", &[])?;
    n9_webtransport::run()?;
    report.elapsed();
    Ok(())
}
