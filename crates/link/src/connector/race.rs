//! Which kind of carrier gets through: each has a head start over the next one, and whichever opens first is taken.
//!
//! A kind that is refused lets the next one start at once; one that is answered by nothing costs the others no more than its head start.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::credential::Credential;
use super::dialer::Dialer;
use super::http1::Requests;
use super::is_final;
use super::upgrade::{Protocol, Upgrade};
use crate::LinkError;
use crate::carrier::{Carrier, CarrierKind, HttpMode, Polling, Wire};

/// How long one kind may take until it is open.
const OPENING: Duration = Duration::from_secs(10);
/// How long a kind is alone.
const HEAD_START: Duration = Duration::from_secs(1);

/// The kinds of carriers that a program uses, and what all of them show.
#[derive(Debug, Clone)]
pub(super) struct Runners {
    /// What worked last comes first.
    pub(super) kinds: Vec<CarrierKind>,
    pub(super) credential: Option<Credential>,
    /// Answers are polled, because that was asked for, or because something on the way holds them back.
    polling: Arc<Polling>,
}

impl Default for Runners {
    fn default() -> Runners {
        Runners {
            kinds: vec![CarrierKind::Bytes, CarrierKind::WebSocket, CarrierKind::Http],
            credential: None,
            polling: Arc::default(),
        }
    }
}

/// Why a kind did not open.
struct Failure {
    error: LinkError,
    /// The gateway, or a proxy, was reached: another kind may do better.
    reached: bool,
}

impl Runners {
    pub(super) fn set_http_mode(&mut self, mode: HttpMode) {
        self.polling = Arc::new(Polling::new(mode));
    }

    /// What worked is tried first the next time.
    pub(super) fn prefer(&mut self, kind: CarrierKind) {
        if let Some(at) = self.kinds.iter().position(|other| *other == kind) {
            self.kinds[..=at].rotate_right(1);
        }
    }

    /// What opened, and brought nothing, is tried last the next time.
    pub(super) fn put_off(&mut self, kind: CarrierKind) {
        if let Some(at) = self.kinds.iter().position(|other| *other == kind) {
            self.kinds[at..].rotate_left(1);
        }
    }

    /// The first of these kinds that the gateway, and all that stands before it, lets through.
    ///
    /// # Errors
    /// Why the last of them did not open, or a refusal that would meet all of them.
    pub(super) async fn race(
        &self,
        dialer: &mut Dialer,
        kinds: &[CarrierKind],
    ) -> Result<Carrier, LinkError> {
        dialer.trust.prepare(dialer.gateway.secure)?;
        let mut waiting = kinds.iter();
        let mut running = JoinSet::new();
        // Kinds over UDP that have not failed yet: where TCP leads nowhere that may get through.
        let mut over_udp = kinds.iter().filter(|kind| is_over_udp(**kind)).count();
        let mut start = Instant::now();
        let mut last = LinkError::Answer("no kind of carrier to try");
        loop {
            if (running.is_empty() || Instant::now() >= start)
                && let Some(kind) = waiting.next()
            {
                let (kind, opening) = (*kind, open(self.clone(), dialer.clone(), *kind));
                running.spawn(async move { (kind, opening.await) });
                start = Instant::now() + HEAD_START;
            }
            tokio::select! {
                result = running.join_next() => match result {
                    Some(Ok((_, Ok(carrier)))) => return Ok(carrier),
                    Some(Ok((kind, Err(Failure { error, reached })))) => {
                        over_udp -= usize::from(is_over_udp(kind));
                        if is_final(&error) || (!reached && over_udp == 0) {
                            return Err(error);
                        }
                        last = error;
                        start = Instant::now();
                    }
                    Some(Err(_)) => last = LinkError::Answer("an attempt broke off"),
                    None => return Err(last),
                },
                () = sleep_until(start), if waiting.len() > 0 => {}
            }
        }
    }
}

fn is_over_udp(kind: CarrierKind) -> bool {
    kind == CarrierKind::WebTransport
}

async fn open(runners: Runners, dialer: Dialer, kind: CarrierKind) -> Result<Carrier, Failure> {
    // Whoever was reached by nothing is behind something that swallows.
    let late = Failure { error: LinkError::Timeout, reached: true };
    timeout(OPENING, opened(runners, dialer, kind)).await.unwrap_or(Err(late))
}

async fn opened(runners: Runners, mut dialer: Dialer, kind: CarrierKind) -> Result<Carrier, Failure> {
    let answered = |error| Failure { error, reached: true };
    let credential = runners.credential.as_deref();
    let protocol = match kind {
        // Where TCP gets through UDP may not.
        CarrierKind::WebTransport => return dialer.webtransport(credential).await.map_err(answered),
        CarrierKind::Bytes => Protocol::Raw,
        CarrierKind::WebSocket => Protocol::WebSocket,
        CarrierKind::Http => {
            let requests = Requests::new(dialer, credential).map_err(answered)?;
            return Carrier::http_client(requests, runners.polling).await.map_err(answered);
        }
    };
    let through_proxy = dialer.proxy.is_some();
    let socket = dialer.connect().await.map_err(|error| Failure {
        // A proxy that makes no tunnels may still pass requests on.
        reached: through_proxy && !matches!(error, LinkError::Io(_)),
        error,
    })?;
    let upgrade = Upgrade::new(protocol).map_err(answered)?;
    let mut wire = Wire::new(socket, bytes::Bytes::new());
    let read_ahead = upgrade.run(&mut wire, &dialer.gateway, credential).await.map_err(answered)?;
    let socket = wire.into_socket();
    Ok(match protocol {
        Protocol::Raw => Carrier::bytes(socket, read_ahead),
        Protocol::WebSocket => Carrier::websocket_client(socket, read_ahead),
    })
}
