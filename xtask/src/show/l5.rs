//! L5: whoever stops reading is waited for, without memory; and streams that stand still leave the others alone.

use super::probe;
use super::report::Report;
use super::tools::gateway::Gateway;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    probe::run("stall", &Gateway::start(&[])?)?;
    probe::run("crowd", &Gateway::start(&[])?)?;
    report.elapsed();
    Ok(())
}
