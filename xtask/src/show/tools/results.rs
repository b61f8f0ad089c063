//! The page of results as a proof looks at it: a part is measured once more, quickly, and what is written of it now and what is kept must be without
//! a hole. Must never judge a figure.

use crate::bench::{self, Options};
use crate::failure::{About, Outcome, failed};
use crate::paths;
use crate::show::report::Report;
use serde_json::Value;
use std::fs;

/// A part of the benchmarks, and its section of the page.
pub(in crate::show) struct Part {
    /// Of the proof.
    pub(in crate::show) id: &'static str,
    /// What `--only` calls it.
    pub(in crate::show) name: &'static str,
    pub(in crate::show) title: &'static str,
    /// What a section must have.
    pub(in crate::show) filled: fn(&str) -> Outcome,
}

impl Part {
    /// Measures it: the section, and the figures behind it.
    pub(in crate::show) fn measure(&self, report: &Report) -> Outcome<(String, Value)> {
        let output = paths::target().join(format!("bench/{}.md", self.id));
        let _ = fs::remove_file(&output);
        let place = output.display().to_string();
        let options = Options::parse(&["--quick", "--only", self.name, "--output", &place])?;
        bench::run(&options)?;

        let text = fs::read_to_string(&output).about(paths::shown(&output))?;
        let section = self.section(&text)?;
        (self.filled)(section)?;
        let command = format!("cargo xtask bench --quick --only {}", self.name);
        report.fact(&[("command", &command), ("bytes", &section.len())]);
        let kept = fs::read_to_string(paths::root().join("bench/RESULTS.md")).about("bench/RESULTS.md")?;
        let kept = self.section(&kept)?;
        (self.filled)(kept)?;
        report.fact(&[("kept", &"bench/RESULTS.md"), ("bytes", &kept.len())]);
        Ok((section.to_owned(), bench::kept(&options)?))
    }

    fn section<'t>(&self, text: &'t str) -> Outcome<&'t str> {
        let title = format!("\n## {}\n", self.title);
        let (_, rest) =
            text.split_once(&title).ok_or_else(|| failed(format!("no section `{}`", self.title)))?;
        Ok(rest.split_once("\n## ").map_or(rest, |(section, _)| section))
    }

    /// Sections that were spoilt would not pass.
    pub(in crate::show) fn control(&self, report: &Report, how: &str, spoilt: &[String]) -> Outcome {
        let noticed = spoilt.iter().filter(|spoilt| (self.filled)(spoilt).is_err()).count();
        report.fact(&[("control", &how), ("noticed", &noticed)]);
        if noticed == spoilt.len() { Ok(()) } else { Err(failed("a hole is not noticed")) }
    }
}

/// No cell is empty, and nothing else of this is there.
pub(in crate::show) fn without_holes(section: &str, others: &[&str]) -> Outcome {
    let mut holes = ["| – |", "NaN", "null", "not measured"].iter().chain(others);
    match holes.find(|hole| section.contains(**hole)) {
        Some(hole) => Err(failed(format!("not filled: {hole}"))),
        None => Ok(()),
    }
}

/// Somebody is in so many tables.
pub(in crate::show) fn rows(section: &str, name: &str, wanted: usize) -> Outcome {
    let seen = section.lines().filter(|line| line.starts_with(&format!("| {name} |"))).count();
    if seen == wanted { Ok(()) } else { Err(failed(format!("{name} is in {seen} tables, not in {wanted}"))) }
}

/// The first cell of somebody's first row.
pub(in crate::show) fn cell<'s>(section: &'s str, name: &str) -> Outcome<&'s str> {
    let row = section.lines().find(|line| line.starts_with(&format!("| {name} |")));
    row.and_then(|line| line.split(" | ").nth(1)).ok_or_else(|| failed("no cell"))
}

/// Whatever missed its aim has a profile.
pub(in crate::show) fn profiled(section: &str, missed: usize) -> Outcome {
    let profiles = section.matches("Where the time goes in *").count();
    if missed == profiles {
        Ok(())
    } else {
        Err(failed(format!("{missed} aims missed, {profiles} profiles")))
    }
}
