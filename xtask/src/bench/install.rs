//! What a run needs: other people's tunnels from crates.io and Debian, and release builds of this workspace.

use crate::failure::Outcome;
use crate::setup::{apt, npm};
use crate::{child, paths, python};
use std::path::{Path, PathBuf};

/// Packages of Debian, by a program that each brings.
const DEBIAN: &[(&str, &str)] = &[
    ("openssh-server", "/usr/sbin/sshd"),
    ("openssh-client", "/usr/bin/ssh"),
    ("iproute2", "/usr/sbin/ip"),
    ("util-linux", "/usr/bin/unshare"),
    ("linux-perf", "/usr/bin/perf"),
    ("haproxy", "/usr/sbin/haproxy"),
    ("nginx", "/usr/sbin/nginx"),
    ("libnginx-mod-stream", "/usr/lib/nginx/modules/ngx_stream_module.so"),
];

/// Crates, the program that each brings, and what else cargo has to be told.
const CRATES: &[(&str, &str, &str, &[&str])] = &[
    ("rathole", "0.5.0", "rathole", &["--no-default-features", "--features", "server,client"]),
    ("bore-cli", "0.6.0", "bore", &["--locked"]),
];

/// Other people's tunnels only where `tunnels` are measured: they take minutes to build.
pub(super) fn everything(tunnels: bool) -> Outcome {
    let missing = |program: &str| !Path::new(program).exists();
    let packages: Vec<&str> =
        DEBIAN.iter().filter(|(_, program)| missing(program)).map(|(package, _)| *package).collect();
    if !packages.is_empty() {
        apt::install(&packages)?;
    }
    for (name, version, program, flags) in CRATES {
        if tunnels && !tool(program).exists() {
            println!("bench: installing {name} {version} into {}", paths::shown(&directory()));
            let mut cargo = child::command("nice");
            cargo.args(["cargo", "install", name, "--version", version, "--root"]).arg(directory());
            child::run(cargo.arg("--target-dir").arg(directory().join("build")).args(*flags))?;
        }
    }
    npm::install_if_stale()?;
    python::websockify()?;
    println!("bench: release builds");
    let packages = ["pageport", "pageport-bench", "pageport-probe", "pageport-testkit"];
    let mut cargo = child::cargo("build");
    cargo.arg("--release").args(packages.iter().flat_map(|package| ["--package", package]));
    child::run(&mut cargo)
}

/// Where everything of a run lives that may be thrown away.
pub(super) fn directory() -> PathBuf {
    paths::target().join("bench")
}

/// A program that was installed for this.
pub(super) fn tool(program: &str) -> PathBuf {
    directory().join("bin").join(program)
}

/// A release build of this workspace.
pub(super) fn own(program: &str) -> PathBuf {
    paths::target().join("release").join(program)
}
