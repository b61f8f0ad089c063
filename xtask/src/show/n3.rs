//! N3: a live session with its streams is moved through every carrier, while a relay outside cuts at random.

use super::probe;
use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    let relay = probe::build("pageport-testkit", "impairment-relay")?;
    script::node("n3.mjs", &[("IMPAIRMENT_RELAY", &relay.to_string_lossy())])?;
    report.elapsed();
    Ok(())
}
