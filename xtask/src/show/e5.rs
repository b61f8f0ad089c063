//! E5: foreign, `null` and look-alike origins, or none without a credential, get nothing done on any carrier or dialect; nor does anybody without a
//! configuration; nor do pages of listeners' origins.

use super::probe;
use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    let native = probe::build("pageport-probe", "pageport-probe")?;
    script::node("e5.mjs", &[("PROBE", &native.to_string_lossy())])?;
    report.elapsed();
    Ok(())
}
