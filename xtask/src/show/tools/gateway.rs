//! The release binary, running as a development gateway on a free port. It ends with the value that stands for it.

use super::cgroup::MemoryGroup;
use crate::failure::{About, Outcome, failed};
use crate::{child, suites};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
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
        Self::ready(child::command(suites::release_binary()?), args)
    }

    /// The same inside a group from its first byte on, so that it knows of the group's limit.
    pub(crate) fn start_in(group: &MemoryGroup, args: &[&str]) -> Outcome<Self> {
        let mut command = child::command("sh");
        command
            .args(["-c", "echo $$ > \"$0\" && exec \"$@\""])
            .arg(group.procs())
            .arg(suites::release_binary()?);
        Self::ready(command, args)
    }

    /// What programs on this machine authenticate with.
    pub(crate) fn token(&self) -> Outcome<String> {
        let directory = match std::env::var_os("XDG_RUNTIME_DIR") {
            Some(runtime) => PathBuf::from(runtime).join("pageport"),
            None => PathBuf::from(format!(
                "/tmp/pageport-{}",
                fs::metadata("/proc/self").about("/proc/self")?.uid()
            )),
        };
        let port = self.url.rsplit(':').next().unwrap_or_default();
        let path = directory.join(format!("dev-{port}.token"));
        Ok(fs::read_to_string(&path).about(path.display())?.trim().to_owned())
    }

    fn ready(mut command: Command, args: &[&str]) -> Outcome<Self> {
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
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
