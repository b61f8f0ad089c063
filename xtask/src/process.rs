//! Running processes, read from /proc: memory, children, signals. Only for processes that this program started.

use crate::failure::{Outcome, failed};
use std::fs;
use std::process::{Command, Stdio};

/// Resident memory of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Now, in KiB.
    pub(crate) rss: u64,
    /// At its highest so far, in KiB.
    pub(crate) peak: u64,
}

pub(crate) fn memory(pid: u32) -> Outcome<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .map_err(|error| failed(format!("process {pid}: {error}")))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').trim().strip_suffix(" kB")?.parse().ok()
    };
    match (field("VmRSS"), field("VmHWM")) {
        (Some(rss), Some(peak)) => Ok(Memory { rss, peak }),
        _ => Err(failed(format!("process {pid} has no memory any more"))),
    }
}

/// Sends a signal (`TERM`, `KILL`, `STOP`, …). The shell's own `kill` is used: a bare system has no other.
pub(crate) fn signal(pids: &[u32], name: &str) {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    let _ = Command::new("sh")
        .args(["-c", &format!("kill -{name} {}", pids.join(" "))])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// Kills a process and everything below it, parents first so that none can start another.
pub(crate) fn kill_tree(pid: u32) {
    let mut pids = vec![pid];
    pids.extend(descendants(pid));
    signal(&pids, "KILL");
}

/// Children, their children and so on.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|child| Some((child, parent(child)?)))
        .collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&of) = found.get(next) {
        found.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(child, _)| *child));
        next += 1;
    }
    found.split_off(1)
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may itself contain spaces and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_found_below_this_process_and_is_gone_after_the_kill() {
        // The shell keeps running next to its own child, so there are two generations to find.
        let mut child = Command::new("sh").args(["-c", "sleep 600 & wait"]).spawn().unwrap();
        while descendants(child.id()).is_empty() {
            std::thread::yield_now();
        }
        let sleeper = descendants(child.id())[0];
        assert!(descendants(std::process::id()).contains(&sleeper));
        assert!(memory(child.id()).unwrap().rss > 0);
        kill_tree(child.id());
        assert!(!child.wait().unwrap().success());
        while fs::read_to_string(format!("/proc/{sleeper}/stat")).is_ok_and(|stat| !stat.contains(") Z")) {
            std::thread::yield_now();
        }
    }
}
