//! N5: Chromium and a native program through squid, tinyproxy, privoxy, apache2, nginx and haproxy as Debian configures them, and through a
//! proxy with bad habits: usable within 3 s, with the proxies' own logs as witnesses.

use super::probe;
use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    let native = probe::build("pageport-probe", "pageport-probe")?;
    let proxy = probe::build("pageport-testkit", "habit-proxy")?;
    let relay = probe::build("pageport-testkit", "impairment-relay")?;
    script::node(
        "n5.mjs",
        &[
            ("PROBE", &native.to_string_lossy()),
            ("HABIT_PROXY", &proxy.to_string_lossy()),
            ("IMPAIRMENT_RELAY", &relay.to_string_lossy()),
        ],
    )?;
    report.elapsed();
    Ok(())
}
