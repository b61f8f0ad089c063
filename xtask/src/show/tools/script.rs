//! Proofs in the language that suits them: a Node script in `js/test/show`, or a Rust test. Their `fact` lines go
//! through; how they end decides.

use crate::failure::{Outcome, failed};
use crate::tally::{self, Tally};
use crate::{child, paths, python, suites};

/// Runs `js/test/show/<script>` with the release binary (`PAGEPORT_BIN`) and a Python that has `websockets`
/// (`PAGEPORT_PYTHON`). The script exits with 0 only if it saw what it is about.
pub(crate) fn node(script: &str, env: &[(&str, &str)]) -> Outcome {
    let binary = suites::release_binary()?;
    let path = paths::js().join("test/show").join(script);
    let finished = child::stream(
        child::command("node")
            .arg(path)
            .env("PAGEPORT_BIN", binary)
            .env("PAGEPORT_PYTHON", python::plain()?)
            .envs(env.iter().copied()),
    )?;
    if !finished.status.success() {
        return Err(failed(format!("{script}: {}", finished.status)));
    }
    if finished.stdout.lines().any(|line| line.starts_with("fact ")) {
        Ok(())
    } else {
        Err(failed(format!("{script} printed no fact")))
    }
}

/// Runs the tests of `package` whose names contain `filter`, optimised and with their output going through.
pub(crate) fn cargo_test(package: &str, filter: &str, env: &[(&str, &str)]) -> Outcome<Tally> {
    let mut cargo = child::cargo("test");
    cargo.args(["--release", "--package", package, "--", filter, "--nocapture"]).envs(env.iter().copied());
    // A filter that matches nothing is an error there.
    let tally = tally::of_cargo_test(&child::stream(&mut cargo)?)?;
    if tally.failed == 0 { Ok(tally) } else { Err(failed(format!("{package} {filter}: {tally}"))) }
}
