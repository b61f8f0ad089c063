//! E1: pages in Chromium are clients of ngIRCd, Prosody, Dovecot, Redis, PostgreSQL and TigerVNC, and OpenSSH goes through `pageport connect`; what
//! they see is what the servers' own clients and files say.

use super::report::Report;
use super::tools::script;
use crate::child;
use crate::failure::Outcome;
use crate::setup::apt;
use std::path::Path;

pub(super) fn run(report: &Report) -> Outcome {
    install()?;
    for piece in ["e1.mjs", "e3-ssh.mjs"] {
        script::node(piece, &[])?;
    }
    report.elapsed();
    Ok(())
}

/// Decided by what is there, as for the tests, which bring the others.
fn install() -> Outcome {
    let program = |path: &str| Path::new(path).exists();
    let missing: Vec<&str> = [
        ("openssh-client", child::succeeds("ssh", &["-V"])),
        ("openssh-server", program("/usr/sbin/sshd")),
        ("postgresql", program("/usr/lib/postgresql") && child::succeeds("psql", &["--version"])),
        ("prosody", program("/usr/bin/prosody")),
    ]
    .into_iter()
    .filter_map(|(name, present)| (!present).then_some(name))
    .collect();
    if missing.is_empty() { Ok(()) } else { apt::install(&missing) }
}
