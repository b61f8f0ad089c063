//! The impairment relay as a program, for tests in other languages: `impairment-relay LISTEN TARGET SEED`, TCP and UDP at one port, one
//! command per line on stdin, one JSON object per line on stdout. It ends with its stdin.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use pageport_testkit::console::{self, cut, say};
use pageport_testkit::{Direction, Impairment, ImpairmentRelay, LADDER, Traffic, Transport};
use serde_json::{Value, json};

const USAGE: &str = "usage: impairment-relay LISTEN TARGET SEED   (addresses as 127.0.0.1:0)
commands: rung 0..5 | set [delay=MS] [jitter=MS] [rate=BITS] [loss=SHARE] [stalled=SHARE stall=MS]
          cut [reset|fin] | hole tcp|udp on|off | rebind | counts | quit";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match arguments.as_slice() {
        [listen, target, seed] => listen
            .parse::<SocketAddr>()
            .ok()
            .zip(target.parse::<SocketAddr>().ok())
            .zip(seed.parse::<u64>().ok()),
        _ => None,
    };
    let Some(((listen, target), seed)) = parsed else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match ImpairmentRelay::listen(listen, target, Impairment::default(), seed).await {
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
async fn obey(relay: &ImpairmentRelay) {
    say(&json!({ "event": "ready", "listen": relay.address().to_string() }));
    let mut lines = console::lines();
    while let Some(line) = lines.recv().await {
        let line = line.trim();
        if line == "quit" {
            return;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        say(&match execute(relay, &words) {
            Some(Value::Null) => json!({ "ok": line }),
            Some(value) => value,
            None => json!({ "error": format!("not a command: {line}") }),
        });
    }
}

fn execute(relay: &ImpairmentRelay, words: &[&str]) -> Option<Value> {
    match words {
        ["rung", at] => {
            let rung = LADDER.get(at.parse::<usize>().ok()?)?;
            relay.set(rung.impairment);
            return Some(json!({ "rung": rung.name }));
        }
        ["set", settings @ ..] => relay.set(impairment(settings)?),
        ["cut", how @ ..] => relay.cut(cut(how)?),
        ["hole", transport, on] => relay.black_hole(self::transport(transport)?, switch(on)?),
        ["rebind"] => relay.rebind(),
        ["counts"] => {
            let stalled =
                [Direction::Up, Direction::Down].map(|direction| relay.stalled(direction).as_secs_f64());
            return Some(json!({
                "tcp": traffic(relay.traffic(Transport::Tcp)),
                "udp": traffic(relay.traffic(Transport::Udp)),
                "stalled": stalled,
            }));
        }
        _ => return None,
    }
    Some(Value::Null)
}

fn impairment(settings: &[&str]) -> Option<Impairment> {
    let mut impairment = Impairment::default();
    for setting in settings {
        let (name, value) = setting.split_once('=')?;
        let milliseconds = || value.parse().ok().map(Duration::from_millis);
        let share = || value.parse().ok().filter(|share| (0.0..1.0).contains(share));
        match name {
            "delay" => impairment.delay = milliseconds()?,
            "jitter" => impairment.jitter = milliseconds()?,
            "stall" => impairment.stall = milliseconds()?,
            "rate" => impairment.rate = Some(value.parse().ok().filter(|rate| *rate > 0)?),
            "loss" => impairment.loss = share()?,
            "stalled" => impairment.stalled = share()?,
            _ => return None,
        }
    }
    // A share of the time without a length would be a stall without an end.
    (impairment.stalled == 0.0 || !impairment.stall.is_zero()).then_some(impairment)
}

fn transport(word: &str) -> Option<Transport> {
    match word {
        "tcp" => Some(Transport::Tcp),
        "udp" => Some(Transport::Udp),
        _ => None,
    }
}

fn switch(word: &str) -> Option<bool> {
    match word {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn traffic(traffic: Traffic) -> Value {
    json!({
        "up": traffic.up, "down": traffic.down, "begun": traffic.begun, "lost": traffic.lost,
        "overflowed": traffic.overflowed, "swallowed": traffic.swallowed,
    })
}
