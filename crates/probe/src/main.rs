//! `pageport-probe SCENARIO`: puts a running gateway under a certain load and prints facts about it.
//!
//! The gateway comes by environment: `GATEWAY` (its URL), `TOKEN`, `PID`, and `CARRIER` where another one than `bytes` is wanted. A scenario ends with exit code 1 when a bound does not
//! hold; nothing here knows the gateway from inside.

mod attack;
mod churn;
mod crowd;
mod cuts;
mod dialects;
mod facts;
mod host;
mod hostile;
mod origins;
mod page;
mod place;
mod rough;
mod site;
mod smuggle;
mod stall;
mod through;
mod visitor;
mod webtransport;

use std::process::ExitCode;

use facts::Outcome;
use place::Place;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let scenario = std::env::args().nth(1).unwrap_or_default();
    let outcome = match Place::from_environment() {
        // Knows of no process: what it talks to may be a proxy.
        _ if scenario == "through" => through::run().await,
        // Starts a gateway of its own for each way.
        _ if scenario == "dialects" => dialects::run().await,
        Err(fault) => Err(fault),
        Ok(place) => run(&scenario, &place).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            println!("fault {scenario}: {fault}");
            ExitCode::FAILURE
        }
    }
}

async fn run(scenario: &str, place: &Place) -> Outcome {
    match scenario {
        "stall" => stall::run(place).await,
        "crowd" => crowd::run(place).await,
        "churn" => churn::run(place).await,
        "host" => host::run(place).await,
        "hostile" => hostile::run(place).await,
        "cuts" => cuts::run(place).await,
        "webtransport" => webtransport::run(place).await,
        "smuggle" => smuggle::run(place).await,
        "attack" => attack::run(place).await,
        "origins" => origins::run(place).await,
        "attackers" => attack::attackers(place).await,
        _ => {
            Err("scenarios: smuggle, attack, stall, crowd, churn, host, hostile, cuts, webtransport, origins, through, \
                 dialects"
                .into())
        }
    }
}
