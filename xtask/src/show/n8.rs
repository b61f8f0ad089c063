//! N8: the page of results says what each carrier can do beside the browser's own, how long the first byte takes, also where UDP is swallowed,
//! where the time goes where an aim is missed, and how large the module is. All of it is measured once more, quickly.

use super::report::Report;
use super::tools::results::{Part, cell, profiled, rows, without_holes};
use crate::failure::{Outcome, failed};
use crate::suites;
use serde_json::Value;

const PART: Part = Part { id: "N8", name: "carriers", title: "Carriers", filled };

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
    let (section, kept) = PART.measure(report)?;
    control(report, &section)?;
    let carriers = &kept["carriers"];
    for browser in list(&carriers["browsers"]) {
        measured(report, browser);
    }
    sizes(report, &carriers["sizes"])?;
    suites::size()?;
    report.elapsed();
    Ok(())
}

/// Every browser and every row is there, no cell is empty, and whatever missed its aim has a profile.
fn filled(section: &str) -> Outcome {
    without_holes(section, &["kernel) ."])?;
    WAYS.iter().try_for_each(|name| rows(section, name, 4 * BROWSERS.len()))?;
    FIRST_BYTES.iter().try_for_each(|name| rows(section, name, BROWSERS.len()))?;
    if let Some(browser) = BROWSERS.iter().find(|browser| !section.contains(**browser)) {
        return Err(failed(format!("no {browser}")));
    }
    let missed = section.lines().filter(|line| line.starts_with("- ") && line.ends_with(": missed")).count();
    profiled(section, missed)
}

/// A page with a hole in it would not pass.
fn control(report: &Report, section: &str) -> Outcome {
    let spoilt = [
        section.replacen(&format!("| {} |", cell(section, "webtransport")?), "| – |", 1),
        section.replacen("| http polling |", "| http |", 1),
        section.replacen("UDP black hole", "relay", 1),
        format!("{section}\n- something: missed\n"),
    ];
    PART.control(report, "an empty cell, a missing row, an aim without a profile", &spoilt)
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
