//! The phases that run somebody else's checker: rustfmt, clippy, tsc, esbuild, cargo test and node --test.

use crate::failure::{About, Outcome, failed};
use crate::tally::{self, Tally};
use crate::{child, paths, python};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What a page downloads for the whole module, minified and compressed.
const MODULE_BYTES: usize = 12_000;

pub(crate) fn fmt() -> Outcome<Tally> {
    child::run(child::cargo("fmt").args(["--all", "--check"]))?;
    child::run(child::cargo("fmt").args(["--manifest-path", "fuzz/Cargo.toml", "--check"]))?;
    Ok(Tally::ONE)
}

pub(crate) fn clippy() -> Outcome<Tally> {
    child::run(child::cargo("clippy").args(["--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    Ok(Tally::ONE)
}

pub(crate) fn tsc() -> Outcome<Tally> {
    for project in ["js", "js/test"] {
        child::run(child::command(paths::npm_bin("tsc")).args(["-p", project, "--pretty", "false"]))?;
    }
    Ok(Tally::ONE)
}

pub(crate) fn size() -> Outcome<Tally> {
    let bundle = paths::target().join("size/pageport.min.js");
    child::run(
        child::command(paths::npm_bin("esbuild"))
            .args(["js/pageport/index.js", "--bundle", "--minify", "--format=esm", "--target=es2022"])
            .args(["--log-level=warning"])
            .arg(format!("--outfile={}", bundle.display())),
    )?;
    let minified = std::fs::metadata(&bundle).about(paths::shown(&bundle))?.len();
    let output =
        child::command("gzip").args(["-9", "-n", "-c"]).arg(&bundle).stderr(Stdio::inherit()).output();
    let output = output.about("gzip")?;
    let compressed = output.stdout.len();
    println!("js/pageport: {minified} bytes minified, {compressed} compressed, of {MODULE_BYTES}");
    if !output.status.success() || compressed == 0 {
        return Err(failed("gzip did not compress the module"));
    }
    if compressed > MODULE_BYTES {
        return Err(failed(format!("the module is {} bytes over its budget", compressed - MODULE_BYTES)));
    }
    Ok(Tally::ONE)
}

pub(crate) fn rust() -> Outcome<Tally> {
    let finished = child::stream(child::cargo("test").args(["--workspace", "--no-fail-fast"]))?;
    tally::of_cargo_test(&finished)
}

pub(crate) fn js() -> Outcome<Tally> {
    node_test(&paths::js().join("test"), &[])
}

pub(crate) fn release() -> Outcome<Tally> {
    let binary = release_binary()?;
    let bytes = std::fs::metadata(&binary).about(paths::shown(&binary))?.len();
    println!("{}: {bytes} bytes", paths::shown(&binary));
    Ok(Tally::ONE)
}

pub(crate) fn browser() -> Outcome<Tally> {
    let binary = release_binary()?;
    let python = python::plain()?;
    let env = [("PAGEPORT_BIN", binary.as_path()), ("PAGEPORT_PYTHON", python.as_path())];
    node_test(&paths::js().join("test/browser"), &env)
}

/// Builds the release binary (no work when it is up to date) and says where it is.
pub(crate) fn release_binary() -> Outcome<PathBuf> {
    child::run(child::cargo("build").args(["--release", "--package", "pageport"]))?;
    Ok(paths::target().join("release/pageport"))
}

/// All `*.test.js` directly inside `dir`. The reporter is named because Node's own choice depends on the terminal and on
/// the version, and the tally reads it.
fn node_test(dir: &Path, env: &[(&str, &Path)]) -> Outcome<Tally> {
    let files = paths::files_in(dir, &[".test.js"]);
    if files.is_empty() {
        return Err(failed(format!("there is no *.test.js in {}", paths::shown(dir))));
    }
    let finished = child::stream(
        child::command("node")
            .args(["--test", "--test-reporter=spec", "--test-timeout=300000"])
            .args(files)
            .envs(env.iter().copied()),
    )?;
    tally::of_node_test(&finished)
}
