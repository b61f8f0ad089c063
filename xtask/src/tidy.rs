//! The rules of this repository that no other tool knows: how long files are, which way dependencies point, which words
//! do not belong, what lock files may name. Each rule is a function from files to problems, so that it is tested with
//! files that break it.

mod direction;
mod files;
mod header;
mod length;
mod locks;
mod words;

use crate::failure::{Outcome, failed};
use crate::tally::Tally;

/// One thing to change: where, and what.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    at: String,
    what: String,
}

impl Problem {
    fn new(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self { at: at.into(), what: what.into() }
    }
}

pub(crate) fn phase() -> Outcome<Tally> {
    let sources = files::tracked()?;
    let mut problems = length::check(&sources);
    problems.extend(header::check(&sources));
    problems.extend(words::check(&sources));
    problems.extend(locks::check(&sources));
    problems.extend(direction::check_modules(&sources));
    problems.extend(direction::check_packages(&direction::packages()?));
    for Problem { at, what } in &problems {
        println!("{at}: {what}");
    }
    println!("{} files; {}", sources.len(), length::summary(&sources));
    if problems.is_empty() {
        Ok(Tally::ONE)
    } else {
        Err(failed(format!("{} things to tidy", problems.len())))
    }
}
