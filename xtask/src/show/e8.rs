//! E8: the page of results has the dialects beside what others offer, what each moved was compared byte for byte, and whatever missed its aim has
//! a profile. All of it is measured once more, quickly. An aim that is missed is said, and no failure.

use super::report::Report;
use crate::bench::{self, Options};
use crate::failure::{About, Outcome, failed};
use crate::paths;
use serde_json::Value;
use std::fs;

/// Who is in how many tables: of those that make connections all but the last three, of Wisp these, and all in the last.
const RIGS: [(&str, usize); 10] = [
    ("one hop, splice", 9),
    ("one hop, copy", 9),
    ("Pageport, WebSocket", 6),
    ("Pageport, Upgrade: tcp", 6),
    ("Pageport, Wisp", 5),
    ("yardstick", 6),
    ("websockify", 6),
    ("haproxy", 6),
    ("nginx", 6),
    ("wisp-js", 5),
];
const AIMS: usize = 14;

pub(super) fn run(report: &Report) -> Outcome {
    let output = paths::target().join("bench/E8.md");
    let _ = fs::remove_file(&output);
    let options =
        Options::parse(&["--quick", "--only", "dialects", "--output", &output.display().to_string()])?;
    bench::run(&options)?;

    let text = fs::read_to_string(&output).about(paths::shown(&output))?;
    let section = section(&text)?;
    filled(section)?;
    report.fact(&[("command", &"cargo xtask bench --quick --only dialects"), ("bytes", &section.len())]);
    control(report, section)?;

    let kept = bench::kept(&options)?;
    let dialects = &kept["dialects"];
    compared(report, dialects)?;
    measured(report, dialects);
    for line in section.lines().filter(|line| line.starts_with("- Pageport, ")) {
        report.fact(&[("aim", &line.trim_start_matches("- "))]);
    }
    let kept = fs::read_to_string(paths::root().join("bench/RESULTS.md")).about("bench/RESULTS.md")?;
    filled(self::section(&kept)?)?;
    report.fact(&[("kept", &"bench/RESULTS.md"), ("bytes", &self::section(&kept)?.len())]);
    report.elapsed();
    Ok(())
}

fn section(text: &str) -> Outcome<&str> {
    let (_, rest) = text.split_once("\n## Dialects\n").ok_or_else(|| failed("no section `Dialects`"))?;
    Ok(rest.split_once("\n## ").map_or(rest, |(section, _)| section))
}

/// Everybody is in every table, no cell is empty, every aim is said, and whatever missed one has a profile, memory aside.
fn filled(section: &str) -> Outcome {
    let holes = ["| – |", "NaN", "null", "not measured"];
    if let Some(hole) = holes.iter().find(|hole| section.contains(**hole)) {
        return Err(failed(format!("not filled: {hole}")));
    }
    for (name, wanted) in RIGS {
        let seen = section.lines().filter(|line| line.starts_with(&format!("| {name} |"))).count();
        if seen != wanted {
            return Err(failed(format!("{name} is in {seen} tables, not in {wanted}")));
        }
    }
    let aims: Vec<&str> = section
        .lines()
        .filter(|line| line.starts_with("- ") && (line.ends_with(": met") || line.ends_with(": missed")))
        .collect();
    if aims.len() != AIMS {
        return Err(failed(format!("{} aims, not {AIMS}", aims.len())));
    }
    let missed = aims.iter().filter(|aim| aim.ends_with(": missed") && !aim.contains(": memory of")).count();
    let profiles = section.matches("Where the time goes in *").count();
    if missed == profiles {
        Ok(())
    } else {
        Err(failed(format!("{missed} aims missed, {profiles} profiles")))
    }
}

/// A page with a hole in it would not pass.
fn control(report: &Report, section: &str) -> Outcome {
    let cell = section
        .lines()
        .find(|line| line.starts_with("| nginx |"))
        .and_then(|line| line.split(" | ").nth(1))
        .ok_or_else(|| failed("no cell"))?;
    let spoilt = [
        section.replacen(&format!("| {cell} |"), "| – |", 1),
        section.replacen("| wisp-js |", "| somebody |", 1),
        format!("{section}\n- something: missed\n"),
        section.replacen("- Pageport, Wisp", "Pageport, Wisp", 1),
    ];
    let noticed = spoilt.iter().filter(|spoilt| filled(spoilt).is_err()).count();
    report.fact(&[
        ("control", &"an empty cell, a missing row, an aim too many, an aim too few"),
        ("noticed", &noticed),
    ]);
    if noticed == spoilt.len() { Ok(()) } else { Err(failed("a hole is not noticed")) }
}

/// The same bytes went through everybody, and somebody who changes one was found out.
fn compared(report: &Report, dialects: &Value) -> Outcome {
    for (name, _) in RIGS {
        let said = &dialects["compared"][name];
        let (bytes, hash) =
            (said["bytes"].as_u64().unwrap_or(0), said["sha256"].as_str().unwrap_or_default());
        if bytes == 0 || hash.len() != 64 {
            return Err(failed(format!("nothing of {name} was compared: {said}")));
        }
        report.fact(&[("rig", &name), ("compared_bytes", &bytes), ("sha256", &hash)]);
    }
    let control = dialects["compared"]["control"].as_str().unwrap_or_default();
    report.fact(&[("control", &control)]);
    if control.is_empty() { Err(failed("there was no control")) } else { Ok(()) }
}

/// In words of this run, which is short; the page of results has the long one.
fn measured(report: &Report, dialects: &Value) {
    for rig in dialects["rigs"].as_array().into_iter().flatten() {
        let name = rig["name"].as_str().unwrap_or_default();
        let median = |number: &str, digits: usize| {
            let value = dialects["rounds"][number][name]["median"].as_f64();
            value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
        };
        report.fact(&[
            ("rig", &name),
            ("version", &rig["version"].as_str().unwrap_or_default()),
            ("down_mb_s", &median("down.mb_s", 0)),
            ("up_mb_s", &median("up.mb_s", 0)),
            ("trips_per_s", &median("trips.per_s", 0)),
            ("setup_cpu_us", &median("setups.cpu_us", 0)),
        ]);
    }
}
