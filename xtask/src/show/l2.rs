//! L2: ordinary WebSocket clients of four makes talk to a page in either browser, by name and by path.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("l2.mjs", &[])?;
    report.elapsed();
    Ok(())
}
