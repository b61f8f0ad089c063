//! The command line of `cargo xtask bench`.

use crate::failure::{Failure, Outcome};
use crate::paths;
use std::path::PathBuf;

pub(crate) const USAGE: &str = "usage: cargo xtask bench [--quick] [--only tunnels|crowd|page|carriers|dialects]... [--output FILE] [--rounds N]";

#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Short rounds: shows that everything runs, and little more.
    pub(crate) quick: bool,
    pub(crate) parts: Vec<Part>,
    pub(crate) output: PathBuf,
    pub(crate) rounds: usize,
    /// This is the process in the network of its own.
    pub(crate) inside: bool,
}

/// In the order in which they stand on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum Part {
    /// Everything that is compared with other tunnels.
    Tunnels,
    /// Many idle visitors, many set-ups.
    Crowd,
    /// A page in Chromium.
    Page,
    /// Each carrier between a page and the gateway.
    Carriers,
    /// What clients speak that know nothing of pages.
    Dialects,
}

impl Part {
    pub(crate) const ALL: [Part; 5] =
        [Part::Tunnels, Part::Crowd, Part::Page, Part::Carriers, Part::Dialects];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Part::Tunnels => "tunnels",
            Part::Crowd => "crowd",
            Part::Page => "page",
            Part::Carriers => "carriers",
            Part::Dialects => "dialects",
        }
    }
}

impl Options {
    pub(crate) fn parse(args: &[&str]) -> Outcome<Options> {
        let mut options =
            Options { quick: false, parts: Vec::new(), output: Options::page(), rounds: 0, inside: false };
        let mut args = args.iter();
        let usage = |what: String| Failure::Usage(format!("{what}\n{USAGE}"));
        while let Some(&arg) = args.next() {
            match arg {
                "--quick" => options.quick = true,
                "--inside" => options.inside = true,
                "--only" | "--output" | "--rounds" => {
                    let value = args.next().ok_or_else(|| usage(format!("{arg} needs a value")))?;
                    match arg {
                        "--output" => options.output = paths::root().join(value),
                        "--rounds" => {
                            options.rounds =
                                value.parse().map_err(|_| usage(format!("not a number: {value}")))?;
                        }
                        _ => options.parts.push(
                            Part::ALL
                                .into_iter()
                                .find(|part| part.name() == *value)
                                .ok_or_else(|| usage(format!("no part `{value}`")))?,
                        ),
                    }
                }
                other => return Err(usage(format!("no option `{other}`"))),
            }
        }
        if options.parts.is_empty() {
            options.parts = Part::ALL.to_vec();
        }
        if options.rounds == 0 {
            options.rounds = if options.quick { 2 } else { 7 };
        }
        Ok(options)
    }

    /// The page that stands beside the sources.
    pub(super) fn page() -> PathBuf {
        paths::root().join("bench/RESULTS.md")
    }

    /// The same, said again.
    pub(crate) fn args(&self) -> Vec<String> {
        let mut args: Vec<String> = Vec::new();
        if self.quick {
            args.push("--quick".into());
        }
        for part in &self.parts {
            args.extend(["--only".into(), part.name().into()]);
        }
        args.extend(["--output".into(), self.output.display().to_string()]);
        args.extend(["--rounds".into(), self.rounds.to_string()]);
        args
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_survive_being_said_again() {
        let options = Options::parse(&["--quick", "--only", "page", "--rounds", "3"]).unwrap();
        let args = options.args();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let again = Options::parse(&args).unwrap();
        assert_eq!(
            (again.quick, again.rounds, again.parts, again.output),
            (true, 3, vec![Part::Page], options.output)
        );
        assert_eq!(Options::parse(&[]).unwrap().parts, Part::ALL);
        assert!(Options::parse(&["--only", "nothing"]).is_err());
    }
}
