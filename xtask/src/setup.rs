//! Installs what is missing, so that `cargo xtask test` works on a bare Debian with Rust and Node: Debian packages, the
//! locked npm packages and a Python environment. Says so and does nothing when all is there.

pub(crate) mod apt;
pub(crate) mod npm;

use crate::failure::{Failure, Outcome};
use crate::tally::Tally;
use crate::{child, python};

/// The oldest Node with everything the module and its tests use.
const NODE_MAJOR: u32 = 20;

pub(crate) fn phase() -> Outcome<Tally> {
    node()?;
    apt::install_missing()?;
    npm::install_if_stale()?;
    python::plain()?;
    Ok(Tally::ONE)
}

fn node() -> Outcome {
    let version = child::first_line("node", &["--version"])
        .map_err(|_| Failure::Missing(format!("Node {NODE_MAJOR} or newer is needed, with npm")))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_MAJOR) {
        return Err(Failure::Missing(format!("Node {NODE_MAJOR} or newer is needed; this is {version}")));
    }
    Ok(())
}
