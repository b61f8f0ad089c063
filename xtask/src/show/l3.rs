//! L3: the Autobahn test suite finds nothing wrong with a WebSocket server that is a page in Chromium.

use super::report::Report;
use crate::autobahn::{self, Role, Scope};
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    autobahn::run(Role::Server, Scope::All)?;
    report.elapsed();
    Ok(())
}
