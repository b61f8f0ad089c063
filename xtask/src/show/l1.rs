//! A fresh clone works with nothing but the README's two commands.
//!
//! The clone runs in a bare Debian of its own ([`bare`]). Where that cannot be made, it runs on the machine, with an empty home
//! directory and only the variables listed below, and the proof says what was there already.

mod bare;

use self::bare::Bare;
use super::readme::{self, Commands};
use super::report::Report;
use crate::failure::{About, Outcome, failed};
use crate::{child, paths, process};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Building everything on a slow machine.
const BUILD: Duration = Duration::from_secs(30 * 60);
/// All phases of the test command, from nothing; each has a deadline of its own. Two slow processors take 35 to 40 minutes.
const TEST: Duration = Duration::from_secs(60 * 60);
const FETCH: Duration = Duration::from_secs(10);

/// The environment of this process that the clone still sees: where to find programs and how to reach the registries.
const KEPT: &[&str] = &[
    "PATH",
    "LANG",
    "TERM",
    "RUSTUP_TOOLCHAIN",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];

pub(super) fn run(report: &Report) -> Outcome {
    let place = Place::new(report)?;
    place.clone_checkout(report)?;
    machine(report, &place)?;
    let readme = fs::read_to_string(place.clone.join("README.md")).about("README.md")?;
    let commands = readme::commands(&readme)?;
    report.fact(&[("start", &commands.start), ("test", &commands.test)]);
    report.fact(&[
        ("home", &"empty"),
        ("environment", &"cleared"),
        ("kept", &"fetched crates and toolchain"),
    ]);

    start(report, &place, &commands.start)?;
    controls(report, &place, &readme, &commands)?;
    test(report, &place, &commands.test)?;
    // Gigabytes, which a failure leaves to be looked at.
    fs::remove_dir_all(paths::target().join("show/l1")).about("the clone")?;
    report.elapsed();
    Ok(())
}

/// What the proof stands on, and what it cannot show because it is there already.
fn machine(report: &Report, place: &Place) -> Outcome {
    let said = |line: &str| child::capture(&mut place.shell(line)).map(|said| said.trim().to_owned());
    let system = said(". /etc/os-release && echo \"$PRETTY_NAME\"")?;
    let (rust, node) = (said("rustc --version")?, said("node --version")?);
    report.fact(&[("system", &system), ("rust", &rust), ("node", &node)]);
    let there =
        ["/usr/bin/chromium", "/usr/bin/firefox-esr", "/usr/bin/python3", "/usr/bin/g++", "/usr/bin/git"];
    let has = |path: &&str| match &place.bare {
        Some(bare) => bare.has(path),
        None => Path::new(path).exists(),
    };
    let there: Vec<&str> = there.into_iter().filter(has).collect();
    let there = if there.is_empty() { "none".to_owned() } else { there.join(",") };
    let packages = place.bare.as_ref().map_or("the machine's".to_owned(), |bare| bare.packages().to_string());
    report.fact(&[
        ("bare", &place.bare.is_some()),
        ("debian_packages", &packages),
        ("installed_before", &there),
    ]);
    Ok(())
}

struct Place {
    clone: PathBuf,
    home: PathBuf,
    bare: Option<Bare>,
}

impl Place {
    fn new(report: &Report) -> Outcome<Self> {
        let dir = paths::target().join("show/l1");
        if dir.exists() {
            fs::remove_dir_all(&dir).about(paths::shown(&dir))?;
        }
        fs::create_dir_all(dir.join("home")).about(paths::shown(&dir))?;
        let (bare, clone) = match Bare::make(&dir.join("root"))? {
            Ok(bare) => {
                let clone = bare.clone_dir();
                (Some(bare), clone)
            }
            Err(reason) => {
                report.fact(&[("no_bare_system", &reason)]);
                (None, dir.join("clone"))
            }
        };
        Ok(Self { clone, home: dir.join("home"), bare })
    }

    fn clone_checkout(&self, report: &Report) -> Outcome {
        let git = |args: &[&str]| child::capture(child::command("git").args(args));
        let head = git(&["rev-parse", "--short", "HEAD"])?;
        let uncommitted = git(&["status", "--porcelain"])?.lines().count();
        report.fact(&[("commit", &head.trim()), ("uncommitted_files_not_in_the_clone", &uncommitted)]);
        let from = paths::root().display().to_string();
        git(&["clone", "--quiet", "--no-hardlinks", &from, &self.clone.display().to_string()]).map(drop)
    }

    /// A line of the README, as a newcomer's shell runs it in the clone.
    fn shell(&self, line: &str) -> Command {
        let kept = KEPT.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
        if let Some(bare) = &self.bare {
            return bare.shell(line, kept);
        }
        let mut shell = child::command("sh");
        shell
            .args(["-c", line])
            .current_dir(&self.clone)
            .env_clear()
            .env("HOME", &self.home)
            .env("CI", "true");
        shell.envs(kept);
        let old_home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let or_in_home =
            |name: &str, dir: &str| std::env::var_os(name).map_or(old_home.join(dir), PathBuf::from);
        shell.env("CARGO_HOME", or_in_home("CARGO_HOME", ".cargo"));
        shell.env("RUSTUP_HOME", or_in_home("RUSTUP_HOME", ".rustup"));
        // Says which npm registry this network has, if not the public one.
        let npm = old_home.join(".npmrc");
        if npm.exists() {
            shell.env("NPM_CONFIG_USERCONFIG", npm);
        }
        shell
    }
}

/// The first command: it builds, prints an address, and a browser that opens the address is given a page and the module.
fn start(report: &Report, place: &Place, command: &str) -> Outcome {
    let mut running = Running::start(place, command)?;
    let (address, seconds) = running.address()?;
    report.fact(&[("address", &address), ("seconds_from_command_to_address", &seconds)]);
    let page = fetch(&address, "/")?;
    let module = fetch(&address, "/pageport.js")?;
    report.fact(&[("page_bytes", &page.len()), ("module_bytes", &module.len())]);
    if !page.to_ascii_lowercase().contains("<!doctype html") || !module.contains("pageport/index.js") {
        return Err(failed("the gateway serves something, but not the gallery and the module"));
    }
    let memory = process::memory(running.gateway()?)?;
    report.fact(&[("gateway_rss_kib", &memory.rss), ("gateway_peak_kib", &memory.peak)]);
    Ok(())
}

/// The same check has to fail without a first command, and with one that does not work.
fn controls(report: &Report, place: &Place, readme: &str, commands: &Commands) -> Outcome {
    let without = readme.replace(&commands.start, "");
    let missing = readme::commands(&without).is_err();
    let misspelt = commands.start.replacen(" dev", " dve", 1);
    let refused = Running::start(place, &misspelt)?.address().is_err();
    report.fact(&[
        ("control_command_missing", &caught(missing)),
        ("control_command_misspelt", &caught(refused)),
    ]);
    if missing && refused { Ok(()) } else { Err(failed("a README that cannot work would have passed")) }
}

fn caught(yes: bool) -> &'static str {
    if yes { "fails" } else { "passes" }
}

/// The second command: installs what is missing and runs every test.
fn test(report: &Report, place: &Place, command: &str) -> Outcome {
    let start = Instant::now();
    let finished = child::stream_within(&mut place.shell(command), TEST)?;
    let verdict = finished.stdout.lines().next_back().unwrap_or("").to_owned();
    report.fact(&[("test_seconds", &start.elapsed().as_secs()), ("test_verdict", &verdict)]);
    if finished.status.success() && verdict.ends_with(" passed, 0 failed") && !verdict.starts_with("0 ") {
        Ok(())
    } else {
        Err(failed(format!("`{command}`: {}", finished.status)))
    }
}

/// A gateway that a README command has started; it ends with this value.
struct Running {
    child: Child,
    started: Instant,
    lines: mpsc::Receiver<String>,
}

impl Running {
    fn start(place: &Place, command: &str) -> Outcome<Self> {
        let mut child = place.shell(command).stdout(Stdio::piped()).spawn().about(command)?;
        let stdout = child.stdout.take().ok_or_else(|| failed("no stdout"))?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| {
                println!("  | {line}");
                drop(sender.send(line));
            });
        });
        Ok(Self { child, started: Instant::now(), lines })
    }

    /// The first address it prints, and the seconds that took.
    fn address(&mut self) -> Outcome<(String, u64)> {
        loop {
            let left = BUILD.saturating_sub(self.started.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some(address) = address_in(&line) {
                        return Ok((address.to_owned(), self.started.elapsed().as_secs()));
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Err(failed("it printed no address in time")),
                Err(RecvTimeoutError::Disconnected) => return Err(failed("it ended without an address")),
            }
        }
    }

    /// Cargo becomes the program it runs; a shell may still be in front of it.
    fn gateway(&self) -> Outcome<u32> {
        let mut pids = vec![self.child.id()];
        pids.extend(process::descendants(self.child.id()));
        let named = |pid: &u32| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "pageport")
        };
        pids.into_iter().find(named).ok_or_else(|| failed("there is no process named pageport"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        process::kill_tree(self.child.id());
        let _ = self.child.wait();
    }
}

/// `host:port` of a local http address in a line of text.
fn address_in(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("http://")?;
    let end =
        rest.find(|char: char| !char.is_ascii_alphanumeric() && !".:-".contains(char)).unwrap_or(rest.len());
    let address = &rest[..end];
    let (host, port) = address.rsplit_once(':')?;
    let port_ok = port.parse::<u16>().is_ok();
    ((host == "localhost" || host == "127.0.0.1") && port_ok).then_some(address)
}

/// The body of one GET, which has to be answered with 200.
fn fetch(address: &str, path: &str) -> Outcome<String> {
    let what = format!("http://{address}{path}");
    let mut stream = TcpStream::connect(address).about(&what)?;
    stream.set_read_timeout(Some(FETCH)).about(&what)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).about(&what)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).about(&what)?;
    let answer = String::from_utf8_lossy(&answer);
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        _ => Err(failed(format!("{what}: {}", answer.lines().next().unwrap_or("no answer")))),
    }
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn an_address_is_read_from_what_is_printed_for_people() {
        assert_eq!(address_in("  open  http://localhost:7070/"), Some("localhost:7070"));
        assert_eq!(address_in("\u{1b}[1mhttp://127.0.0.1:7070\u{1b}[0m"), Some("127.0.0.1:7070"));
        assert_eq!(address_in("see http://example.com/"), None);
        assert_eq!(address_in("listening on 7070"), None);
    }
}
