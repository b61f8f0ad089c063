//! `pageport-bench`: what stands at both ends of a tunnel under measurement, and the raw relays it is compared with.
//!
//! | command | what |
//! |---|---|
//! | `service PORT` | the native service behind every tunnel |
//! | `relay copy\|splice PORT TARGET` | one hop that does nothing but move bytes, on one thread |
//! | `raw websocket\|webtransport PORT` | the same service for a browser, with nothing in between |
//! | `load bulk\|trips\|setups\|idle …` | a visitor's side; prints one line of JSON |
//!
//! Port 0 is a free one; `service`, `relay` and `raw` say theirs. Everything runs on one thread. Must never link a crate of the product: what measures shares no code with what it measures.

mod listen;
mod load;
mod raw;
mod relay;
mod service;
mod splice;

use std::error::Error;
use std::process::ExitCode;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str = "\
usage: pageport-bench service PORT
       pageport-bench relay copy|splice PORT TARGET
       pageport-bench raw websocket|webtransport PORT
       pageport-bench load bulk down|up BYTES TARGET
       pageport-bench load trips CONNECTIONS SECONDS TARGET
       pageport-bench load setups WORKERS SECONDS TARGET
       pageport-bench load exactly WORKERS COUNT TARGET
       pageport-bench load idle CONNECTIONS TARGET";

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
        ["load", "bulk", "down", bytes, target] => load::bulk::down(bytes.parse()?, target.parse()?).await,
        ["load", "bulk", "up", bytes, target] => load::bulk::up(bytes.parse()?, target.parse()?).await,
        ["load", "trips", connections, seconds, target] => {
            load::trips::run(connections.parse()?, seconds.parse()?, target.parse()?).await
        }
        ["load", "setups", workers, seconds, target] => {
            load::setups::during(workers.parse()?, seconds.parse()?, target.parse()?).await
        }
        ["load", "exactly", workers, count, target] => {
            load::setups::exactly(workers.parse()?, count.parse()?, target.parse()?).await
        }
        ["load", "idle", connections, target] => load::idle::run(connections.parse()?, target.parse()?).await,
        _ => Err(USAGE.into()),
    }
}
