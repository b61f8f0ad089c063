//! Virtual environments for the Python programs that tests talk to. They live under `target/`, are made from pinned
//! requirements, and are made again when those change. The machine's own Python is never installed into.

use crate::failure::{About, Outcome, failed};
use crate::{child, paths};
use std::fs;
use std::path::{Path, PathBuf};

/// The interpreter of the environment that has `websockets`.
pub(crate) fn plain() -> Outcome<PathBuf> {
    environment("py", "requirements.txt")
}

/// The interpreter of the environment that the Autobahn test suite needs; made by whoever asks first.
pub(crate) fn autobahn() -> Outcome<PathBuf> {
    environment("py-autobahn", "requirements-autobahn.txt")
}

/// The interpreter of the environment that has websockify's own client; made by whoever asks first.
pub(crate) fn websockify() -> Outcome<PathBuf> {
    environment("py-websockify", "requirements-websockify.txt")
}

/// The system's own interpreter where there is one: what Debian's `python3-venv` belongs to.
pub(crate) fn system() -> &'static str {
    if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" }
}

fn environment(name: &str, requirements: &str) -> Outcome<PathBuf> {
    let dir = paths::target().join(name);
    let python = dir.join("bin/python");
    let requirements = paths::root().join("xtask/python").join(requirements);
    let wanted = fs::read(&requirements).about(paths::shown(&requirements))?;
    // Written last: an installation that was interrupted has none and is made again.
    let stamp = dir.join("installed.txt");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    println!("making {} from {}", paths::shown(&dir), paths::shown(&requirements));
    child::run(child::command(system()).args(["-m", "venv", "--clear"]).arg(&dir))?;
    child::run(
        child::command(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-input",
                "--requirement",
            ])
            .arg(&requirements),
    )?;
    fs::write(&stamp, wanted).about(paths::shown(&stamp))?;
    if python.exists() {
        Ok(python)
    } else {
        Err(failed(format!("{} has no interpreter", paths::shown(&dir))))
    }
}
