//! `cargo xtask test`: every phase in order, the seconds each takes, and one closing line that counts it all.

use crate::failure::{Failure, Outcome};
use crate::phase::Phase;
use crate::tally::Tally;
use crate::{autobahn, child, fuzz, setup, suites, tidy};
use std::io::Write;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// A new phase is one line here. Cheap ones come first, so that a mistake shows within seconds.
#[rustfmt::skip]
const PHASES: &[Phase] = &[
    Phase { name: "setup",    beside: false, about: "install what is missing: apt, npm, pip",                 run: setup::phase },
    Phase { name: "fmt",      beside: false, about: "cargo fmt --check, both workspaces",                     run: suites::fmt },
    Phase { name: "tidy",     beside: false, about: "file sizes, dependency direction, words, lock files",    run: tidy::phase },
    Phase { name: "clippy",   beside: false, about: "cargo clippy, warnings are errors",                      run: suites::clippy },
    Phase { name: "tsc",      beside: false, about: "types of the JavaScript module and its drivers",         run: suites::tsc },
    Phase { name: "size",     beside: false, about: "the module, minified and compressed, in its budget",     run: suites::size },
    Phase { name: "build",    beside: false, about: "all that runs below: programs, tests and fuzz targets",  run: suites::build },
    Phase { name: "rust",     beside: false, about: "cargo test",                                             run: suites::rust },
    Phase { name: "js",       beside: true,  about: "node --test js/test",                                    run: suites::js },
    Phase { name: "browser",  beside: false, about: "node --test js/test/browser: Chromium and Firefox",      run: suites::browser },
    Phase { name: "fuzz",     beside: true,  about: "every fuzz target for 20 s, and the control",            run: fuzz::phase },
    Phase { name: "autobahn", beside: false, about: "the Autobahn test suite, a sample of it and controls",   run: autobahn::phase },
];

type Row = (&'static str, Duration, Tally);

pub(crate) fn main(args: &[&str]) -> Outcome<ExitCode> {
    let mut only: Vec<&str> = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "--list" => {
                for phase in PHASES {
                    let together = if phase.beside { " (beside the one above)" } else { "" };
                    println!("{:9} {}{together}", phase.name, phase.about);
                }
                return Ok(ExitCode::SUCCESS);
            }
            "--only" => only.push(args.next().ok_or_else(|| Failure::Usage("--only needs a phase".into()))?),
            other => return Err(Failure::Usage(format!("cargo xtask test has no option `{other}`"))),
        }
    }
    if let Some(unknown) = only.iter().find(|name| !PHASES.iter().any(|phase| phase.name == **name)) {
        return Err(Failure::Usage(format!("there is no phase `{unknown}`: see cargo xtask test --list")));
    }
    let chosen: Vec<&Phase> =
        PHASES.iter().filter(|phase| only.is_empty() || only.contains(&phase.name)).collect();
    Ok(run(&chosen))
}

fn run(phases: &[&Phase]) -> ExitCode {
    let start = Instant::now();
    let mut rows: Vec<Row> = Vec::new();
    let mut failure = None;
    for together in phases.chunk_by(|_, next| next.beside) {
        for (phase, seconds, result) in side_by_side(together) {
            let tally = result.as_ref().map_or(Tally::BROKEN, |tally| *tally);
            rows.push((phase.name, seconds, tally));
            let fault = match result {
                Err(error) => Some(error),
                Ok(_) if tally.failed > 0 => Some(Failure::Failed(format!("{} tests failed", tally.failed))),
                Ok(_) => None,
            };
            failure = failure.or(fault.map(|fault| (phase.name, fault)));
        }
        if failure.is_some() {
            break;
        }
    }
    close(&rows, start.elapsed(), failure.as_ref())
}

/// What a phase took and how it went, once all of these have ended.
fn side_by_side<'a>(phases: &[&'a Phase]) -> Vec<(&'a Phase, Duration, Outcome<Tally>)> {
    let [first, beside @ ..] = phases else { return Vec::new() };
    thread::scope(|scope| {
        let others: Vec<_> =
            beside.iter().map(|phase| (*phase, scope.spawn(|| child::held_back(|| timed(phase))))).collect();
        let (seconds, result) = timed(first);
        let mut all = vec![(*first, seconds, result)];
        for (phase, other) in others {
            let broken = || (Duration::ZERO, Err(Failure::Failed("it panicked".into())));
            let (seconds, result) = other.join().unwrap_or_else(|_| broken());
            all.push((phase, seconds, result));
        }
        all
    })
}

fn timed(phase: &Phase) -> (Duration, Outcome<Tally>) {
    println!("\n== {} · {}", phase.name, phase.about);
    let start = Instant::now();
    let result = (phase.run)();
    let seconds = start.elapsed();
    let tally = result.as_ref().map_or(Tally::BROKEN, |tally| *tally);
    println!("== {} · {:.1} s · {tally}", phase.name, seconds.as_secs_f64());
    (seconds, result)
}

/// The table, what to do about a failure, and the closing line, which is the last thing printed.
fn close(rows: &[Row], total: Duration, failure: Option<&(&str, Failure)>) -> ExitCode {
    let mut sum = Tally::default();
    println!("\n{:9} {:>8}  {:>6}  {:>6}", "phase", "seconds", "passed", "failed");
    for (name, seconds, tally) in rows {
        sum += *tally;
        println!("{name:9} {:8.1}  {:6}  {:6}", seconds.as_secs_f64(), tally.passed, tally.failed);
    }
    println!("{:9} {:8.1}  {:6}  {:6}", "total", total.as_secs_f64(), sum.passed, sum.failed);
    let code = match failure {
        None => ExitCode::SUCCESS,
        Some((phase, error)) => {
            println!("\nerror: {phase}: {error}");
            if !matches!(error, Failure::Missing(_)) {
                println!("hint: run it alone with `cargo xtask test --only {phase}`");
            }
            error.exit_code()
        }
    };
    println!("\n{sum}");
    let _ = std::io::stdout().flush();
    code
}
