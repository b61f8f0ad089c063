//! A page in Chromium: answers requests, and moves bulk, beside the same without a gateway. Chromium needs both processors, so nothing
//! is pinned here.

use super::install;
use super::options::Options;
use crate::failure::{Outcome, failed};
use crate::{child, paths};
use serde_json::{Map, Value};

pub(super) fn run(options: &Options) -> Outcome<Value> {
    let mut node = child::command("node");
    node.arg(paths::js().join("test/bench/page.mjs")).env("PAGEPORT_BIN", install::own("pageport"));
    node.args(["--rounds", &options.rounds.min(5).to_string()]);
    if options.quick {
        node.arg("--quick");
    }
    let finished = child::stream(&mut node)?;
    let last = finished.stdout.lines().last().unwrap_or_default();
    let said: Map<String, Value> =
        serde_json::from_str(last).map_err(|error| failed(format!("the page said {last:?}: {error}")))?;
    if finished.status.success() { Ok(said.into()) } else { Err(failed("the page's benchmark failed")) }
}
