//! V3: pages are TCP servers for netcat, Python's sockets and Redis' own clients; half-close both ways; one port, one page.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("v3.mjs", &[])?;
    report.elapsed();
    Ok(())
}
