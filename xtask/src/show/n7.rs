//! N7: a gateway and its pages in simulation: 2,000 seeds of reordering, loss, partitions, stalls and crashes. A seed that fails is printed
//! with all that it draws, and `SEED=<first>` repeats a run.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;
use std::time::{SystemTime, UNIX_EPOCH};

const SEEDS: u64 = 2_000;

pub(super) fn run(report: &Report) -> Outcome {
    let given = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let clock = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(1, |since| 1 + u64::from(since.subsec_micros()) * 10_000)
    };
    let first: u64 = given.unwrap_or_else(clock);
    report.fact(&[("seeds", &SEEDS), ("first", &first)]);
    // Its controls are a flipped byte and an acknowledgement that is lost; and a seed has to repeat itself.
    let seeds = format!("{first}..{}", first + SEEDS);
    let tally = script::cargo_test("pageport-link", "simulation", &[("PAGEPORT_SEEDS", &seeds)])?;
    report.fact(&[("simulation", &tally)]);
    report.elapsed();
    Ok(())
}
