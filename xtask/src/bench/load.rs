//! One call of the load program, pinned to its own processor.

use super::contestant::{LOAD_CORE, pinned};
use super::install;
use crate::child;
use crate::failure::{About, Outcome, failed};
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Runs a load to its end and gives what it has measured.
pub(super) fn run(args: &[&str]) -> Outcome<Value> {
    run_with("", args)
}

/// The same with a credential for whoever wants one.
pub(super) fn run_with(bearer: &str, args: &[&str]) -> Outcome<Value> {
    let mut all = vec!["load"];
    all.extend(args);
    let mut command = pinned(LOAD_CORE, install::own("pageport-bench"), &all);
    let text = child::capture(credential(&mut command, bearer))?;
    parse(text.lines().last().unwrap_or_default())
}

/// What the load program shows to a gateway.
pub(super) fn credential<'c>(command: &'c mut Command, bearer: &str) -> &'c mut Command {
    if bearer.is_empty() { command } else { command.env("BEARER", bearer) }
}

/// A number of what a load has said.
pub(super) fn number(said: &Value, field: &str) -> Outcome<f64> {
    said[field].as_f64().ok_or_else(|| failed(format!("no `{field}` in {said}")))
}

/// Waits until a tunnel lets a visitor through.
pub(super) fn until_open(target: &str) -> Outcome {
    let start = Instant::now();
    loop {
        match run(&["exactly", "1", "1", target]) {
            Ok(_) => return Ok(()),
            Err(error) if start.elapsed() > Duration::from_secs(15) => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Connections that stand still for as long as this lives.
pub(super) struct Idle {
    child: Child,
    hold: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Idle {
    pub(super) fn open(connections: usize, target: &str) -> Outcome<Idle> {
        Idle::open_with("", connections, target)
    }

    pub(super) fn open_with(bearer: &str, connections: usize, target: &str) -> Outcome<Idle> {
        let count = connections.to_string();
        let mut command =
            pinned(LOAD_CORE, install::own("pageport-bench"), &["load", "idle", &count, target]);
        credential(&mut command, bearer);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().about("idle visitors")?;
        let hold = child.stdin.take();
        let stdout = child.stdout.take().ok_or_else(|| failed("no stdout"))?;
        let mut idle = Idle { child, hold, lines: BufReader::new(stdout).lines() };
        idle.expect("open", connections)?;
        Ok(idle)
    }

    /// Lets go, once it is sure that nobody was lost meanwhile.
    pub(super) fn close(mut self, connections: usize) -> Outcome {
        drop(self.hold.take());
        self.expect("alive", connections)
    }

    fn expect(&mut self, field: &str, count: usize) -> Outcome {
        let line =
            self.lines.next().ok_or_else(|| failed("the idle visitors failed"))?.about("idle visitors")?;
        let said = parse(&line)?;
        if said[field] == count { Ok(()) } else { Err(failed(format!("{count} idle visitors: {said}"))) }
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse(line: &str) -> Outcome<Value> {
    serde_json::from_str(line).map_err(|error| failed(format!("the load said {line:?}: {error}")))
}
