//! V2: WebSocket over HTTP/2 extended CONNECT from Chromium and Node, and the Autobahn sample through it.

use super::report::Report;
use crate::autobahn;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    autobahn::run_script("show/v2.mjs", &[])?;
    report.elapsed();
    Ok(())
}
