//! L8: fuzzing on stable Rust finds nothing, and the two codecs agree on damaged input.

use super::report::Report;
use crate::failure::{Outcome, failed};
use crate::{child, fuzz, paths};

pub(super) fn run(report: &Report) -> Outcome {
    // Builds with coverage, debug assertions and overflow checks, finds a planted panic first, then every target for 20 s.
    fuzz::phase()?;
    let mut node = child::command("node");
    node.args(["--test", "--test-reporter=spec"]).current_dir(paths::js()).args([
        "test/differential.test.js",
        "test/ws-fuzz.test.js",
        "test/vectors.test.js",
    ]);
    let finished = child::stream(&mut node)?;
    if !finished.status.success() {
        return Err(failed("the codecs disagree, or a parser in JavaScript broke"));
    }
    report.elapsed();
    Ok(())
}
