//! Each carrier between a page and the gateway, beside the browser's own WebSocket and WebTransport; the time to the first byte; the module's
//! size. Browsers need both processors, so nothing is pinned here.

use super::options::Options;
use super::{install, machine, profile};
use crate::failure::{About, Outcome, failed};
use crate::{child, paths, suites};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// What part of the raw one's speed a carrier is to have.
const AIM: f64 = 0.9;

pub(super) fn run(options: &Options) -> Outcome<Value> {
    let directory = install::directory().join("profiles");
    fs::create_dir_all(&directory).about(paths::shown(&directory))?;
    let facts = machine::facts(options)?;
    let mut node = child::command("node");
    node.arg(paths::js().join("test/bench/carriers.mjs"));
    for (name, program) in [
        ("PAGEPORT_BIN", "pageport"),
        ("PAGEPORT_BENCH", "pageport-bench"),
        ("IMPAIRMENT_RELAY", "impairment-relay"),
    ] {
        node.env(name, install::own(program));
    }
    node.args(["--rounds", &options.rounds.to_string(), "--aim", &AIM.to_string(), "--profiles"])
        .arg(&directory);
    if options.quick {
        node.arg("--quick");
    }
    let finished = child::stream(&mut node)?;
    if !finished.status.success() {
        return Err(failed("the carriers' benchmark failed"));
    }
    let last = finished.stdout.lines().last().unwrap_or_default();
    let mut said: Value = serde_json::from_str(last)
        .map_err(|error| failed(format!("the carriers' benchmark said {last:?}: {error}")))?;
    for browser in said["browsers"].as_array_mut().into_iter().flatten() {
        for one in browser["profiles"].as_array_mut().into_iter().flatten() {
            let file = PathBuf::from(one["perf"].as_str().unwrap_or_default());
            one["gateway"] = profile::of_recorded(&file)?;
        }
    }
    said["machine"] = facts;
    said["sizes"] = sizes()?;
    Ok(said)
}

/// What a page downloads: name, bytes and bound of each.
fn sizes() -> Outcome<Value> {
    let sizes = suites::sizes()?;
    let one = |size: &suites::Size| json!({ "what": size.what, "minified": size.minified, "compressed": size.compressed, "most": size.most });
    Ok(sizes.iter().map(one).collect())
}
