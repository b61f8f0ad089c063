//! Where the time of Pageport's processes goes, by `perf`, and the three largest costs: for each aim that was missed.

use super::contestant::{LOAD_CORE, pinned};
use super::field::Field;
use super::install;
use super::results::{Results, aims};
use crate::child;
use crate::failure::Outcome;
use serde_json::{Map, Value, json};
use std::path::Path;

const COSTS: usize = 3;

pub(super) fn of_missed(field: &Field, results: &Results) -> Outcome<Value> {
    let mut profiles = Map::new();
    for aim in aims::all(results).into_iter().filter(|aim| !aim.met()) {
        if let Some(load) = aim.load {
            println!("bench: {} was missed: profile", aim.name);
            profiles.insert(aim.name.clone(), profile(field, load)?);
        }
    }
    Ok(Value::Object(profiles))
}

/// Shares of all samples of both processes, with what runs in the kernel on their behalf.
fn profile(field: &Field, load: &[&str]) -> Outcome<Value> {
    let pageport = field.pageport()?;
    of_load(&[pageport.near.pid(), pageport.far.pid()], "", &[load, &[&pageport.target]].concat())
}

/// What these processes do during a load.
pub(super) fn of_load(pids: &[u32], bearer: &str, load: &[&str]) -> Outcome<Value> {
    let pids = pids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let file = install::directory().join("perf.data");
    let mut perf = child::command("perf");
    perf.args(["record", "-q", "-F", "1999", "-g", "-p", &pids, "-o"]).arg(&file).arg("--");
    let program = install::own("pageport-bench");
    let loaded = pinned(LOAD_CORE, program, &["load"]);
    perf.arg(loaded.get_program()).args(loaded.get_args()).args(load);
    child::capture(super::load::credential(&mut perf, bearer))?;
    let mut profile = of_recorded(&file)?;
    profile["load"] = load.join(" ").into();
    Ok(profile)
}

/// The largest costs in what `perf` has recorded, and the kernel's share of all.
pub(super) fn of_recorded(file: &Path) -> Outcome<Value> {
    let mut report = child::command("perf");
    report.args(["report", "--no-children", "--stdio", "-g", "none", "--sort", "symbol", "-i"]).arg(file);
    let costs = costs(&child::capture(&mut report)?);
    let kernel: f64 =
        costs.iter().filter(|cost| is_kernel(cost)).filter_map(|cost| cost["percent"].as_f64()).sum();
    let largest: Vec<_> = costs.into_iter().take(COSTS).collect();
    Ok(json!({ "costs": largest, "kernel_percent": kernel.round() }))
}

fn is_kernel(cost: &Value) -> bool {
    cost["symbol"].as_str().is_some_and(|symbol| symbol.starts_with("[k]"))
}

/// The lines that are no comment, largest first: `  16.72%  [k] _copy_from_iter`.
fn costs(report: &str) -> Vec<Value> {
    report
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (share, symbol) = line.trim().split_once('%')?;
            let symbol = symbol.trim().trim_end_matches([' ', '-']);
            Some(json!({ "percent": share.parse::<f64>().ok()?, "symbol": symbol }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_read_from_a_report_and_told_apart() {
        let report = "# Samples\n#\n    16.72%  [k] _copy_from_iter     -      -  \n     9.00%  [.] a::b\n\n  1.0%  [k] c\n  0.5% [k] d\n";
        let costs = costs(report);
        assert_eq!(costs.len(), 4);
        assert_eq!(costs.iter().filter(|cost| is_kernel(cost)).count(), 3);
        assert_eq!(costs[0], json!({ "percent": 16.72, "symbol": "[k] _copy_from_iter" }));
        assert_eq!(costs[1]["symbol"], "[.] a::b");
    }
}
