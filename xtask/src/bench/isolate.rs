//! A network of its own: only loopback, with `reno` (`bbr` paces itself to half the throughput on a loopback), and nobody else's
//! traffic. It goes with its last process.

use super::options::Options;
use crate::failure::{About, Failure, Outcome, failed};
use crate::{child, paths};
use std::fs;

/// Connections come from one address to a few ports: more source ports, and old ones again after a second.
const SETTINGS: &[(&str, &str)] = &[
    ("ipv4/tcp_congestion_control", "reno"),
    ("ipv4/ip_local_port_range", "10240 65535"),
    ("ipv4/tcp_tw_reuse", "1"),
];

/// Runs this program once more, in there.
pub(super) fn again(options: &Options) -> Outcome {
    if child::first_line("id", &["-u"])? != "0" {
        return Err(Failure::Missing("the benchmarks need root: they make a network of their own".into()));
    }
    let own = std::env::current_exe().about("this program")?;
    let mut command = child::command("unshare");
    command.arg("--net").arg(own).args(["bench", "--inside"]).args(options.args());
    // What it starts is below it, and no session of ssh or dev of this user is touched.
    command.env("XDG_RUNTIME_DIR", runtime()?);
    child::run(&mut command)
}

pub(super) fn prepare() -> Outcome {
    child::run(child::command("ip").args(["link", "set", "lo", "up"]))?;
    for (name, value) in SETTINGS {
        let path = format!("/proc/sys/net/{name}");
        fs::write(&path, value).about(&path)?;
    }
    match congestion()?.as_str() {
        "reno" => Ok(()),
        other => Err(failed(format!("congestion control is {other}"))),
    }
}

pub(super) fn congestion() -> Outcome<String> {
    let path = "/proc/sys/net/ipv4/tcp_congestion_control";
    Ok(fs::read_to_string(path).about(path)?.trim().to_owned())
}

fn runtime() -> Outcome<std::path::PathBuf> {
    let directory = paths::target().join("bench/run");
    fs::create_dir_all(&directory).about(paths::shown(&directory))?;
    Ok(directory)
}
