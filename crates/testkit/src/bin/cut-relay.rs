//! The relay as a program, for tests in other languages: `cut-relay LISTEN TARGET`, one command per line on stdin, one JSON object per
//! line on stdout. It ends with its stdin.

use std::net::SocketAddr;
use std::process::ExitCode;

use pageport_testkit::CutRelay;
use pageport_testkit::console::{self, cut, direction, say};
use serde_json::{Value, json};

const USAGE: &str = "usage: cut-relay LISTEN TARGET   (addresses as 127.0.0.1:0)
commands: cut [reset|fin] | cut-after up|down BYTES [reset|fin] | stall [up|down] | resume | refuse on|off
          flip up|down BYTES | leave-out up|down BYTES LENGTH | counts | quit";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, target] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let (Ok(listen), Ok(target)) = (listen.parse::<SocketAddr>(), target.parse::<SocketAddr>()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match CutRelay::listen(listen, target).await {
        Ok(relay) => {
            obey(&relay).await;
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Until stdin ends or says `quit`.
async fn obey(relay: &CutRelay) {
    say(&json!({ "event": "ready", "listen": relay.address().to_string() }));
    let mut lines = console::lines();
    let mut cuts = 0;
    loop {
        tokio::select! {
            line = lines.recv() => match line.as_deref().map(str::trim) {
                None | Some("quit") => return,
                Some(line) => say(&answer(relay, line)),
            },
            count = relay.cut_since(cuts) => {
                cuts = count;
                say(&json!({ "event": "cut", "cuts": count }));
            }
        }
    }
}

fn answer(relay: &CutRelay, line: &str) -> Value {
    let words: Vec<&str> = line.split_whitespace().collect();
    match execute(relay, &words) {
        Some(Value::Null) => json!({ "ok": line }),
        Some(value) => value,
        None => json!({ "error": format!("not a command: {line}") }),
    }
}

fn execute(relay: &CutRelay, words: &[&str]) -> Option<Value> {
    match words {
        ["cut", how @ ..] => relay.cut(cut(how)?),
        ["cut-after", way, bytes, how @ ..] => {
            relay.cut_after(direction(way)?, bytes.parse().ok()?, cut(how)?);
        }
        ["stall"] => relay.stall(),
        ["stall", way] => relay.stall_only(direction(way)?),
        ["resume"] => relay.resume(),
        ["refuse", "on"] => relay.refuse(true),
        ["refuse", "off"] => relay.refuse(false),
        ["flip", way, bytes] => relay.flip(direction(way)?, bytes.parse().ok()?),
        ["leave-out", way, bytes, len] => {
            relay.leave_out(direction(way)?, bytes.parse().ok()?, len.parse().ok()?);
        }
        ["counts"] => {
            let counts = relay.counts();
            return Some(json!({
                "up": counts.up, "down": counts.down, "connections": counts.connections, "open": counts.open,
                "refused": counts.refused, "cuts": counts.cuts, "damaged": counts.damaged,
            }));
        }
        _ => return None,
    }
    Some(Value::Null)
}
