//! `pageport-bench`: what stands at both ends of a tunnel under measurement, and the raw relays it is compared with.
//!
//! | command | what |
//! |---|---|
//! | `service PORT` | the native service behind every tunnel |
//! | `relay copy\|splice PORT TARGET` | one hop that does nothing but move bytes, on one thread |
//! | `relay hoard\|hoard-some\|spoil PORT TARGET` | one that nobody should have: a measurement must notice it |
//! | `gateway PORT` | the yardstick: WebSocket to TCP, as short as it can be |
//! | `raw websocket\|webtransport PORT` | the same service for a browser, with nothing in between |
//! | `load …` | a visitor's side; prints one line of JSON |
//!
//! A load's TARGET is `HOST:PORT`, or `ws://HOST:PORT/path` or `upgrade://HOST:PORT/path` for whoever leads to the service from there.
//!
//! Port 0 is a free one; `service`, `relay` and `raw` say theirs. Everything runs on one thread. Must never link a crate of the product: what measures shares no code with what it measures.

mod flawed;
mod gateway;
mod listen;
mod load;
mod raw;
mod relay;
mod service;
mod splice;

use std::error::Error;
use std::process::ExitCode;

use flawed::Flaw;
use load::{bulk, idle, setups, trips, verify, wisp};

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str = "\
usage: pageport-bench service PORT
       pageport-bench relay copy|splice PORT TARGET
       pageport-bench relay hoard|hoard-some|spoil PORT TARGET
       pageport-bench gateway PORT
       pageport-bench raw websocket|webtransport PORT
       pageport-bench load bulk down|up BYTES TARGET
       pageport-bench load trips CONNECTIONS SECONDS TARGET
       pageport-bench load setups WORKERS SECONDS TARGET
       pageport-bench load exactly WORKERS COUNT TARGET
       pageport-bench load idle CONNECTIONS TARGET
       pageport-bench load verify BYTES TARGET
       pageport-bench load wisp down|up|verify BYTES STREAMS TARGET SERVICE
       pageport-bench load wisp trips SECONDS STREAMS TARGET SERVICE";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &[&str]) -> Outcome {
    match *args {
        ["service", port] => service::run(port.parse()?).await,
        ["relay", "copy", port, target] => relay::run(port.parse()?, target.parse()?).await,
        ["relay", "splice", port, target] => splice::run(port.parse()?, target.parse()?).await,
        ["raw", "websocket", port] => raw::websocket::run(port.parse()?).await,
        ["raw", "webtransport", port] => raw::webtransport::run(port.parse()?).await,
        ["relay", "hoard", port, target] => flawed::run(Flaw::Hoards, port.parse()?, target.parse()?).await,
        ["relay", "hoard-some", port, target] => {
            flawed::run(Flaw::HoardsSome, port.parse()?, target.parse()?).await
        }
        ["relay", "spoil", port, target] => flawed::run(Flaw::Spoils, port.parse()?, target.parse()?).await,
        ["gateway", port] => gateway::run(port.parse()?).await,
        ["load", "wisp", what, number, streams, gateway, service] => {
            let streams = streams.parse()?;
            let scene = wisp::Scene { gateway: gateway.parse()?, service: service.parse()?, streams };
            match what {
                "down" => wisp::down(number.parse()?, &scene).await,
                "up" => wisp::up(number.parse()?, &scene).await,
                "verify" => wisp::check(number.parse()?, &scene).await,
                "trips" => wisp::round_trips(number.parse()?, &scene).await,
                _ => Err(USAGE.into()),
            }
        }
        ["load", "bulk", "down", bytes, target] => bulk::down(bytes.parse()?, &target.parse()?).await,
        ["load", "bulk", "up", bytes, target] => bulk::up(bytes.parse()?, &target.parse()?).await,
        ["load", "trips", connections, seconds, target] => {
            trips::run(connections.parse()?, seconds.parse()?, &target.parse()?).await
        }
        ["load", "setups", workers, seconds, target] => {
            setups::during(workers.parse()?, seconds.parse()?, &target.parse()?).await
        }
        ["load", "exactly", workers, count, target] => {
            setups::exactly(workers.parse()?, count.parse()?, &target.parse()?).await
        }
        ["load", "idle", connections, target] => idle::run(connections.parse()?, &target.parse()?).await,
        ["load", "verify", bytes, target] => verify::run(bytes.parse()?, &target.parse()?).await,
        _ => Err(USAGE.into()),
    }
}
