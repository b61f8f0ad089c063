//! V4: names belong to keys, through reloads, second tabs and a gateway that is killed; what is no claim and no token has its code.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("v4.mjs", &[])?;
    report.elapsed();
    Ok(())
}
