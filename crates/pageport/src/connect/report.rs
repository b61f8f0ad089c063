//! What programs are told of a pipe: lines of JSON on stderr, since stdout is the connection.

use std::io::{self, Write as _};

use miette::Diagnostic;
use pageport_link::head::Verified;
use serde_json::json;

/// There is a connection; `tls`: as the gateway has verified it.
pub(crate) fn connected(to: &str, tls: Option<&Verified>) {
    let mut event = json!({ "event": "connected", "to": to });
    if let Some(tls) = tls {
        event["tls"] = json!(tls);
    }
    line(&event);
}

/// There is none, or it broke.
pub(crate) fn failed(to: &str, failure: &dyn Diagnostic) {
    line(&json!({
        "event": "failed", "to": to, "message": failure.to_string(),
        "code": failure.code().map(|code| code.to_string()),
        "hint": failure.help().map(|hint| hint.to_string()),
    }));
}

/// Nobody is left to tell when stderr is closed.
fn line(event: &serde_json::Value) {
    let _ = writeln!(io::stderr().lock(), "{event}");
}
