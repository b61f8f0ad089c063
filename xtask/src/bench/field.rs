//! All contestants, started next to each other. Who is not being measured waits, and costs nothing.

use super::contestant::{Contestant, Process, SERVER_CORE};
use super::{install, load};
use crate::failure::{About, Outcome, failed};
use crate::{child, paths};
use serde_json::{Value, json};
use std::fs;

/// The network is empty, so every port is free.
const SERVICE: &str = "127.0.0.1:9000";

pub(super) struct Field {
    /// The contestants that only move bytes come first: the others are measured by them.
    pub(super) contestants: Vec<Contestant>,
    _service: Process,
}

impl Field {
    pub(super) fn versions(&self) -> Value {
        self.contestants.iter().map(|one| json!({ "name": one.name, "version": one.version })).collect()
    }

    pub(super) fn pageport(&self) -> Outcome<&Contestant> {
        self.contestants
            .iter()
            .find(|one| one.name == "Pageport")
            .ok_or_else(|| failed("Pageport did not start"))
    }
}

pub(super) fn start() -> Outcome<Field> {
    let service = service()?;
    let contestants = vec![
        relay("raw splice", "splice", 9010)?,
        relay("raw copy", "copy", 9020)?,
        pageport()?,
        rathole()?,
        bore()?,
        ssh()?,
    ];
    for contestant in &contestants {
        load::until_open(&contestant.target)
            .map_err(|error| failed(format!("{} lets nobody through: {error}", contestant.name)))?;
    }
    Ok(Field { contestants, _service: service })
}

/// The native service that all tunnels lead to.
pub(super) fn service() -> Outcome<Process> {
    Process::start(SERVER_CORE, "service", install::own("pageport-bench"), &["service", "9000"])
}

/// A gateway of `dev` with limits that do not end a benchmark, and what it says when it is ready.
pub(super) fn gateway() -> Outcome<(Process, Value)> {
    let limits = [
        ("PAGEPORT_LIMITS__CONNECTIONS", "19000"),
        ("PAGEPORT_LIMITS__PORT_CONNECTIONS", "10000"),
        ("PAGEPORT_LIMITS__PORT_ACCEPT_RATE", "1000000"),
        ("PAGEPORT_LIMITS__STREAMS_PER_SESSION", "10000"),
    ];
    let args = ["dev", "--json", "--listen", "127.0.0.1:9100"];
    Process::ready(SERVER_CORE, "pageport gateway", install::own("pageport"), &args, &limits)
}

/// `pageport expose` of the service, and where its visitors connect.
pub(super) fn expose(gateway: &Value) -> Outcome<(Process, String)> {
    let url = gateway["url"].as_str().ok_or_else(|| failed(format!("not ready: {gateway}")))?;
    let args = ["expose", "--tcp", "--json", "--gateway", url, SERVICE];
    let (process, said) =
        Process::ready(SERVER_CORE, "pageport expose", install::own("pageport"), &args, &[])?;
    let port = said["port"].as_u64().ok_or_else(|| failed(format!("not exposed: {said}")))?;
    Ok((process, format!("127.0.0.1:{port}")))
}

fn pageport() -> Outcome<Contestant> {
    let version = child::first_line(install::own("pageport"), &["--version"])?;
    let (near, ready) = gateway()?;
    let (far, target) = expose(&ready)?;
    Ok(Contestant { name: "Pageport", version, target, near, far })
}

/// Two hops in a row, as any tunnel has them.
fn relay(name: &'static str, kind: &str, port: u16) -> Outcome<Contestant> {
    let hop = |side: &str, port: u16, target: &str| {
        let args = ["relay", kind, &port.to_string(), target];
        Process::start(SERVER_CORE, &format!("{kind} {side}"), install::own("pageport-bench"), &args)
    };
    let target = |port: u16| format!("127.0.0.1:{port}");
    let far = hop("far", port + 1, SERVICE)?;
    let near = hop("near", port, &target(port + 1))?;
    Ok(Contestant { name, version: "two hops, one thread each".into(), target: target(port), near, far })
}

fn rathole() -> Outcome<Contestant> {
    let directory = install::directory();
    let service = |side: &str, key: &str, address: &str| {
        format!("[{side}.services.echo]\ntoken = \"benchmark\"\n{key} = \"{address}\"\n")
    };
    let server = format!(
        "[server]\nbind_addr = \"127.0.0.1:9200\"\n{}",
        service("server", "bind_addr", "127.0.0.1:9201")
    );
    let client =
        format!("[client]\nremote_addr = \"127.0.0.1:9200\"\n{}", service("client", "local_addr", SERVICE));
    let start = |side: &str, text: &str| {
        let path = directory.join(format!("rathole-{side}.toml"));
        fs::write(&path, text).about(paths::shown(&path))?;
        let args = [format!("--{side}"), path.display().to_string()];
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        Process::start(SERVER_CORE, &format!("rathole {side}"), install::tool("rathole"), &args)
    };
    let version = child::capture(child::command(install::tool("rathole")).arg("--version"))?;
    let version = version
        .lines()
        .find_map(|line| line.strip_prefix("Build Version:"))
        .map_or("0.5", str::trim)
        .to_owned();
    Ok(Contestant {
        name: "rathole",
        version: format!("rathole {}", version.trim_start_matches("rathole ")),
        target: "127.0.0.1:9201".into(),
        near: start("server", &server)?,
        far: start("client", &client)?,
    })
}

fn bore() -> Outcome<Contestant> {
    let program = install::tool("bore");
    let version = child::first_line(&program, &["--version"])?;
    let near = Process::start(SERVER_CORE, "bore server", &program, &["server", "--bind-addr", "127.0.0.1"])?;
    // It gives up when its server is not there yet.
    wait_for("127.0.0.1:7835")?;
    let args = ["local", "--local-host", "127.0.0.1", "--to", "127.0.0.1", "--port", "9301", "9000"];
    let far = Process::start(SERVER_CORE, "bore local", &program, &args)?;
    Ok(Contestant { name: "bore", version, target: "127.0.0.1:9301".into(), near, far })
}

/// The only other one whose visitors share one connection; encrypted, which cannot be turned off.
fn ssh() -> Outcome<Contestant> {
    let directory = install::directory().join("ssh");
    fs::create_dir_all(&directory).about("ssh")?;
    // sshd refuses to start without it, whatever its configuration says.
    fs::create_dir_all("/run/sshd").about("/run/sshd")?;
    let key = directory.join("key");
    let key_path = key.display().to_string();
    if !key.exists() {
        child::capture(
            child::command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &key_path]),
        )?;
    }
    let config = format!(
        "Port 9400\nListenAddress 127.0.0.1\nHostKey {key_path}\nAuthorizedKeysFile {key_path}.pub\nStrictModes no\nUsePAM no\n\
         PidFile none\nPermitRootLogin yes\nMaxSessions 100\nAllowTcpForwarding yes\n"
    );
    let file = directory.join("sshd_config").display().to_string();
    fs::write(&file, config).about(&file)?;
    let near = Process::start(SERVER_CORE, "sshd", "/usr/sbin/sshd", &["-D", "-e", "-f", &file])?;
    wait_for("127.0.0.1:9400")?;
    let forward = format!("127.0.0.1:9401:{SERVICE}");
    let options = [
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "ExitOnForwardFailure=yes",
        "BatchMode=yes",
    ];
    let mut args = vec!["-F", "none", "-N", "-p", "9400", "-i", &key_path, "-R", &forward];
    args.extend(options.iter().flat_map(|option| ["-o", option]));
    args.push("root@127.0.0.1");
    let far = Process::start(SERVER_CORE, "ssh", "/usr/bin/ssh", &args)?;
    let version = child::command("ssh").arg("-V").output().about("ssh")?.stderr;
    let version = String::from_utf8_lossy(&version).split([',', ' ']).next().unwrap_or_default().to_owned();
    Ok(Contestant { name: "ssh -R", version, target: "127.0.0.1:9401".into(), near, far })
}

fn wait_for(address: &str) -> Outcome {
    let start = std::time::Instant::now();
    while let Err(error) = std::net::TcpStream::connect(address) {
        if start.elapsed().as_secs() > 15 {
            return Err(error).about(address);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Ok(())
}
