//! E6: by every way to a TCP server, who stops reading costs no memory and no sibling, thousands stand still, and thousands come and go.

use super::probe;
use super::report::Report;
use crate::failure::{Outcome, failed};
use crate::{child, suites};

pub(super) fn run(report: &Report) -> Outcome {
    let probe = probe::build("pageport-probe", "pageport-probe")?;
    let bench = probe::build("pageport-bench", "pageport-bench")?;
    // `WAYS`, `MIB`, `CROWD` and `SETUPS` look at less: what was seen then is not this.
    let less = ["WAYS", "MIB", "CROWD", "SETUPS"].into_iter().find(|name| std::env::var_os(name).is_some());
    let finished = child::stream(
        child::command(probe)
            .arg("dialects")
            .env("PAGEPORT_BIN", suites::release_binary()?)
            .env("BENCH_BIN", bench),
    )?;
    report.elapsed();
    if !finished.status.success() {
        return Err(failed(format!("probe dialects: {}", finished.status)));
    }
    match less {
        Some(name) => Err(failed(format!("{name} was set: not everything was looked at"))),
        None => Ok(()),
    }
}
