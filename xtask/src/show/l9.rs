//! L9: every page of the gallery is accessible, in light and dark, narrow and wide; and screenshots for people.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("l9.mjs", &[])?;
    report.elapsed();
    Ok(())
}
