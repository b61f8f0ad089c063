//! `cargo xtask fuzz`: libFuzzer on stable Rust. The compiler's coverage pass is switched on by plain code-generation
//! flags, so there is no need for a nightly toolchain, and no sanitizer: the code has no `unsafe`, its findings are
//! panics, overflows and endless loops.
//!
//! A run never writes into the tree: committed corpora are copied away first. It is not trusted to be steered by coverage
//! either: a program with a planted panic has to be caught before the real targets count.

mod build;
mod engine;

use crate::failure::{About, Failure, Outcome, failed};
use crate::paths;
use crate::tally::Tally;
use engine::Run;
use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;

/// Seconds per target in the test command.
const TEST_SECONDS: u32 = 20;
const CONTROL: &str = "planted_panic";

/// One target at a time, with the lowest priority: other tests run beside.
pub(crate) fn phase() -> Outcome<Tally> {
    build()?;
    control()?;
    fuzz(&targets(), TEST_SECONDS, 1)?;
    Ok(Tally::ONE)
}

/// Every target, and the control.
pub(crate) fn build() -> Outcome {
    build::build(&[targets().as_slice(), &[CONTROL.to_owned()]].concat())
}

pub(crate) fn main(args: &[&str]) -> Outcome<ExitCode> {
    let options = Options::parse(args)?;
    if options.list {
        for target in targets() {
            println!("{target}");
        }
    } else if options.control {
        build::build(&[CONTROL.to_owned()])?;
        control()?;
    } else {
        build::build(&options.targets)?;
        match &options.input {
            Some(input) => engine::replay(&options.targets[0], input)?,
            None => {
                let processors = thread::available_parallelism().map_or(1, |n| n.get());
                fuzz(&options.targets, options.seconds, processors)?;
            }
        }
        if options.keep {
            options.targets.iter().try_for_each(|target| engine::keep(target))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every target for `seconds`, so many at a time; all of them end before a failure is reported.
fn fuzz(targets: &[String], seconds: u32, workers: usize) -> Outcome {
    if targets.is_empty() {
        return Err(failed("there is no target in fuzz/fuzz_targets"));
    }
    let queue: Mutex<VecDeque<&String>> = Mutex::new(targets.iter().collect());
    let failures: Mutex<Vec<String>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(target) = queue.lock().ok().and_then(|mut queue| queue.pop_front()) {
                    let result = engine::run(target, seconds, None);
                    match result.and_then(Run::must_be_clean) {
                        Ok(report) => println!("fuzz {target}: {report}"),
                        Err(failure) => {
                            println!("fuzz {target}: FAILED\n{failure}");
                            if let Ok(mut failures) = failures.lock() {
                                failures.push(target.clone());
                            }
                        }
                    }
                }
            });
        }
    });
    match failures.into_inner() {
        Ok(failures) if failures.is_empty() => Ok(()),
        Ok(failures) => Err(failed(format!("findings in {}", failures.join(", ")))),
        Err(_) => Err(failed("a fuzzing thread panicked")),
    }
}

/// The seed is fixed: whether the planted panic is found must not depend on luck.
fn control() -> Outcome {
    let run = engine::run(CONTROL, TEST_SECONDS, Some(1))?;
    let report = run.must_find("the planted panic")?;
    println!("fuzz control: the planted panic was found ({report})");
    Ok(())
}

/// Named by their files; `fuzz/Cargo.toml` lists the same, or the build fails.
fn targets() -> Vec<String> {
    let files = paths::files_in(&paths::root().join("fuzz/fuzz_targets"), &[".rs"]);
    files.iter().filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned())).collect()
}

struct Options {
    targets: Vec<String>,
    seconds: u32,
    input: Option<PathBuf>,
    keep: bool,
    control: bool,
    list: bool,
}

impl Options {
    fn parse(args: &[&str]) -> Outcome<Self> {
        let all = targets();
        let mut options =
            Self { targets: Vec::new(), seconds: 60, input: None, keep: false, control: false, list: false };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| Failure::Usage(format!("{arg} needs a value")));
            match *arg {
                "--seconds" => {
                    let seconds = value()?;
                    options.seconds = seconds
                        .parse()
                        .map_err(|_| Failure::Usage(format!("`{seconds}` is not a number of seconds")))?;
                }
                "--input" => {
                    let given = PathBuf::from(*value()?);
                    options.input = Some(fs::canonicalize(&given).about(given.display())?);
                }
                "--keep" => options.keep = true,
                "--control" => options.control = true,
                "--list" => options.list = true,
                target if all.iter().any(|known| known == target) => options.targets.push(target.to_owned()),
                other => {
                    return Err(Failure::Usage(format!(
                        "no target or option `{other}`; targets: {}",
                        all.join(", ")
                    )));
                }
            }
        }
        if options.input.is_some() && options.targets.len() != 1 {
            return Err(Failure::Usage("--input needs exactly one target".into()));
        }
        if options.targets.is_empty() {
            options.targets = all;
        }
        Ok(options)
    }
}
