//! Counts tests from what `cargo test` and `node --test` print. A run without a test, or with one left out, is a
//! failure: a check that cannot fail is worth nothing.

use crate::child::Finished;
use crate::failure::{Outcome, failed};
use std::fmt;
use std::ops::AddAssign;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
}

impl Tally {
    /// A phase that is one check.
    pub(crate) const ONE: Self = Self { passed: 1, failed: 0 };
    /// Something that broke before it could count.
    pub(crate) const BROKEN: Self = Self { passed: 0, failed: 1 };
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

pub(crate) fn of_cargo_test(finished: &Finished) -> Outcome<Tally> {
    let mut counted = Counted::default();
    for line in plain(&finished.stdout).lines() {
        let Some(result) = line.strip_prefix("test result: ") else { continue };
        // "ok. 5 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.01s"
        for part in result.split(['.', ';']) {
            match part.trim().split_once(' ') {
                Some((number, "passed")) => counted.passed += parse(number),
                Some((number, "failed")) => counted.failed += parse(number),
                Some((number, "ignored")) => counted.left_out += parse(number),
                _ => {}
            }
        }
    }
    counted.judge(finished)
}

pub(crate) fn of_node_test(finished: &Finished) -> Outcome<Tally> {
    let mut counted = Counted::default();
    for line in plain(&finished.stdout).lines() {
        let Some(summary) = line.strip_prefix("ℹ ") else { continue };
        match summary.split_once(' ') {
            Some(("pass", number)) => counted.passed += parse(number),
            Some(("fail" | "cancelled", number)) => counted.failed += parse(number),
            Some(("skipped" | "todo", number)) => counted.left_out += parse(number),
            _ => {}
        }
    }
    counted.judge(finished)
}

#[derive(Default)]
struct Counted {
    passed: u32,
    failed: u32,
    left_out: u32,
}

impl Counted {
    fn judge(self, finished: &Finished) -> Outcome<Tally> {
        let tally = Tally { passed: self.passed, failed: self.failed };
        if self.left_out > 0 {
            return Err(failed(format!("{} tests were left out (ignored, skipped or to do)", self.left_out)));
        }
        if tally.failed > 0 {
            return Ok(tally);
        }
        if !finished.status.success() {
            return Err(failed(format!("no test failed, but the run did: {}", finished.status)));
        }
        if tally.passed == 0 { Err(failed("no test was run")) } else { Ok(tally) }
    }
}

/// A number we cannot read must not count as nothing.
fn parse(number: &str) -> u32 {
    number.trim().parse().unwrap_or(u32::from(u16::MAX))
}

/// Without colours.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char == '\u{1b}' {
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(char);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    const CARGO: &str = "running 2 tests\ntest a ... ok\n\n\
        test result: \u{1b}[32mok\u{1b}[m. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.1s\n\
        test result: ok. 30 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
    const NODE: &str =
        "✔ a (1ms)\nℹ tests 5\nℹ suites 0\nℹ pass 4\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\nℹ todo 0\n";

    fn finished(code: i32, stdout: &str) -> Finished {
        Finished { status: ExitStatus::from_raw(code << 8), stdout: stdout.to_owned() }
    }

    #[test]
    fn results_of_several_test_binaries_add_up() {
        assert_eq!(of_cargo_test(&finished(0, CARGO)).unwrap(), Tally { passed: 42, failed: 0 });
        assert_eq!(of_node_test(&finished(0, NODE)).unwrap(), Tally { passed: 4, failed: 0 });
    }

    #[test]
    fn failed_and_cancelled_tests_count_as_failed() {
        let one = CARGO.replace("ok\u{1b}[m. 12 passed; 0 failed", "FAILED\u{1b}[m. 11 passed; 1 failed");
        assert_eq!(of_cargo_test(&finished(101, &one)).unwrap(), Tally { passed: 41, failed: 1 });
        let two = NODE.replace("fail 0", "fail 1").replace("cancelled 0", "cancelled 1");
        assert_eq!(of_node_test(&finished(1, &two)).unwrap(), Tally { passed: 4, failed: 2 });
    }

    #[test]
    fn nothing_run_something_left_out_and_a_silent_failure_do_not_pass() {
        assert!(of_cargo_test(&finished(0, "")).is_err());
        assert!(of_node_test(&finished(0, "TAP version 13\n")).is_err());
        assert!(of_cargo_test(&finished(0, &CARGO.replace("0 ignored", "1 ignored"))).is_err());
        assert!(of_node_test(&finished(0, &NODE.replace("skipped 0", "skipped 2"))).is_err());
        assert!(of_cargo_test(&finished(101, CARGO)).is_err());
    }
}
