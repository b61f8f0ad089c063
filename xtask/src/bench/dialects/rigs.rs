//! Who is measured, all started next to each other on one processor. Who is not being measured waits, and costs nothing.

use super::super::contestant::{Process, SERVER_CORE};
use super::super::{install, load};
use crate::failure::{About, Outcome, failed};
use crate::{child, paths, python};
use serde_json::Value;
use std::fs;
use std::time::{Duration, Instant};

const SERVICE: &str = "127.0.0.1:9000";
const CROWD: usize = 5_000;
/// Each connection has six descriptors there, of the 20,000 that a process may have.
const PIPED: usize = 2_500;
/// One process for each connection is no crowd.
const FORKS: usize = 100;

/// What a load speaks to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// A connection for each connection.
    Connections,
    /// All in one.
    Wisp,
}

pub(super) struct Rig {
    pub(super) name: &'static str,
    pub(super) version: String,
    pub(super) speaks: Speaks,
    pub(super) target: String,
    pub(super) process: Process,
    /// How many may stand still here.
    pub(super) crowd: usize,
    bearer: Option<String>,
}

impl Rig {
    pub(super) fn load(&self, args: &[&str]) -> Outcome<Value> {
        let args = self.args(args);
        load::run_with(self.bearer(), &args.iter().map(String::as_str).collect::<Vec<_>>())
            .map_err(|error| failed(format!("{}: {error}", self.name)))
    }

    /// With where it goes.
    pub(super) fn args(&self, args: &[&str]) -> Vec<String> {
        let mut all: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        all.push(self.target.clone());
        all.extend((self.speaks == Speaks::Wisp).then(|| SERVICE.to_owned()));
        all
    }

    pub(super) fn bearer(&self) -> &str {
        self.bearer.as_deref().unwrap_or_default()
    }

    fn new(name: &'static str, version: String, target: String, process: Process) -> Rig {
        Rig { name, version, speaks: Speaks::Connections, target, process, crowd: CROWD, bearer: None }
    }

    fn speaking_wisp(self) -> Rig {
        Rig { speaks: Speaks::Wisp, ..self }
    }
}

/// The two that only move bytes come first: the others are measured by them.
pub(super) fn start() -> Outcome<Vec<Rig>> {
    let rigs = vec![
        Rig { crowd: PIPED, ..hop("one hop, splice", "splice", 9610)? },
        hop("one hop, copy", "copy", 9611)?,
        pageport("Pageport, WebSocket", 9620, "ws", "/tcp/127.0.0.1/9000")?,
        pageport("Pageport, Upgrade: tcp", 9630, "upgrade", "/tcp/127.0.0.1/9000")?,
        pageport("Pageport, Wisp", 9640, "ws", "/wisp/")?.speaking_wisp(),
        yardstick()?,
        websockify()?,
        haproxy()?,
        nginx()?,
        wisp_js()?,
    ];
    rigs.iter().try_for_each(until_open)?;
    Ok(rigs)
}

/// A relay that changes one bit, for a control.
pub(super) fn spoiling() -> Outcome<Rig> {
    let rig = hop("a relay that spoils", "spoil", 9612)?;
    until_open(&rig)?;
    Ok(rig)
}

fn until_open(rig: &Rig) -> Outcome {
    let start = Instant::now();
    let args: &[&str] = match rig.speaks {
        Speaks::Wisp => &["wisp", "verify", "1", "1"],
        Speaks::Connections => &["exactly", "1", "1"],
    };
    loop {
        match rig.load(args) {
            Ok(_) => return Ok(()),
            Err(error) if start.elapsed() > Duration::from_secs(15) => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn hop(name: &'static str, kind: &str, port: u16) -> Outcome<Rig> {
    let args = ["relay", kind, &port.to_string(), SERVICE];
    let process = Process::start(SERVER_CORE, &format!("hop {kind}"), install::own("pageport-bench"), &args)?;
    Ok(Rig::new(name, "one thread".into(), format!("127.0.0.1:{port}"), process))
}

/// A gateway of its own, so that nobody's memory is another's.
fn pageport(name: &'static str, port: u16, scheme: &str, path: &str) -> Outcome<Rig> {
    let limits =
        [("PAGEPORT_LIMITS__CONNECTIONS", "19000"), ("PAGEPORT_LIMITS__DIALECT_CONNECTIONS", "19000")];
    let (listen, allow) = (format!("127.0.0.1:{port}"), format!("tcp://{SERVICE}"));
    let args = ["dev", "--json", "--listen", &listen, "--allow", &allow];
    let log = format!("pageport {port}");
    let (process, _) = Process::ready(SERVER_CORE, &log, install::own("pageport"), &args, &limits)?;
    let runtime = std::env::var("XDG_RUNTIME_DIR").map_err(|_| failed("no runtime directory"))?;
    let file = format!("{runtime}/pageport/dev-{port}.token");
    let token = fs::read_to_string(&file).about(&file)?.trim().to_owned();
    let version = child::first_line(install::own("pageport"), &["--version"])?;
    let rig = Rig::new(name, version, format!("{scheme}://{listen}{path}"), process);
    Ok(Rig { bearer: Some(token), ..rig })
}

fn yardstick() -> Outcome<Rig> {
    let process =
        Process::start(SERVER_CORE, "yardstick", install::own("pageport-bench"), &["gateway", "9650"])?;
    let lock = fs::read_to_string(paths::root().join("Cargo.lock")).about("Cargo.lock")?;
    let version = lock
        .split_once("name = \"fastwebsockets\"\nversion = \"")
        .and_then(|(_, rest)| rest.split('"').next())
        .ok_or_else(|| failed("fastwebsockets is not in Cargo.lock"))?;
    let version = format!("bench/src/gateway.rs on fastwebsockets {version}");
    Ok(Rig::new("yardstick", version, "ws://127.0.0.1:9650/tcp/127.0.0.1/9000".into(), process))
}

fn websockify() -> Outcome<Rig> {
    let python = python::websockify()?;
    let args = ["-m", "websockify", "127.0.0.1:9660", SERVICE];
    let process = Process::start(SERVER_CORE, "websockify", &python, &args)?;
    let asked = "import importlib.metadata as m; print('websockify', m.version('websockify'))";
    let version = child::first_line(&python, &["-c", asked])?;
    let rig = Rig::new("websockify", version, "ws://127.0.0.1:9660/".into(), process);
    Ok(Rig { crowd: FORKS, ..rig })
}

/// It passes bytes on, and leaves what they mean to others.
fn haproxy() -> Outcome<Rig> {
    let config = format!(
        "global\n  nbthread 1\n  maxconn 9000\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 10m\n  timeout server 10m\n\
         listen relay\n  bind 127.0.0.1:9670\n  server service {SERVICE}\n"
    );
    let file = written("haproxy.cfg", &config)?;
    let process = Process::start(SERVER_CORE, "haproxy", "/usr/sbin/haproxy", &["-db", "-f", &file])?;
    let version = child::first_line("/usr/sbin/haproxy", &["-v"])?;
    let version = version.split(' ').take(3).collect::<Vec<_>>().join(" ");
    Ok(Rig::new("haproxy", version, "127.0.0.1:9670".into(), process))
}

fn nginx() -> Outcome<Rig> {
    let directory = install::directory().display().to_string();
    let config = format!(
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\ndaemon off;\nmaster_process off;\nworker_rlimit_nofile 20000;\n\
         pid {directory}/nginx.pid;\nerror_log stderr;\nevents {{ worker_connections 20000; }}\n\
         stream {{ server {{ listen 127.0.0.1:9680; proxy_pass {SERVICE}; }} }}\n"
    );
    let file = written("nginx.conf", &config)?;
    let args = ["-e", "stderr", "-p", &directory, "-c", &file];
    let process = Process::start(SERVER_CORE, "nginx", "/usr/sbin/nginx", &args)?;
    let version = child::command("/usr/sbin/nginx").arg("-v").output().about("nginx")?.stderr;
    let version = String::from_utf8_lossy(&version).trim().replace("nginx version: ", "");
    Ok(Rig::new("nginx", version, "127.0.0.1:9680".into(), process))
}

fn wisp_js() -> Outcome<Rig> {
    let package = paths::js().join("node_modules/@mercuryworkshop/wisp-js");
    let program = package.join("src/bin/server_cli.mjs").display().to_string();
    let options = r#"{"allow_loopback_ips":true,"allow_private_ips":true}"#;
    let args = [&program, "-H", "127.0.0.1", "-P", "9690", "-L", "NONE", "-O", options];
    let process = Process::start(SERVER_CORE, "wisp-js", "node", &args)?;
    let said = fs::read_to_string(package.join("package.json")).about("wisp-js")?;
    let said: Value = serde_json::from_str(&said).map_err(|error| failed(error.to_string()))?;
    let node = child::first_line("node", &["--version"])?;
    let version = format!("wisp-js {}, Node {node}", said["version"].as_str().unwrap_or_default());
    Ok(Rig::new("wisp-js", version, "ws://127.0.0.1:9690/".into(), process).speaking_wisp())
}

fn written(name: &str, text: &str) -> Outcome<String> {
    let path = install::directory().join(name);
    fs::write(&path, text).about(paths::shown(&path))?;
    Ok(path.display().to_string())
}
