//! E4: forbidden destinations are refused before a packet leaves, also under a wildcard, by every way to ask; names whose owner means harm reach nothing in a thousand tries, and
//! redirects are not followed. Counted by nft in a network namespace, where what is permitted does count.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;

pub(super) fn run(report: &Report) -> Outcome {
    script::node("e4.mjs", &[])?;
    report.elapsed();
    Ok(())
}
