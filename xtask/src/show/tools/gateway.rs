//! The release binary, running as a development gateway on a free port. It ends with the value that stands for it.

use crate::failure::{About, Outcome, failed};
use crate::{child, process, suites};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const READY_WITHIN: Duration = Duration::from_secs(15);

pub(crate) struct Gateway {
    child: Child,
    /// Where pages and visitors find it.
    pub(crate) url: String,
    /// Its admin listener.
    pub(crate) admin: String,
}

impl Gateway {
    /// `args` come behind `dev --json --listen 127.0.0.1:0`.
    pub(crate) fn start(args: &[&str]) -> Outcome<Self> {
        let mut command = child::command(suites::release_binary()?);
        command.args(["dev", "--json", "--listen", "127.0.0.1:0"]).args(args).stdout(Stdio::piped());
        let mut child = command.spawn().about("pageport dev")?;
        let stdout = child.stdout.take().ok_or_else(|| failed("no stdout"))?;
        let (sender, lines) = mpsc::channel();
        // The thread goes on reading after the first line, so that the gateway never blocks on its stdout.
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let mut gateway = Self { child, url: String::new(), admin: String::new() };
        let line =
            lines.recv_timeout(READY_WITHIN).map_err(|_| failed("pageport dev was not ready in time"))?;
        let ready: Value = serde_json::from_str(&line).map_err(|error| failed(format!("{line}: {error}")))?;
        match (ready["event"].as_str(), ready["url"].as_str(), ready["admin"].as_str()) {
            (Some("ready"), Some(url), Some(admin)) => {
                gateway.url = url.trim_end_matches('/').to_owned();
                gateway.admin = admin.trim_end_matches('/').to_owned();
                Ok(gateway)
            }
            _ => Err(failed(format!("not a ready line: {line}"))),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn memory(&self) -> Outcome<process::Memory> {
        process::memory(self.pid())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
