//! Developer commands: `cargo xtask test | show | bench | fuzz`.
//!
//! | module | what |
//! |---|---|
//! | [`test`], [`phase`], [`tally`] | the test command: phases in order, seconds, the closing line |
//! | [`setup`], [`python`], [`tidy`], [`suites`], [`fuzz`], [`autobahn`] | what the phases do |
//! | [`show`] | one proof per file, from outside, against the release binary |
//! | [`bench`] | everything that is compared with others, in one run |
//! | [`child`], [`process`], [`paths`], [`failure`] | child processes, /proc, where things are, how it ends |
//!
//! Nothing here is part of the product, and no product crate may be linked into it: a check must not share code with
//! what it checks.

mod autobahn;
mod bench;
mod child;
mod failure;
mod fuzz;
mod paths;
mod phase;
mod process;
mod python;
mod setup;
mod show;
mod suites;
mod tally;
mod test;
mod tidy;

use failure::{Failure, Outcome};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask test [--only PHASE]... [--list]
       cargo xtask show <ID> | --list
       cargo xtask bench [--quick] [--only tunnels|crowd|page|carriers|dialects]... [--output FILE] [--rounds N]
       cargo xtask fuzz [TARGET]... [--seconds N] [--input FILE] [--keep] [--control] [--list]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&args) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn dispatch(args: &[&str]) -> Outcome<ExitCode> {
    match args {
        ["test", rest @ ..] => test::main(rest),
        ["show", rest @ ..] => show::main(rest),
        ["bench", rest @ ..] => bench::main(rest),
        ["fuzz", rest @ ..] => fuzz::main(rest),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        [] => Err(Failure::Usage(USAGE.into())),
        [other, ..] => Err(Failure::Usage(format!("no command `{other}`\n{USAGE}"))),
    }
}
