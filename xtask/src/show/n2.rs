//! N2: our WebSocket beside the browser's own in the same page, on every carrier; and as a client of the Autobahn test suite.

use super::report::Report;
use crate::autobahn::{self, Role, Scope};
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    autobahn::run_script("show/n2.mjs", &[])?;
    autobahn::run(Role::Client, Scope::All)?;
    report.elapsed();
    Ok(())
}
