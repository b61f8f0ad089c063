//! What a run needs: other people's tunnels from crates.io and Debian, and release builds of this workspace.

use crate::failure::{Failure, Outcome};
use crate::setup::npm;
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
    ("rathole", "0.5", "rathole", &["--no-default-features", "--features", "server,client"]),
    ("bore-cli", "0.6", "bore", &["--locked"]),
];

pub(super) fn everything() -> Outcome {
    debian()?;
    for (name, version, program, flags) in CRATES {
        if !tool(program).exists() {
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

fn debian() -> Outcome {
    let missing: Vec<&str> = DEBIAN
        .iter()
        .filter(|(_, program)| !Path::new(program).exists())
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::Missing(format!(
        "the benchmarks need root and these packages:\n\n  apt-get install -y --no-install-recommends {}",
        missing.join(" ")
    )))
}
