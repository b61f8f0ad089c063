//! Runs a scenario of `pageport-probe` against a running gateway, and builds the programs that proofs use.

use super::tools::{cgroup::MemoryGroup, gateway::Gateway};
use crate::failure::{About, Outcome, failed};
use crate::{child, paths};
use std::path::PathBuf;
use std::process::Stdio;

/// Facts go through; the exit code decides.
pub(super) fn run(scenario: &str, gateway: &Gateway) -> Outcome {
    run_by("bytes", scenario, gateway)
}

/// The same with the probe's sessions carried by something else.
pub(super) fn run_by(carrier: &str, scenario: &str, gateway: &Gateway) -> Outcome {
    let probe = build("pageport-probe", "pageport-probe")?;
    let finished = child::stream(
        child::command(probe)
            .arg(scenario)
            .env("GATEWAY", format!("{}/", gateway.url))
            .env("ADMIN", &gateway.admin)
            .env("TOKEN", gateway.token()?)
            .env("PID", gateway.pid().to_string())
            .env("CARRIER", carrier),
    )?;
    if finished.status.success() {
        Ok(())
    } else {
        Err(failed(format!("probe {scenario} over {carrier}: {}", finished.status)))
    }
}

/// The release build of a program of this workspace.
pub(super) fn build(package: &str, program: &str) -> Outcome<PathBuf> {
    let mut cargo = child::cargo("build");
    cargo.args(["--release", "--quiet", "--package", package, "--bin", program]);
    let finished = child::stream(&mut cargo)?;
    if !finished.status.success() {
        return Err(failed(format!("{program} does not build")));
    }
    Ok(paths::target().join("release").join(program))
}

/// Whether a program that takes so many bytes inside the group is killed.
pub(super) fn allocate(group: &MemoryGroup, bytes: u64) -> Outcome<bool> {
    let script = format!(
        "import os,sys\nopen(sys.argv[1],'w').write(str(os.getpid()))\nx=bytearray({bytes})\nx[::4096]=b'1'*len(x[::4096])"
    );
    let status = child::command("/usr/bin/python3")
        .args(["-c", &script])
        .arg(group.procs())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .about("python3")?;
    Ok(!status.success() && group.kills()? > 0)
}
