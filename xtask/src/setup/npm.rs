//! The npm packages of the lock file: development tools only, without their install scripts.

use crate::failure::{About, Outcome};
use crate::{child, paths};
use std::fs;

pub(crate) fn install_if_stale() -> Outcome {
    let lock = paths::js().join("package-lock.json");
    let wanted = fs::read(&lock).about(paths::shown(&lock))?;
    // A copy of the lock file that the packages came from, written last; times of files say less.
    let stamp = paths::js().join("node_modules/.installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("npm packages: as in the lock file");
        return Ok(());
    }
    println!("npm packages: installing from {}", paths::shown(&lock));
    let mut npm = child::command("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(paths::js());
    child::run(&mut npm)?;
    fs::write(&stamp, wanted).about(paths::shown(&stamp))
}
