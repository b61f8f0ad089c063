//! A service that speaks TCP behind a WebSocket listener: messages become bytes, as websockify does it.

use std::io;

use pageport_link::head::{Accepted, Headers, Refusal, Visit};
use pageport_link::{HALVES, Messages, Visitor};
use pageport_proto::Code;

use super::pipe::{self, Traffic};
use super::{Target, unreachable};

/// What older clients of such bridges ask for.
const BINARY: &str = "binary";

/// Serves one visitor to its end.
pub(crate) async fn serve(visitor: Visitor, target: &Target, traffic: &Traffic) -> io::Result<()> {
    let Visit::WebSocket(visit) = visitor.visit.clone() else {
        visitor.refuse(Refusal::new(Code::ERR_UNSUPPORTED, ""));
        return Err(io::Error::other("not a WebSocket"));
    };
    let mut service = match target.connect().await {
        Ok(service) => service,
        Err(error) => {
            visitor.refuse(unreachable());
            return Err(error);
        }
    };
    let offered = visit.headers.get("sec-websocket-protocol").unwrap_or_default();
    let offers = |protocol: &str| offered.split(',').any(|other| other.trim() == protocol);
    let halves = offers(HALVES);
    let mut headers = Headers::default();
    if let Some(protocol) = [HALVES, BINARY].into_iter().find(|protocol| offers(protocol)) {
        headers.push("sec-websocket-protocol", protocol).map_err(io::Error::other)?;
    }
    let stream = visitor.respond(Accepted { status: 101, headers })?;
    let mut messages = Messages::server(stream, halves);
    match pipe::both(tokio::io::split(&mut messages), service.split(), traffic).await {
        Ok(()) => messages.close().await,
        Err(error) => {
            service.set_zero_linger()?;
            // A visitor that is gone already is what went wrong.
            let _ = messages.fail("the service broke off").await;
            Err(error)
        }
    }
}
