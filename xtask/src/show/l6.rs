//! L6: a million streams leave nothing behind, and two thousand hostile sessions do not get a small gateway killed.

use super::probe;
use super::report::Report;
use super::tools::{cgroup::MemoryGroup, gateway::Gateway};
use crate::failure::{Outcome, failed};

/// What the hostile sessions try to exceed.
const MEMORY: u64 = 256 << 20;

pub(super) fn run(report: &Report) -> Outcome {
    probe::run("churn", &Gateway::start(&[])?)?;
    hostile(report, "bytes")?;
    control(report)?;
    report.elapsed();
    Ok(())
}

/// Two thousand hostile sessions, all by one carrier, against a gateway that is killed if it takes too much.
pub(super) fn hostile(report: &Report, carrier: &str) -> Outcome {
    let group = MemoryGroup::new("hostile", MEMORY)?;
    let gateway = Gateway::start_in(&group, &[])?;
    let attack = probe::run_by(carrier, "hostile", &gateway);
    report.fact(&[
        ("carrier", &carrier),
        ("group_limit_bytes", &MEMORY),
        ("group_peak_bytes", &group.peak()?),
        ("kills", &group.kills()?),
    ]);
    if group.kills()? > 0 {
        return Err(failed("the kernel killed the gateway"));
    }
    attack
}

/// The group does kill: otherwise surviving in it would mean nothing.
pub(super) fn control(report: &Report) -> Outcome {
    let control = MemoryGroup::new("control", MEMORY / 16)?;
    let killed = probe::allocate(&control, MEMORY / 8)?;
    report.fact(&[("control", &"a program that takes twice the limit"), ("killed", &killed)]);
    if killed { Ok(()) } else { Err(failed("the control group kills nobody")) }
}
