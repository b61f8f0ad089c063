//! The phases that run somebody else's checker: rustfmt, clippy, tsc, esbuild, cargo test and node --test.

use crate::failure::{About, Failure, Outcome, failed};
use crate::tally::{self, Tally};
use crate::{child, fuzz, paths, python};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What a page downloads when it imports the module, minified and compressed.
const EAGER_BYTES: usize = 11_900;

/// The same with the parts that are loaded when they are needed first.
const MODULE_BYTES: usize = 28_600;

/// The session with all its carriers, and what chooses among them: what a page downloads that meets the worst network.
const CARRIERS_BYTES: usize = 16_000;

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
    let sizes = sizes()?;
    for Size { what, minified, compressed, most } in &sizes {
        println!("js/pageport {what}: {minified} bytes minified, {compressed} compressed, of {most}");
    }
    println!("js/pageport when needed: {}", lazy_parts()?.join(" "));
    if sizes.iter().any(|size| size.compressed > size.most) {
        return Err(failed("the module is over its budget"));
    }
    Ok(Tally::ONE)
}

/// What a page downloads of the module, in bytes.
pub(crate) struct Size {
    pub(crate) what: &'static str,
    pub(crate) minified: u64,
    pub(crate) compressed: usize,
    /// How many of the compressed ones there may be.
    pub(crate) most: usize,
}

/// At import, with all carriers, and in all.
pub(crate) fn sizes() -> Outcome<[Size; 3]> {
    let size = |what, entry, leave_out: &[String], most| {
        let (minified, compressed) = bundle(entry, leave_out)?;
        Ok::<_, Failure>(Size { what, minified, compressed, most })
    };
    // First, since it finds what the last one leaves out.
    let whole = size("in all", "index.js", &[], MODULE_BYTES)?;
    let lazy = lazy_parts()?;
    let carriers = size("with all carriers", "session.js", &[], CARRIERS_BYTES)?;
    let eager = size("at import", "index.js", &lazy, EAGER_BYTES)?;
    Ok([eager, carriers, whole])
}

/// What one file of the module brings, parts that are left out aside, in one file: its bytes, minified and then compressed.
fn bundle(entry: &str, leave_out: &[String]) -> Outcome<(u64, usize)> {
    let bundle = paths::target().join("size/pageport.min.js");
    child::run(
        child::command(paths::npm_bin("esbuild"))
            .arg(format!("js/pageport/{entry}"))
            .args(["--bundle", "--minify", "--format=esm", "--target=es2022"])
            .arg("--log-level=warning")
            .arg(format!("--metafile=target/size/{entry}.{}.json", leave_out.len()))
            .args(leave_out.iter().map(|part| format!("--external:{part}")))
            .arg(format!("--outfile={}", bundle.display())),
    )?;
    let minified = std::fs::metadata(&bundle).about(paths::shown(&bundle))?.len();
    let output =
        child::command("gzip").args(["-9", "-n", "-c"]).arg(&bundle).stderr(Stdio::inherit()).output();
    let output = output.about("gzip")?;
    if !output.status.success() || output.stdout.is_empty() {
        return Err(failed("gzip did not compress the module"));
    }
    Ok((minified, output.stdout.len()))
}

/// What the module loads by `import()`, as the bundle of all of it found.
fn lazy_parts() -> Outcome<Vec<String>> {
    let path = paths::target().join("size/index.js.0.json");
    let text = std::fs::read_to_string(&path).about(paths::shown(&path))?;
    let meta: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| failed(format!("esbuild's metafile: {error}")))?;
    let files = meta["inputs"].as_object().into_iter().flatten();
    let mut parts: Vec<_> = files
        .flat_map(|(_, file)| file["imports"].as_array().into_iter().flatten())
        .filter(|import| import["kind"] == "dynamic-import")
        .filter_map(|import| import["original"].as_str().map(str::to_owned))
        .collect();
    parts.sort_unstable();
    parts.dedup();
    if parts.is_empty() { Err(failed("the module loads nothing when needed")) } else { Ok(parts) }
}

pub(crate) fn rust() -> Outcome<Tally> {
    let finished = child::stream(child::cargo("test").args(["--workspace", "--no-fail-fast"]))?;
    tally::of_cargo_test(&finished)
}

pub(crate) fn js() -> Outcome<Tally> {
    node_test(&paths::js().join("test"), &[])
}

/// Whatever is compiled is compiled here, so that no test waits for a compiler, or competes with one.
pub(crate) fn build() -> Outcome<Tally> {
    let binary = release_binary()?;
    let bytes = std::fs::metadata(&binary).about(paths::shown(&binary))?.len();
    println!("{}: {bytes} bytes", paths::shown(&binary));
    tools()?;
    child::run(child::cargo("test").args(["--workspace", "--no-run"]))?;
    fuzz::build()?;
    Ok(Tally::ONE)
}

pub(crate) fn browser() -> Outcome<Tally> {
    let binary = release_binary()?;
    let python = python::plain()?;
    let [proxy, relay, probe, bench] = tools()?;
    let env = [
        ("PAGEPORT_BIN", binary.as_path()),
        ("PAGEPORT_PYTHON", python.as_path()),
        ("HABIT_PROXY", proxy.as_path()),
        ("IMPAIRMENT_RELAY", relay.as_path()),
        ("PROBE", probe.as_path()),
        ("BENCH", bench.as_path()),
    ];
    node_test(&paths::js().join("test/browser"), &env)
}

/// Programs of ours that stand between or beside: not optimised, since `cargo test` has built most of that already.
fn tools() -> Outcome<[PathBuf; 4]> {
    let packages = ["pageport-testkit", "pageport-probe", "pageport-bench"];
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    child::run(child::cargo("build").args(["--quiet", "--bins"]).args(packages))?;
    let built = paths::target().join("debug");
    Ok(["habit-proxy", "impairment-relay", "pageport-probe", "pageport-bench"].map(|name| built.join(name)))
}

/// Builds the release binary (no work when it is up to date) and says where it is.
pub(crate) fn release_binary() -> Outcome<PathBuf> {
    child::run(child::cargo("build").args(["--release", "--package", "pageport"]))?;
    Ok(paths::target().join("release/pageport"))
}

/// All `*.test.js` directly inside `dir`, two files at a time on whatever machine: most of the time of most of them is waiting, and their limits of time
/// are meant for a machine that is busy with one other. The reporter is named because Node's own choice depends on the terminal and on the version, and
/// the tally reads it.
fn node_test(dir: &Path, env: &[(&str, &Path)]) -> Outcome<Tally> {
    let files = paths::files_in(dir, &[".test.js"]);
    if files.is_empty() {
        return Err(failed(format!("there is no *.test.js in {}", paths::shown(dir))));
    }
    let finished = child::stream(
        child::command("node")
            .args(["--test", "--test-reporter=spec", "--test-timeout=300000", "--test-concurrency=2"])
            .args(files)
            .envs(env.iter().copied()),
    )?;
    tally::of_node_test(&finished)
}
