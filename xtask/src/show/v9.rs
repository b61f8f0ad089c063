//! V9: one command fills the page of results; 18,000 visitors stand still at one gateway, 10,000 come and go without an error.

use super::report::Report;
use crate::bench::{self, Options};
use crate::failure::{About, Outcome, failed};
use crate::paths;
use std::fs;

const SECTIONS: &[&str] = &[
    "Aims",
    "Bulk",
    "Round trips",
    "Set-ups",
    "Memory of an idle connection",
    "A crowd",
    "A page in Chromium",
];
const CONTESTANTS: &[&str] = &["raw splice", "raw copy", "Pageport", "rathole", "bore", "ssh -R"];

pub(super) fn run(report: &Report) -> Outcome {
    let output = paths::target().join("bench/V9.md");
    let _ = fs::remove_file(&output);
    let options = Options::parse(&["--quick", "--output", &output.display().to_string()])?;
    bench::run(&options)?;

    let text = fs::read_to_string(&output).about(paths::shown(&output))?;
    filled(&text)?;
    report.fact(&[
        ("command", &"cargo xtask bench --quick"),
        ("sections", &SECTIONS.len()),
        ("bytes", &text.len()),
    ]);
    let kept = fs::read_to_string(paths::root().join("bench/RESULTS.md")).about("bench/RESULTS.md")?;
    filled(&kept)?;
    report.fact(&[("kept", &"bench/RESULTS.md"), ("bytes", &kept.len())]);
    // A page with a hole in it would not pass.
    let hole = text.replacen("MB/s", "–", 1);
    if filled(&hole).is_ok() || filled(&text.replace("rathole", "somebody")).is_ok() {
        return Err(failed("an empty cell or a missing contestant is not noticed"));
    }
    report.fact(&[("control", &"an empty cell, a missing contestant"), ("noticed", &true)]);

    let kept = bench::kept(&options)?;
    for (fact, pointer) in [
        ("idle_visitors", "/crowd/idle/visitors"),
        ("listeners", "/crowd/idle/listeners"),
        ("gateway_descriptors", "/crowd/idle/gateway_descriptors"),
        ("gateway_bytes", "/crowd/idle/gateway_bytes"),
        ("gateway_bytes_each", "/crowd/idle/gateway_bytes_each"),
        ("setups_without_error", "/crowd/setups/done"),
        ("setups_per_s", "/crowd/setups/per_s"),
    ] {
        let value = kept.pointer(pointer).and_then(serde_json::Value::as_f64).unwrap_or(f64::NAN);
        report.fact(&[(fact, &value.round())]);
    }
    for (pointer, least) in [
        ("/crowd/idle/visitors", 18_000),
        ("/crowd/idle/gateway_descriptors", 18_000),
        ("/crowd/setups/done", 10_000),
    ] {
        if kept.pointer(pointer).and_then(serde_json::Value::as_u64).is_none_or(|seen| seen < least) {
            return Err(failed(format!("{pointer} is below {least}")));
        }
    }
    report.elapsed();
    Ok(())
}

/// Every section is there, every contestant in it, and no cell is empty.
fn filled(text: &str) -> Outcome {
    for section in SECTIONS {
        if !text.contains(&format!("\n## {section}")) {
            return Err(failed(format!("no section `{section}`")));
        }
    }
    for contestant in CONTESTANTS {
        // Bulk both ways and its costs, round trips and their latencies, set-ups, memory.
        let rows = text.lines().filter(|line| line.starts_with(&format!("| {contestant} |"))).count();
        if rows != 8 {
            return Err(failed(format!("{contestant} is in {rows} tables, not in 8")));
        }
    }
    match ["| – |", "NaN", "not measured"].iter().find(|hole| text.contains(**hole)) {
        Some(hole) => Err(failed(format!("not filled: {hole}"))),
        None => Ok(()),
    }
}
