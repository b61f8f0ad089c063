//! One carrier: opens a session over it, and finds out what it carries.

use std::time::{Duration, Instant};

use pageport_link::{CarrierKind, Connector, HttpMode, LinkError};
use pageport_proto::Code;
use tokio::time::timeout;

use super::measure::{self, Measured};
use crate::cli::check::CarrierName;

/// For opening and attaching.
const OPENING: Duration = Duration::from_secs(15);
/// For the last words.
const FAREWELL: Duration = Duration::from_secs(2);

/// What came of a carrier.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) name: CarrierName,
    pub(super) result: Result<Works, LinkError>,
}

/// It attached.
#[derive(Debug)]
pub(super) struct Works {
    /// Until the session was attached.
    pub(super) open: Duration,
    /// `None` when the gateway would not have it.
    pub(super) measured: Option<Measured>,
    /// What a round trip takes longer than a plain request does; `None` when one of them is not known.
    pub(super) added: Option<Duration>,
}

/// Tries it, and ends the session again. `round` is what a plain request takes.
pub(super) async fn attempt(connector: &Connector, name: CarrierName, round: Option<Duration>) -> Attempt {
    let (kind, mode) = match name {
        CarrierName::Bytes => (CarrierKind::Bytes, HttpMode::Detect),
        CarrierName::Websocket => (CarrierKind::WebSocket, HttpMode::Detect),
        CarrierName::Http => (CarrierKind::Http, HttpMode::Detect),
        CarrierName::HttpPoll => (CarrierKind::Http, HttpMode::Poll),
    };
    let connector = connector.clone().carriers(&[kind]).http_mode(mode);
    let begin = Instant::now();
    let session = match timeout(OPENING, connector.connect()).await {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => return Attempt { name, result: Err(error) },
        Err(_) => return Attempt { name, result: Err(LinkError::Timeout) },
    };
    let open = begin.elapsed();
    let measured = measure::session(&session).await;
    session.close(Code::NO_ERROR, "");
    // Whoever does not hear it finds out.
    let _ = timeout(FAREWELL, session.finished()).await;
    let measured = match measured {
        Ok(measured) => measured,
        Err(error) => return Attempt { name, result: Err(error) },
    };
    let added = measured.as_ref().zip(round).map(|(measured, round)| measured.round.saturating_sub(round));
    Attempt { name, result: Ok(Works { open, measured, added }) }
}
