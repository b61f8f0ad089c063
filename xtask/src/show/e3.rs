//! E3: clients that exist, unchanged, reach servers through the gateway's dialects.

use super::report::Report;
use super::tools::script;
use crate::failure::Outcome;
use crate::python;

/// A client, and what runs it.
type Piece = (&'static str, fn() -> Outcome);

/// What is shown, one after the other: a new client is a line here.
const PIECES: &[Piece] = &[
    ("curl by SOCKS", || script::node("e3-curl.mjs", &[])),
    ("wisp-js, v1 and v2", || script::node("e3-wisp.mjs", &[])),
    ("OpenSSH by its ProxyCommand, and by SOCKS with netcat", || script::node("e3-ssh.mjs", &[])),
    ("noVNC by its own WebSocket", || script::node("e3-novnc.mjs", &[])),
    ("websockify's own client", || {
        let python = python::websockify()?;
        script::node("e3-websockify.mjs", &[("WEBSOCKIFY_PYTHON", &python.display().to_string())])
    }),
];

pub(super) fn run(report: &Report) -> Outcome {
    for (name, piece) in PIECES {
        println!("{name}");
        piece()?;
    }
    report.elapsed();
    Ok(())
}
