//! The part of N9 for WebTransport: a million native streams, streams that nobody announced, a flood of datagrams, a close message of
//! a mebibyte; limits of connections and streams are V7's.

use super::probe;
use super::tools::gateway::Gateway;
use crate::failure::Outcome;

pub(super) fn run() -> Outcome {
    probe::run("webtransport", &Gateway::start(&[])?)
}
