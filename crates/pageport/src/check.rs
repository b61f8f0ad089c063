//! What the network between here and a gateway lets through, and how well.
//!
//! | module | what |
//! |---|---|
//! | `offer` | what the gateway says of itself |
//! | `carrier` | one carrier: does it attach, and what does it carry |
//! | `measure` | round trips and rates of a session |
//! | `idle` | how long a quiet connection lives |
//! | `report` | what was found, for programs and for people |
//!
//! Must never send anything but what it makes itself, nor say a token or a proxy's password.

mod carrier;
mod idle;
mod measure;
mod offer;
mod report;

use std::time::Duration;

use pageport_link::Connector;

use crate::cli::check::CarrierName;
use carrier::Way;
use report::Requests;

pub(crate) use report::Report;

/// Looks at everything, one after the other: measurements must not be in each other's way.
pub(crate) async fn survey(
    connector: &Connector,
    gateway: &str,
    proxy: Option<&str>,
    carriers: &[CarrierName],
    idle: Option<Duration>,
) -> Report {
    let requests = Requests::of(connector.passage().await);
    let mut tried = Vec::new();
    for name in carriers {
        tracing::info!(carrier = name.as_str(), "trying");
        let way = Way { round: requests.round(), offer: requests.offer(), proxy: proxy.is_some() };
        tried.push(carrier::attempt(connector, *name, &way).await);
    }
    let idle = match (idle, tried.iter().any(|attempt| attempt.result.is_ok())) {
        (Some(longest), true) => Some(idle::measure(connector, longest).await),
        _ => None,
    };
    Report::new(gateway, proxy, requests, tried, idle)
}
