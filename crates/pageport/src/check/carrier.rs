//! One carrier: opens a session over it, and finds out what it carries.

use std::time::{Duration, Instant};

use pageport_link::{CarrierKind, Connector, HttpMode, LinkError};
use pageport_proto::Code;
use tokio::time::timeout;

use super::measure::{self, Measured};
use super::offer::WebTransport;
use crate::cli::check::CarrierName;

/// For opening and attaching.
const OPENING: Duration = Duration::from_secs(15);
/// For the last words.
const FAREWELL: Duration = Duration::from_secs(2);

/// What came of a carrier.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) name: CarrierName,
    pub(super) result: Result<Works, Why>,
}

/// Why a carrier does not work.
#[derive(Debug, thiserror::Error)]
pub(super) enum Why {
    /// It was tried.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The gateway has none.
    #[error("the gateway does not offer it")]
    NotOffered,
    /// It is UDP.
    #[error("it does not go through a proxy")]
    Proxy,
}

impl Why {
    /// The code that stands for it.
    pub(super) fn code(&self) -> Code {
        match self {
            Why::Link(error) => error.code(),
            Why::NotOffered | Why::Proxy => Code::ERR_UNSUPPORTED,
        }
    }
}

/// What is known of the way.
pub(super) struct Way {
    /// What a plain request takes.
    pub(super) round: Option<Duration>,
    /// WebTransport at the gateway; an error when nobody knows.
    pub(super) offer: Result<Option<WebTransport>, ()>,
    /// Whether there is a proxy.
    pub(super) proxy: bool,
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

/// Tries it, and ends the session again.
pub(super) async fn attempt(connector: &Connector, name: CarrierName, way: &Way) -> Attempt {
    Attempt { name, result: works(connector, name, way).await }
}

async fn works(connector: &Connector, name: CarrierName, way: &Way) -> Result<Works, Why> {
    let (kind, mode) = match name {
        CarrierName::Bytes => (CarrierKind::Bytes, HttpMode::Detect),
        CarrierName::Websocket => (CarrierKind::WebSocket, HttpMode::Detect),
        CarrierName::Webtransport => (CarrierKind::WebTransport, HttpMode::Detect),
        CarrierName::Http => (CarrierKind::Http, HttpMode::Detect),
        CarrierName::HttpPoll => (CarrierKind::Http, HttpMode::Poll),
    };
    let mut connector = connector.clone().carriers(&[kind]).http_mode(mode);
    if kind == CarrierKind::WebTransport {
        match &way.offer {
            _ if way.proxy => return Err(Why::Proxy),
            Ok(None) => return Err(Why::NotOffered),
            Ok(Some(offer)) => connector = connector.certificate_hashes(&offer.hashes),
            Err(()) => {}
        }
    }
    let begin = Instant::now();
    let session = timeout(OPENING, connector.connect()).await.unwrap_or(Err(LinkError::Timeout))?;
    let open = begin.elapsed();
    let measured = measure::session(&session).await;
    session.close(Code::NO_ERROR, "");
    // Whoever does not hear it finds out.
    let _ = timeout(FAREWELL, session.finished()).await;
    let measured = measured?;
    let added =
        measured.as_ref().zip(way.round).map(|(measured, round)| measured.round.saturating_sub(round));
    Ok(Works { open, measured, added })
}
