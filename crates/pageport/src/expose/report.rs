//! What is told: where the service is now, a line for each connection, and how the listener stands. For people on stderr, for
//! programs as lines of JSON on stdout. Never says more of a visitor than the gateway does.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use pageport_link::{Address, Phase};
use pageport_proto::Code;
use serde_json::{Value, json};

use super::Target;
use super::pipe::Traffic;

/// How it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What became of one visitor.
#[derive(Debug)]
pub(crate) struct Entry {
    number: u64,
    /// `GET /path`, or the kind of connection.
    what: String,
    since: Instant,
    traffic: Arc<Traffic>,
}

impl Entry {
    pub(crate) fn new(number: u64, what: String, traffic: Arc<Traffic>) -> Entry {
        Entry { number, what, since: Instant::now(), traffic }
    }
}

impl Report {
    /// It can be reached.
    pub(crate) fn listening(self, address: &Address, target: &Target, again: bool) {
        match self {
            Report::Json => {
                let mut event = match address {
                    Address::Name(name) => {
                        json!({ "url": name.url, "path_url": name.path_url, "name": name.name })
                    }
                    Address::Port(port) => json!({ "url": port.url, "host": port.host, "port": port.port }),
                };
                event["event"] = "listening".into();
                event["target"] = target.to_string().into();
                out(&event.to_string());
            }
            Report::Text if again => log(&format!("back: {}", address.url())),
            Report::Text => {
                out(address.url());
                log(&format!("leads to {target}. Ctrl-C stops it."));
            }
        }
    }

    /// It stands otherwise than before.
    pub(crate) fn phase(self, phase: Phase) {
        let (event, code) = match phase {
            Phase::Listening => return,
            Phase::Away => ("away", None),
            Phase::Lost(code) => ("lost", Some(code)),
            Phase::Ended(code) => ("ended", Some(code)),
        };
        match self {
            Report::Json => out(&json!({ "event": event, "code": code.map(name) }).to_string()),
            Report::Text => log(&match phase {
                Phase::Lost(code) => format!("lost ({code}): connections have ended; trying again"),
                Phase::Ended(code) => format!("ended ({code})"),
                Phase::Away | Phase::Listening => {
                    "away: the connection to the gateway is lost; coming back".to_owned()
                }
            }),
        }
    }

    /// A visitor has gone. `status` of a request's answer.
    pub(crate) fn visitor(self, entry: &Entry, status: Option<u16>, result: &io::Result<()>) {
        let received = entry.traffic.received.load(Ordering::Relaxed);
        let sent = entry.traffic.sent.load(Ordering::Relaxed);
        let took = entry.since.elapsed();
        match self {
            Report::Json => {
                let mut event = json!({
                    "event": "visitor", "number": entry.number, "what": entry.what, "received": received, "sent": sent,
                    "ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                });
                if let Some(status) = status {
                    event["status"] = status.into();
                }
                if let Err(error) = result {
                    event["error"] = error.to_string().into();
                }
                out(&event.to_string());
            }
            Report::Text => {
                let status = status.map(|status| format!(" {status}")).unwrap_or_default();
                let error = result.as_ref().err().map(|error| format!(", {error}")).unwrap_or_default();
                log(&format!(
                    "#{} {}{status}, {} in, {} out, {:.1} s{error}",
                    entry.number,
                    entry.what,
                    size(received),
                    size(sent),
                    took.as_secs_f64()
                ));
            }
        }
    }
}

fn name(code: Code) -> Value {
    code.to_string().into()
}

/// A closed stdout is no reason to stop serving.
fn out(line: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

fn log(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Three digits and a unit.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1_000.0 && unit + 1 < units.len() {
        value /= 1_024.0;
        unit += 1;
    }
    if unit == 0 || value >= 99.95 {
        format!("{value:.0} {}", units[unit])
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_about_three_digits() {
        for (bytes, shown) in
            [(0, "0 B"), (999, "999 B"), (1_000, "1.0 KiB"), (150_000, "146 KiB"), (5 << 30, "5.0 GiB")]
        {
            assert_eq!(size(bytes), shown);
        }
    }
}
