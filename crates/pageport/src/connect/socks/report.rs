//! What is told: where the server is, and a line for each connection. For people on stderr, for programs as lines of JSON on stdout.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use miette::Diagnostic as _;
use pageport_proto::target::Endpoint;
use serde_json::{Value, json};

use crate::expose::pipe::Traffic;
use crate::expose::report::size;
use crate::failure::{NativeFailure, render};

/// How it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A connection that wants to go somewhere.
#[derive(Debug)]
pub(super) struct Entry {
    number: u64,
    to: String,
    since: Instant,
    /// `received` from the client, `sent` to it.
    pub(super) traffic: Traffic,
}

impl Entry {
    pub(super) fn new(number: u64, to: &Endpoint, since: Instant) -> Entry {
        Entry { number, to: to.to_string(), since, traffic: Traffic::default() }
    }

    fn event(&self, event: &str) -> Value {
        json!({ "event": event, "number": self.number, "to": self.to })
    }
}

impl Report {
    /// It can be used.
    pub(super) fn ready(self, address: SocketAddr, gateway: &str, password: bool) {
        match self {
            Report::Json => out(&json!({
                "event": "ready", "socks": address.to_string(), "gateway": gateway, "password": password,
            })
            .to_string()),
            Report::Text => {
                out(&format!("socks5h://{address}"));
                let whom = if password { "who knows the password" } else { "every user of this machine" };
                log(&format!(
                    "leads {whom} to what {gateway} allows you; names are looked up there. Ctrl-C stops it."
                ));
            }
        }
    }

    /// Somebody said something that is no request.
    pub(super) fn bad(self, number: u64, why: &str) {
        match self {
            Report::Json => out(&json!({ "event": "bad", "number": number, "error": why }).to_string()),
            Report::Text => log(&format!("#{number} not served: {why}")),
        }
    }

    /// There are as many connections as may be.
    pub(super) fn full(self, connections: usize) {
        match self {
            Report::Json => out(&json!({ "event": "full", "connections": connections }).to_string()),
            Report::Text => {
                log(&format!("one too many: {connections} connections at once may be (--socks-connections)"));
            }
        }
    }

    /// The gateway did not connect it.
    pub(super) fn refused(self, entry: &Entry, failure: &NativeFailure) {
        match self {
            Report::Json => {
                let mut event = entry.event("refused");
                event["code"] = failure.reason().to_string().into();
                event["message"] = failure.to_string().into();
                event["hint"] = failure.help().map(|hint| hint.to_string()).into();
                out(&event.to_string());
            }
            Report::Text => log(&format!("#{} {}", entry.number, render(failure).trim_end())),
        }
    }

    /// It is over.
    pub(super) fn ended(self, entry: &Entry, result: Result<(), &str>) {
        let received = entry.traffic.received.load(Ordering::Relaxed);
        let sent = entry.traffic.sent.load(Ordering::Relaxed);
        let took = entry.since.elapsed();
        match self {
            Report::Json => {
                let mut event = entry.event("ended");
                event["received"] = received.into();
                event["sent"] = sent.into();
                event["ms"] = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).into();
                if let Err(error) = result {
                    event["error"] = error.into();
                }
                out(&event.to_string());
            }
            Report::Text => {
                let error = result.err().map(|error| format!(", {error}")).unwrap_or_default();
                let (received, sent) = (size(received), size(sent));
                let took = took.as_secs_f64();
                log(&format!(
                    "#{} {}, {received} out, {sent} in, {took:.1} s{error}",
                    entry.number, entry.to
                ));
            }
        }
    }
}

/// A closed stdout is no reason to stop serving.
fn out(line: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

fn log(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
