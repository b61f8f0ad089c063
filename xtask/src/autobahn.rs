//! The Autobahn test suite: fetched as its authors published it, translated into the Python of today, and run against a
//! page in Chromium, in either role. Nothing of it is in this repository; it lies under `target/`.

use crate::failure::{About, Outcome, failed};
use crate::tally::Tally;
use crate::{child, paths, python, suites};
use std::fs;
use std::path::{Path, PathBuf};

/// The phase of the test command.
pub(crate) fn phase() -> Outcome<Tally> {
    run(Role::Server, Scope::Sample)?;
    run(Role::Client, Scope::Sample)?;
    Ok(Tally { passed: 2, failed: 0 })
}

/// What the page is to the suite.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    Server,
    Client,
}

/// How much of the suite is run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope {
    /// At most 40 cases against a server, 20 against a client, controls included.
    Sample,
    /// Every case of every group that applies; against a server most of them twice.
    All,
}

/// Runs cases and controls. Their facts go through; the script decides.
pub(crate) fn run(role: Role, scope: Scope) -> Outcome {
    let scope = match scope {
        Scope::Sample => "sample",
        Scope::All => "all",
    };
    let script = match role {
        Role::Server => "browser/autobahn.js",
        Role::Client => "browser/autobahn-client.js",
    };
    run_script(script, &[scope])
}

/// Runs a script of `js/test` that runs cases.
pub(crate) fn run_script(script: &str, args: &[&str]) -> Outcome {
    let suite = Suite::get()?;
    let binary = suites::release_binary()?;
    child::run(
        child::command("node")
            .arg(paths::js().join("test").join(script))
            .args(args)
            .env("PAGEPORT_BIN", binary)
            .env("PAGEPORT_AUTOBAHN_PYTHON", suite.python)
            .env("PAGEPORT_AUTOBAHN_SUITE", suite.dir),
    )
}

/// The translated suite and an interpreter for it.
struct Suite {
    python: PathBuf,
    dir: PathBuf,
}

impl Suite {
    /// Fetches and translates it when that has not been done, or was done from something else.
    fn get() -> Outcome<Self> {
        let python = python::autobahn()?;
        let dir = paths::target().join("autobahn");
        let ours = paths::root().join("xtask/python/autobahn");
        let (requirement, port) = (ours.join("suite.txt"), ours.join("port.py"));
        let wanted = [read(&requirement)?, read(&port)?].concat();
        let suite = Self { python, dir: dir.join("suite") };
        // Written last, and only for a translation that is whole.
        let stamp = dir.join("translated.txt");
        if fs::read(&stamp).is_ok_and(|done| done == wanted) {
            return Ok(suite);
        }
        let sdist = fetch(&suite.python, &requirement, &dir.join("download"))?;
        println!("translating {}", paths::shown(&sdist));
        child::run(child::command(&suite.python).args(["-B"]).arg(&port).arg(&sdist).arg(&suite.dir))?;
        fs::write(&stamp, wanted).about(paths::shown(&stamp))?;
        Ok(suite)
    }
}

/// Downloads the one source distribution that the requirement names; pip checks it against the hash there.
fn fetch(python: &Path, requirement: &Path, into: &Path) -> Outcome<PathBuf> {
    if into.exists() {
        fs::remove_dir_all(into).about(paths::shown(into))?;
    }
    let options = ["--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes", "--no-deps"];
    // It is not built, but pip asks it for its name, with the tools that are there.
    let as_source = ["--no-binary", ":all:", "--no-build-isolation"];
    let mut pip = child::command(python);
    pip.args(["-m", "pip", "download"]).args(options).args(as_source);
    child::run(pip.arg("--requirement").arg(requirement).arg("--dest").arg(into))?;
    match paths::files_in(into, &[".tar.gz"]).as_slice() {
        [sdist] => Ok(sdist.clone()),
        files => Err(failed(format!("pip left {} archives in {}", files.len(), paths::shown(into)))),
    }
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
    fs::read(path).about(paths::shown(path))
}
