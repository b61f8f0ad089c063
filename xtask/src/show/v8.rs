//! V8: real programs behind `expose` and `connect`, undisturbed, cut at random bytes, and through the end of their gateway.

use super::probe;
use super::report::Report;
use super::tools::script;
use crate::child;
use crate::failure::Outcome;
use crate::setup::apt;
use std::path::Path;

pub(super) fn run(report: &Report) -> Outcome {
    install()?;
    let relay = probe::build("pageport-testkit", "cut-relay")?;
    script::node("v8.mjs", &[("CUT_RELAY", &relay.to_string_lossy())])?;
    report.elapsed();
    Ok(())
}

/// Decided by what is there, as for the tests.
fn install() -> Outcome {
    let sshd = Path::new("/usr/sbin/sshd").exists() && child::succeeds("ssh", &["-V"]);
    let missing: Vec<&str> = [
        ("openssh-server", sshd),
        ("openssh-client", sshd),
        ("postgresql", Path::new("/usr/lib/postgresql").exists() && child::succeeds("psql", &["--version"])),
        ("curl", child::succeeds("curl", &["--version"])),
    ]
    .into_iter()
    .filter_map(|(name, present)| (!present).then_some(name))
    .collect();
    if missing.is_empty() { Ok(()) } else { apt::install(&missing) }
}
