//! Child processes: started with a closed stdin and a clean environment, streamed through or captured.
//!
//! A child never inherits what `cargo run` put into the environment for this program (a nested cargo would rebuild
//! because of it), and never outlives its deadline.

use crate::failure::{About, Failure, Outcome, failed};
use crate::{paths, process};
use std::cell::RefCell;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Longer than any phase takes on a slow machine; a hanging test must not hang the whole command for ever.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// A command in the checkout, with stdin closed.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(paths::root()).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        let from_cargo_run = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_PRIMARY_"]
            .iter()
            .any(|prefix| name_text.starts_with(prefix));
        if from_cargo_run || name_text == "LD_LIBRARY_PATH" || name_text == "CARGO" {
            command.env_remove(&name);
        }
    }
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always").env("FORCE_COLOR", "1");
    } else {
        // rustfmt looks at nothing but the terminal type.
        command
            .env("CARGO_TERM_COLOR", "never")
            .env("NO_COLOR", "1")
            .env("TERM", "dumb")
            .env_remove("FORCE_COLOR");
    }
    command
}

/// Cargo; in CI the lock file has to be committed as it is.
pub(crate) fn cargo(subcommand: &str) -> Command {
    let mut command = command("cargo");
    command.arg(subcommand);
    if std::env::var_os("CI").is_some() && subcommand != "fmt" {
        command.arg("--locked");
    }
    command
}

thread_local! {
    /// What children of this thread have said while their output is held back.
    static HELD: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Runs something whose children's output is printed in one piece at its end, so that two can run at once and be read.
pub(crate) fn held_back<T>(work: impl FnOnce() -> T) -> T {
    HELD.set(Some(Vec::new()));
    let result = work();
    let _ = std::io::stdout().write_all(&HELD.take().unwrap_or_default());
    result
}

/// A closed stdout of ours (`| head`) must not end the child half-way.
fn pass_on(line: &[u8]) {
    HELD.with_borrow_mut(|held| match held {
        Some(held) => held.extend_from_slice(line),
        None => drop(std::io::stdout().write_all(line)),
    });
}

/// What a streamed child leaves behind.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
}

/// Runs a child to its end; its output goes through as it comes, and its stdout is kept as well.
pub(crate) fn stream(command: &mut Command) -> Outcome<Finished> {
    stream_within(command, DEADLINE)
}

/// The same for what has many phases, each of which has its own deadline.
pub(crate) fn stream_within(command: &mut Command, deadline: Duration) -> Outcome<Finished> {
    let shown = shown(command);
    let mut child = command.stdout(Stdio::piped()).spawn().about(&shown)?;
    let (done, expired) = mpsc::channel::<()>();
    let pid = child.id();
    let watchdog = thread::spawn(move || {
        let late = expired.recv_timeout(deadline) == Err(mpsc::RecvTimeoutError::Timeout);
        if late {
            process::kill_tree(pid);
        }
        late
    });

    let mut stdout = String::new();
    let mut reader = BufReader::new(child.stdout.take().ok_or_else(|| failed("no stdout"))?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).about(&shown)? > 0 {
        pass_on(&line);
        stdout.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    let status = child.wait().about(&shown)?;
    drop(done);
    if watchdog.join().unwrap_or(false) {
        return Err(failed(format!("{shown}: killed after {} s", deadline.as_secs())));
    }
    Ok(Finished { status, stdout })
}

/// Like [`stream`], for a child whose exit status is all that counts.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let shown = shown(command);
    let finished = stream(command)?;
    if finished.status.success() { Ok(()) } else { Err(failed(format!("{shown}: {}", finished.status))) }
}

/// Runs a child quietly and gives its stdout; what it wrote to stderr is in the error.
pub(crate) fn capture(command: &mut Command) -> Outcome<String> {
    let shown = shown(command);
    let output = command.output().about(&shown)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(failed(format!(
        "{shown}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        stderr.trim_end()
    )))
}

/// Whether `program` can be started at all and succeeds.
pub(crate) fn succeeds(program: &str, args: &[&str]) -> bool {
    command(program)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The first line that `program` prints, for facts and messages.
pub(crate) fn first_line(program: impl AsRef<OsStr>, args: &[&str]) -> Outcome<String> {
    let text = capture(command(program).args(args))?;
    text.lines().next().map(str::to_owned).ok_or_else(|| Failure::Failed("it printed nothing".into()))
}

fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let mut text = program.rsplit('/').next().unwrap_or(&program).to_owned();
    for arg in command.get_args().take(6) {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}
