//! N4: the degradation ladder, from 100 Mbit/16 ms down to 256 kbit/800 ms with stalls, on each carrier: everything comes through, and no
//! carrier is taken for dead while it makes progress. `SEED` repeats a run, `RUNG`, `CLIENT` and `CARRIER` choose a part of it.

use super::probe;
use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    let native = probe::build("pageport-probe", "pageport-probe")?;
    let relay = probe::build("pageport-testkit", "impairment-relay")?;
    script::node(
        "n4.mjs",
        &[("PROBE", &native.to_string_lossy()), ("IMPAIRMENT_RELAY", &relay.to_string_lossy())],
    )?;
    report.elapsed();
    Ok(())
}
