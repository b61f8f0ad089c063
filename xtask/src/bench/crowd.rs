//! Many visitors of one gateway: 18,000 that stand still behind two listeners, and 10,000 that come and go without an error.
//!
//! A process may have 20,000 descriptors here, so visitors and listening programs are split over processes; the gateway is one.

use super::contestant::{Process, SERVER_CORE};
use super::field;
use super::install;
use super::load::{self, Idle};
use super::options::Options;
use crate::failure::{About, Outcome, failed};
use serde_json::{Value, json};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

const LISTENERS: usize = 2;
const VISITORS: usize = 9_000;
const SETUPS: u64 = 10_000;
/// How long the crowd stands still before it is looked at again.
const STILL: Duration = Duration::from_secs(10);

pub(super) fn run(options: &Options) -> Outcome<Value> {
    let _service = field::service()?;
    let (gateway, ready) = field::gateway()?;
    let setups = setups(&ready)?;
    let idle = idle(&gateway, &ready, options)?;
    Ok(json!({ "setups": setups, "idle": idle }))
}

/// Through `pageport expose` to the native service and back.
fn setups(ready: &Value) -> Outcome<Value> {
    let (_expose, target) = field::expose(ready)?;
    load::until_open(&target)?;
    let said = load::run(&["exactly", "32", &SETUPS.to_string(), &target])?;
    if said["done"] == SETUPS { Ok(said) } else { Err(failed(format!("{SETUPS} set-ups: {said}"))) }
}

fn idle(gateway: &Process, ready: &Value, options: &Options) -> Outcome<Value> {
    let hosts = (0..LISTENERS).map(|_| host(gateway, ready)).collect::<Outcome<Vec<_>>>()?;
    for (_, target) in &hosts {
        load::run(&["exactly", "16", "100", target])?;
    }
    let pss = || {
        Ok::<_, crate::failure::Failure>((
            gateway.pss()?,
            hosts.iter().map(|host| host.0.pss()).sum::<Outcome<f64>>()?,
        ))
    };
    let before = pss()?;
    let start = Instant::now();
    let crowd = hosts.iter().map(|(_, target)| Idle::open(VISITORS, target)).collect::<Outcome<Vec<_>>>()?;
    let seconds = start.elapsed().as_secs_f64();
    thread::sleep(if options.quick { STILL / 5 } else { STILL });
    let with = pss()?;
    let descriptors = fs::read_dir(format!("/proc/{}/fd", gateway.pid())).about("the gateway")?.count();
    // One more, while all of them are there.
    let start = Instant::now();
    load::run(&["exactly", "1", "1", &hosts[0].1])?;
    let one_more_ms = start.elapsed().as_secs_f64() * 1e3;
    crowd.into_iter().try_for_each(|visitors| visitors.close(VISITORS))?;
    #[expect(clippy::cast_precision_loss)]
    let each = |before: f64, with: f64| (with - before) / (LISTENERS * VISITORS) as f64;
    Ok(json!({
        "visitors": LISTENERS * VISITORS,
        "listeners": LISTENERS,
        "seconds": seconds,
        "gateway_descriptors": descriptors,
        "gateway_bytes": with.0,
        "gateway_bytes_each": each(before.0, with.0),
        "hosts_bytes_each": each(before.1, with.1),
        "one_more_ms": one_more_ms,
    }))
}

/// A native program that listens at a public port and echoes, with room for as many visitors.
fn host(gateway: &Process, ready: &Value) -> Outcome<(Process, String)> {
    let url = ready["url"].as_str().unwrap_or_default();
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap_or_default();
    let runtime = std::env::var("XDG_RUNTIME_DIR").map_err(|_| failed("no runtime directory"))?;
    let path = format!("{runtime}/pageport/dev-{port}.token");
    let token = fs::read_to_string(&path).about(&path)?;
    let pid = gateway.pid().to_string();
    let env = [("GATEWAY", url), ("TOKEN", token.trim()), ("PID", &pid)];
    let (process, said) =
        Process::ready(SERVER_CORE, "host", install::own("pageport-probe"), &["host"], &env)?;
    let port = said["port"].as_u64().ok_or_else(|| failed(format!("the program does not listen: {said}")))?;
    Ok((process, format!("127.0.0.1:{port}")))
}
