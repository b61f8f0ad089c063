//! V6: requests that mean two things are refused or harmless, and whoever attacks slows nobody else down.

use super::probe;
use super::report::Report;
use super::tools::gateway::Gateway;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    probe::run("smuggle", &Gateway::start(&[])?)?;
    probe::run("attack", &Gateway::start(&[])?)?;
    report.elapsed();
    Ok(())
}
