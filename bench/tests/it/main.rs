//! The program from outside: each load through two hops of each relay.

#![allow(clippy::unwrap_used, reason = "in a test, a panic with a line number is the report")]

mod raw;
mod ways;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

#[test]
fn either_relay_carries_bulk_both_ways() {
    for kind in ["copy", "splice"] {
        let tunnel = Tunnel::start(kind);
        for way in ["down", "up"] {
            let said = tunnel.load(&["bulk", way, "3000001"]);
            assert!(said["mb_s"].as_f64() > Some(0.0), "{kind} {way}: {said}");
        }
    }
}

#[test]
fn either_relay_carries_round_trips_and_set_ups() {
    for kind in ["copy", "splice"] {
        let tunnel = Tunnel::start(kind);
        let trips = tunnel.load(&["trips", "4", "0.1"]);
        assert!(trips["p50_us"].as_f64() <= trips["p99_us"].as_f64(), "{kind}: {trips}");
        assert_eq!(tunnel.load(&["exactly", "3", "20"])["done"], 20);
    }
}

#[test]
fn a_load_without_a_service_fails() {
    let tunnel = Tunnel::start("copy");
    let target = tunnel.target.clone();
    drop(tunnel);
    for load in [&["bulk", "down", "10"][..], &["exactly", "1", "1"], &["idle", "1"]] {
        let status = program().arg("load").args(load).arg(&target).stderr(Stdio::null()).status().unwrap();
        assert!(!status.success(), "{load:?}");
    }
}

/// Two hops to a service of their own.
struct Tunnel {
    target: String,
    processes: Vec<Child>,
}

impl Tunnel {
    fn start(kind: &str) -> Tunnel {
        let mut tunnel = Tunnel { target: String::new(), processes: Vec::new() };
        tunnel.add(&["service", "0"]);
        for _ in 0..2 {
            let target = tunnel.target.clone();
            tunnel.add(&["relay", kind, "0", &target]);
        }
        tunnel
    }

    fn add(&mut self, args: &[&str]) {
        let mut process = program().args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.processes.push(process);
        let said: Value = serde_json::from_str(&line).unwrap();
        self.target = format!("127.0.0.1:{}", said["port"]);
    }

    fn load(&self, args: &[&str]) -> Value {
        let output = program().arg("load").args(args).arg(&self.target).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_pageport-bench"))
}
