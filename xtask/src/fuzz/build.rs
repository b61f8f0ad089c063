//! Builds fuzz targets with the compiler's coverage pass. Only they and the crates they use are instrumented.

use crate::child;
use crate::failure::{Outcome, failed};
use crate::paths;
use std::path::PathBuf;

/// What libFuzzer reads: edge counters in line, a table of the code they belong to, and the operands of comparisons.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "--cfg",
    "fuzzing",
];

pub(super) fn build(targets: &[String]) -> Outcome {
    let host = host()?;
    let mut cargo = child::cargo("build");
    cargo
        .args(["--release", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", "fuzz/target"])
        // With the target named, build scripts and macros are compiled without the flags.
        .args(["--target", &host])
        .env("RUSTFLAGS", FLAGS.join(" "))
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    for target in targets {
        cargo.args(["--bin", target]);
    }
    child::run(&mut cargo)
}

pub(super) fn binary(target: &str) -> Outcome<PathBuf> {
    Ok(paths::root().join("fuzz/target").join(host()?).join("release").join(target))
}

fn host() -> Outcome<String> {
    let version = child::capture(child::command("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| failed("rustc names no host"))
}
