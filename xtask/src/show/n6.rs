//! N6: readers that stop, streams that stand still, a million streams and hostile sessions, on every carrier.

use super::report::Report;
use super::tools::gateway::Gateway;
use super::{l6, probe};
use crate::failure::{Outcome, failed};

const CARRIERS: [&str; 5] = ["bytes", "websocket", "http", "http-poll", "webtransport"];
const SCENARIOS: [&str; 3] = ["stall", "crowd", "churn"];

pub(super) fn run(report: &Report) -> Outcome {
    let mut faults = Vec::new();
    // `CARRIER` leaves the others out, to look at one.
    let only = std::env::var("CARRIER").ok();
    for carrier in CARRIERS.iter().filter(|carrier| only.as_ref().is_none_or(|only| only == *carrier)) {
        for scenario in SCENARIOS {
            report.fact(&[("carrier", carrier), ("scenario", &scenario)]);
            faults.extend(probe::run_by(carrier, scenario, &Gateway::start(&[])?).err());
        }
        faults.extend(l6::hostile(report, carrier).err());
    }
    l6::control(report)?;
    report.elapsed();
    if let Some(only) = only {
        return Err(failed(format!("only {only} was looked at")));
    }
    match faults.as_slice() {
        [] => Ok(()),
        faults => Err(failed(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))),
    }
}
