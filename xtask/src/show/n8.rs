//! N8: the page of results says what each carrier can do beside the browser's own, how long the first byte takes, also where UDP is swallowed,
//! where the time goes where an aim is missed, and how large the module is. All of it is measured once more, quickly.

use super::report::Report;
use crate::bench::{self, Options};
use crate::failure::{About, Outcome, failed};
use crate::{paths, suites};
use serde_json::Value;
use std::fs;

const BROWSERS: &[&str] = &["### Chromium ", "### Firefox "];
/// Each is in the tables of bulk, echoes, processor time and first bytes.
const WAYS: &[&str] =
    &["raw WebSocket", "websocket", "http streaming", "http polling", "raw WebTransport", "webtransport"];
/// Rows of the last of these tables alone.
const FIRST_BYTES: &[&str] = &[
    "nothing configured",
    "webtransport wanted, others allowed",
    "the same through a relay",
    "the same through a UDP black hole",
];
/// Of the module with all its carriers, minified and compressed.
const MOST: u64 = 16_000;

pub(super) fn run(report: &Report) -> Outcome {
    let output = paths::target().join("bench/N8.md");
    let _ = fs::remove_file(&output);
    let options =
        Options::parse(&["--quick", "--only", "carriers", "--output", &output.display().to_string()])?;
    bench::run(&options)?;

    let text = fs::read_to_string(&output).about(paths::shown(&output))?;
    let section = section(&text)?;
    filled(section)?;
    report.fact(&[("command", &"cargo xtask bench --quick --only carriers"), ("bytes", &section.len())]);
    let kept = fs::read_to_string(paths::root().join("bench/RESULTS.md")).about("bench/RESULTS.md")?;
    filled(self::section(&kept)?)?;
    report.fact(&[("kept", &"bench/RESULTS.md"), ("bytes", &self::section(&kept)?.len())]);
    control(report, section)?;

    let kept = bench::kept(&options)?;
    let carriers = &kept["carriers"];
    for browser in list(&carriers["browsers"]) {
        measured(report, browser);
    }
    sizes(report, &carriers["sizes"])?;
    suites::size()?;
    report.elapsed();
    Ok(())
}

fn section(text: &str) -> Outcome<&str> {
    let (_, rest) = text.split_once("\n## Carriers\n").ok_or_else(|| failed("no section `Carriers`"))?;
    Ok(rest.split_once("\n## ").map_or(rest, |(section, _)| section))
}

/// Every browser and every row is there, no cell is empty, and whatever missed its aim has a profile.
fn filled(section: &str) -> Outcome {
    let holes = ["| – |", "NaN", "null", "not measured", "kernel) ."];
    if let Some(hole) = holes.iter().find(|hole| section.contains(**hole)) {
        return Err(failed(format!("not filled: {hole}")));
    }
    let rows = |name: &str, count: usize| {
        let seen = section.lines().filter(|line| line.starts_with(&format!("| {name} |"))).count();
        let wanted = count * BROWSERS.len();
        if seen == wanted {
            Ok(())
        } else {
            Err(failed(format!("{name} is in {seen} tables, not in {wanted}")))
        }
    };
    WAYS.iter().try_for_each(|name| rows(name, 4))?;
    FIRST_BYTES.iter().try_for_each(|name| rows(name, 1))?;
    if let Some(browser) = BROWSERS.iter().find(|browser| !section.contains(**browser)) {
        return Err(failed(format!("no {browser}")));
    }
    let missed = section.lines().filter(|line| line.starts_with("- ") && line.ends_with(": missed")).count();
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
        .find(|line| line.starts_with("| webtransport |"))
        .and_then(|line| line.split(" | ").nth(1))
        .ok_or_else(|| failed("no cell"))?;
    let spoilt = [
        section.replacen(&format!("| {cell} |"), "| – |", 1),
        section.replacen("| http polling |", "| http |", 1),
        section.replacen("UDP black hole", "relay", 1),
        format!("{section}\n- something: missed\n"),
    ];
    let noticed = spoilt.iter().filter(|spoilt| filled(spoilt).is_err()).count();
    report.fact(&[
        ("control", &"an empty cell, a missing row, an aim without a profile"),
        ("noticed", &noticed),
    ]);
    if noticed == spoilt.len() { Ok(()) } else { Err(failed("a hole is not noticed")) }
}

/// In words of this run, which is short; the page of results has the long one.
fn measured(report: &Report, browser: &Value) {
    let name = browser["name"].as_str().unwrap_or_default();
    report.fact(&[("browser", &name), ("version", &browser["version"].as_str().unwrap_or_default())]);
    let median = |value: &Value| value["median"].as_f64().unwrap_or(f64::NAN);
    for row in list(&browser["rows"]) {
        let part = |key: &str| format!("{:.2}", median(&row["parts"][key]));
        let beside = row["beside"].as_str().unwrap_or("itself");
        let parts = if beside == "itself" {
            ["1", "1", "1"].map(str::to_owned)
        } else {
            ["up", "down", "echo"].map(part)
        };
        report.fact(&[
            ("browser", &name),
            ("way", &row["name"].as_str().unwrap_or_default()),
            ("up_mb_s", &median(&row["up"]).round()),
            ("down_mb_s", &median(&row["down"]).round()),
            ("echo_ms", &format!("{:.3}", median(&row["p50"]))),
            ("beside", &beside),
            ("up", &parts[0]),
            ("down", &parts[1]),
            ("echo", &parts[2]),
        ]);
    }
    for one in list(&browser["first_bytes"]) {
        report.fact(&[
            ("browser", &name),
            ("first_byte", &one["name"].as_str().unwrap_or_default()),
            ("carrier", &one["carrier"].as_str().unwrap_or_default()),
            ("ms", &median(&one["ms"]).round()),
        ]);
    }
}

fn sizes(report: &Report, sizes: &Value) -> Outcome {
    let size = list(sizes).iter().find(|size| size["what"] == "with all carriers");
    let bytes = size.and_then(|size| size["compressed"].as_u64()).ok_or_else(|| failed("no size"))?;
    report.fact(&[("module_with_all_carriers", &bytes), ("most", &MOST)]);
    if bytes <= MOST { Ok(()) } else { Err(failed(format!("{bytes} bytes are more than {MOST}"))) }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
