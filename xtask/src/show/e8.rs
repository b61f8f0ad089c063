//! E8: the page of results has the dialects beside what others offer, what each moved was compared byte for byte, and whatever missed its aim has
//! a profile. All of it is measured once more, quickly. An aim that is missed is said, and no failure.

use super::report::Report;
use super::tools::results::{Part, cell, profiled, rows, without_holes};
use crate::failure::{Outcome, failed};
use serde_json::Value;

const PART: Part = Part { id: "E8", name: "dialects", title: "Dialects", filled };

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
    let (section, kept) = PART.measure(report)?;
    control(report, &section)?;
    let dialects = &kept["dialects"];
    compared(report, dialects)?;
    measured(report, dialects);
    for line in section.lines().filter(|line| line.starts_with("- Pageport, ")) {
        report.fact(&[("aim", &line.trim_start_matches("- "))]);
    }
    report.elapsed();
    Ok(())
}

/// Everybody is in every table, no cell is empty, every aim is said, and whatever missed one has a profile, memory aside.
fn filled(section: &str) -> Outcome {
    without_holes(section, &[])?;
    RIGS.iter().try_for_each(|(name, wanted)| rows(section, name, *wanted))?;
    let aims: Vec<&str> = section
        .lines()
        .filter(|line| line.starts_with("- ") && (line.ends_with(": met") || line.ends_with(": missed")))
        .collect();
    if aims.len() != AIMS {
        return Err(failed(format!("{} aims, not {AIMS}", aims.len())));
    }
    let missed = aims.iter().filter(|aim| aim.ends_with(": missed") && !aim.contains(": memory of")).count();
    profiled(section, missed)
}

/// A page with a hole in it would not pass.
fn control(report: &Report, section: &str) -> Outcome {
    let spoilt = [
        section.replacen(&format!("| {} |", cell(section, "nginx")?), "| – |", 1),
        section.replacen("| wisp-js |", "| somebody |", 1),
        format!("{section}\n- something: missed\n"),
        section.replacen("- Pageport, Wisp", "Pageport, Wisp", 1),
    ];
    PART.control(report, "an empty cell, a missing row, an aim too many, an aim too few", &spoilt)
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
