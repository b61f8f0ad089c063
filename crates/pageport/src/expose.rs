//! A native service behind a listener: each visitor becomes a connection, or a request, to the service.
//!
//! | module | what |
//! |---|---|
//! | `target` | where the service is |
//! | `tcp`, `websocket` | raw bytes to it, from a public port or from messages |
//! | `http` | requests and upgrades to it |
//! | `pipe` | bytes both ways, each way to its own end |
//! | `report` | what is told about it |
//!
//! Must never let what was cut short look complete, nor tell visitors where the service is.

pub(crate) mod http;
pub(crate) mod pipe;
pub(crate) mod report;
mod target;
pub(crate) mod tcp;
pub(crate) mod websocket;

pub(crate) use target::{HostHeader, Target};

use pageport_link::head::Refusal;
use pageport_proto::Code;

/// What a visitor is told while the service does not answer.
fn unreachable() -> Refusal {
    let message = "The program behind this address does not answer.";
    Refusal { status: Some(502), ..Refusal::new(Code::ERR_TARGET_UNREACHABLE, message) }
}
