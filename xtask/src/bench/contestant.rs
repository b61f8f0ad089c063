//! One tunnel under measurement: where its visitors connect, and which processes it consists of.

use crate::failure::{About, Outcome, failed};
use crate::{child, process};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use super::install;

/// Where tunnels and the service run, and where the load does.
pub(super) const SERVER_CORE: &str = "0";
pub(super) const LOAD_CORE: &str = "1";

pub(super) struct Contestant {
    pub(super) name: &'static str,
    /// Which one exactly.
    pub(super) version: String,
    /// Where its visitors connect.
    pub(super) target: String,
    /// The public side, then the side of the service.
    pub(super) near: Process,
    pub(super) far: Process,
}

impl Contestant {
    /// Processor time of all its processes so far, in seconds.
    pub(super) fn cpu(&self) -> Outcome<f64> {
        Ok(self.near.cpu()? + self.far.cpu()?)
    }
}

/// A process with everything below it; ends with the value that stands for it.
pub(super) struct Process(Child);

impl Process {
    /// On one processor, its output in a file of that name.
    pub(super) fn start(
        core: &str,
        name: &str,
        program: impl AsRef<OsStr>,
        args: &[&str],
    ) -> Outcome<Process> {
        let log = File::create(log(name)).about(name)?;
        let mut command = pinned(core, program, args);
        command.stdout(log.try_clone().about(name)?).stderr(log);
        command.spawn().about(name).map(Process)
    }

    /// The same for a program that says a line of JSON when it is ready.
    pub(super) fn ready(
        core: &str,
        name: &str,
        program: impl AsRef<OsStr>,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Outcome<(Process, serde_json::Value)> {
        let mut command = pinned(core, program, args);
        command.stdout(Stdio::piped()).stderr(File::create(log(name)).about(name)?).envs(env.iter().copied());
        let mut process = command.spawn().about(name).map(Process)?;
        let stdout = process.0.stdout.take().ok_or_else(|| failed("no stdout"))?;
        let mut lines = BufReader::new(stdout).lines();
        let line =
            lines.next().ok_or_else(|| failed(format!("{name} said nothing: {}", log(name).display())))?;
        // Whatever else it says is read away, so that it never blocks on its stdout.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let line = line.about(name)?;
        let said = serde_json::from_str(&line).map_err(|error| failed(format!("{name}: {line}: {error}")))?;
        Ok((process, said))
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// It and everything below it.
    pub(super) fn pids(&self) -> Vec<u32> {
        let mut pids = vec![self.pid()];
        pids.extend(process::descendants(self.pid()));
        pids
    }

    pub(super) fn cpu(&self) -> Outcome<f64> {
        self.sum(cpu)
    }

    /// Proportional memory in bytes: what is shared with others counts in parts.
    pub(super) fn pss(&self) -> Outcome<f64> {
        self.sum(pss)
    }

    /// Over all that are there: a child may end while this is asked for, and its time is its parent's then.
    fn sum(&self, figure: fn(u32) -> Outcome<f64>) -> Outcome<f64> {
        let gone = |pid: &u32| *pid != self.pid() && !Path::new(&format!("/proc/{pid}")).exists();
        let mut sum = 0.0;
        for pid in self.pids() {
            match figure(pid) {
                Err(_) if gone(&pid) => {}
                figure => sum += figure?,
            }
        }
        Ok(sum)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        process::kill_tree(self.pid());
        let _ = self.0.wait();
    }
}

/// A command that may use one processor only. `taskset` becomes the program, so the process is the program's.
pub(super) fn pinned(core: &str, program: impl AsRef<OsStr>, args: &[&str]) -> Command {
    let mut command = child::command("taskset");
    command.args(["-c", core]).arg(program).args(args);
    command
}

fn log(name: &str) -> PathBuf {
    install::directory().join(format!("{}.log", name.replace(' ', "-")))
}

fn cpu(pid: u32) -> Outcome<f64> {
    static TICKS: LazyLock<f64> = LazyLock::new(|| {
        child::first_line("getconf", &["CLK_TCK"]).ok().and_then(|ticks| ticks.parse().ok()).unwrap_or(100.0)
    });
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).about("a process that should run")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
    // Its own, and that of its children that have ended: some fork for each connection.
    match [11, 12, 13, 14].map(ticks) {
        [Some(user), Some(system), Some(ended_user), Some(ended_system)] => {
            Ok((user + system + ended_user + ended_system) / *TICKS)
        }
        _ => Err(failed(format!("process {pid} has no times"))),
    }
}

fn pss(pid: u32) -> Outcome<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).about("a process that should run")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
    let kib: f64 = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .map_err(|_| failed(format!("process {pid} has no memory")))?;
    Ok(kib * 1024.0)
}
