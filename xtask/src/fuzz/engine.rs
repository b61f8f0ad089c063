//! Runs one built target: libFuzzer's command line, its log, and what the log says.

use super::build::binary;
use crate::child;
use crate::failure::{About, Outcome, failed};
use crate::paths;
use std::fs;
use std::path::{Path, PathBuf};

/// A single input that takes longer is a finding.
const INPUT_SECONDS: u32 = 10;
const MEMORY_MIB: u32 = 1024;
/// What of the log is shown with a finding: the panic and its backtrace are at the end.
const SHOWN_LINES: usize = 60;

/// One finished run of a target.
pub(super) struct Run {
    target: String,
    clean: bool,
    log: String,
    log_path: PathBuf,
}

/// Fuzzes from a copy of the committed corpus.
pub(super) fn run(target: &str, seconds: u32, seed: Option<u32>) -> Outcome<Run> {
    let work = work(target);
    let corpus = work.join("corpus");
    let findings = findings(target);
    if work.exists() {
        fs::remove_dir_all(&work).about(paths::shown(&work))?;
    }
    fs::create_dir_all(&corpus).about(paths::shown(&corpus))?;
    fs::create_dir_all(&findings).about(paths::shown(&findings))?;
    for file in paths::files_in(&committed(target), &[""]) {
        let name = file.file_name().unwrap_or_default();
        fs::copy(&file, corpus.join(name)).about(paths::shown(&file))?;
    }
    let log_path = work.join("log");
    let log_file = fs::File::create(&log_path).about(paths::shown(&log_path))?;
    // Whatever else runs on this machine comes first.
    let status = child::command("nice")
        .args(["-n", "19"])
        .arg(binary(target)?)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={INPUT_SECONDS}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .arg(format!("-seed={}", seed.unwrap_or(0)))
        .arg("-print_final_stats=1")
        .arg(&corpus)
        .stdout(log_file.try_clone().about("the log")?)
        .stderr(log_file)
        .status()
        .about(target)?;
    let log = String::from_utf8_lossy(&fs::read(&log_path).about(paths::shown(&log_path))?).into_owned();
    Ok(Run { target: target.to_owned(), clean: status.success(), log, log_path })
}

/// Runs one input, with the output going through: for looking at a finding.
pub(super) fn replay(target: &str, input: &Path) -> Outcome {
    child::run(child::command(binary(target)?).arg(format!("-timeout={INPUT_SECONDS}")).arg(input))
}

/// Adds to the committed corpus what the last run found beyond it, in its smallest form.
pub(super) fn keep(target: &str) -> Outcome {
    let committed = committed(target);
    fs::create_dir_all(&committed).about(paths::shown(&committed))?;
    let found = work(target).join("corpus");
    child::run(child::command(binary(target)?).arg("-merge=1").arg(&committed).arg(&found))
}

impl Run {
    /// What a run without a finding reports. A run that was not instrumented, or hardly ran, is a failure.
    pub(super) fn must_be_clean(self) -> Outcome<String> {
        if !self.clean {
            return Err(failed(self.finding()));
        }
        let report = self.report()?;
        let executed = self.number_after("stat::number_of_executed_units:").unwrap_or(0);
        if executed < 2 { Err(failed(format!("only {executed} inputs were tried"))) } else { Ok(report) }
    }

    /// For the control: the run must have ended with this panic.
    pub(super) fn must_find(self, panic: &str) -> Outcome<String> {
        if self.clean || !self.log.contains(panic) {
            return Err(failed(format!(
                "{} did not find {panic}: see {}",
                self.target,
                paths::shown(&self.log_path)
            )));
        }
        self.report()
    }

    fn report(&self) -> Outcome<String> {
        let number = |before| self.number_after(before);
        let (Some(modules), Some(coverage)) = (number("INFO: Loaded"), number("cov:")) else {
            return Err(failed(format!(
                "{} is not instrumented: see {}",
                self.target,
                paths::shown(&self.log_path)
            )));
        };
        if modules == 0 || coverage == 0 {
            return Err(failed(format!(
                "{} sees no coverage: see {}",
                self.target,
                paths::shown(&self.log_path)
            )));
        }
        let runs = number("stat::number_of_executed_units:");
        let runs = runs.map_or_else(|| "stopped early".to_owned(), |runs| format!("{runs} inputs"));
        let seed = number("Seed:").unwrap_or(0);
        Ok(format!("{runs}, {coverage} edges covered, seed {seed}"))
    }

    fn finding(&self) -> String {
        let lines: Vec<&str> = self.log.lines().collect();
        let tail = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
        let target = &self.target;
        match self.log.lines().find_map(|line| line.split_once("Test unit written to ")) {
            Some((_, path)) => {
                let path = paths::shown(Path::new(path.trim()));
                format!("{tail}\n\nreproduce it with: cargo xtask fuzz {target} --input {path}")
            }
            None => format!("{tail}\n\nthe whole log: {}", paths::shown(&self.log_path)),
        }
    }

    /// The last number that follows `before`.
    fn number_after(&self, before: &str) -> Option<u64> {
        let (_, rest) = self.log.rsplit_once(before)?;
        rest.split_whitespace().next()?.parse().ok()
    }
}

fn committed(target: &str) -> PathBuf {
    paths::root().join("fuzz/corpus").join(target)
}

fn work(target: &str) -> PathBuf {
    paths::root().join("fuzz/target/run").join(target)
}

fn findings(target: &str) -> PathBuf {
    paths::root().join("fuzz/target/findings").join(target)
}
