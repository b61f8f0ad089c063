//! A native program's side: finds a carrier to a gateway, and another one whenever that is lost.

pub(crate) mod backoff;
mod gateway;
pub(crate) mod tls;
pub(crate) mod upgrade;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pageport_proto::Code;
use pageport_proto::session::Settings;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::carrier::{Carrier, CarrierKind, SharedTcp, Socket};
use crate::session::Shared;
use crate::{LinkError, Session};
use backoff::Backoff;
use gateway::Gateway;
use tls::Trust;
use upgrade::{Protocol, Upgrade};

/// How long one attempt may take until the gateway has answered the upgrade.
const ATTEMPT: Duration = Duration::from_secs(10);
/// A carrier that lived as long as this, or moved bytes of streams, makes the next retry immediate again.
const PROVEN: Duration = Duration::from_secs(1);

/// Connects to a gateway's `/link`.
#[derive(Debug, Clone)]
pub struct Connector {
    gateway: Gateway,
    credential: Option<String>,
    carriers: Vec<CarrierKind>,
    dial: Option<SocketAddr>,
    trust: Trust,
    settings: Settings,
}

impl Connector {
    /// For a gateway at `http(s)://host[:port][/path]`; `ws(s)://` means the same.
    ///
    /// # Errors
    /// [`LinkError::Address`].
    pub fn new(gateway: &str) -> Result<Connector, LinkError> {
        Ok(Connector {
            gateway: Gateway::parse(gateway)?,
            credential: None,
            carriers: vec![CarrierKind::Bytes, CarrierKind::WebSocket],
            dial: None,
            trust: Trust::default(),
            settings: Settings::new(pageport_proto::Role::Page),
        })
    }

    /// A token, which travels as `Authorization: Bearer` on the upgrade request.
    #[must_use]
    pub fn credential(mut self, token: String) -> Connector {
        self.credential = Some(token);
        self
    }

    /// Which carriers to try, in this order; `bytes`, then `websocket` by default.
    #[must_use]
    pub fn carriers(mut self, kinds: &[CarrierKind]) -> Connector {
        self.carriers = kinds.to_vec();
        self
    }

    /// Connects to this address in place of the one that the gateway's name has.
    #[must_use]
    pub fn dial(mut self, address: SocketAddr) -> Connector {
        self.dial = Some(address);
        self
    }

    /// Trusts these certificates (PEM) as well as those that the system trusts: an operator's own authority, or a gateway's
    /// self-made certificate.
    ///
    /// # Errors
    /// [`LinkError::Certificate`] when there is none in it.
    pub fn trust(mut self, pem: &[u8]) -> Result<Connector, LinkError> {
        self.trust.add(pem)?;
        Ok(self)
    }

    /// Limits and timings of the session, in place of the defaults.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Connector {
        self.settings = settings;
        self
    }

    /// The gateway's origin as this program knows it: `http://host[:port]`, as browsers write it. Claims are signed for it.
    pub(crate) fn origin(&self) -> String {
        self.gateway.origin()
    }

    /// Starts a session and waits until it is attached for the first time. Afterwards it is kept attached in the background until
    /// it is closed: the first retry comes at once, later ones after a random time of up to 250 ms, doubling to 10 s.
    ///
    /// # Errors
    /// Why the first attempt failed; it is not repeated.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect(mut self) -> Result<Session, LinkError> {
        let carrier = self.carrier().await?;
        let session = Session::new_page(self.settings.clone());
        let shared = Arc::clone(session.shared());
        tokio::spawn(shared.connect(carrier));
        let attempted = timeout(ATTEMPT * 2, shared.attempted()).await.map_err(|_| LinkError::Timeout)?;
        // A carrier that is lost right behind its first success is what reconnecting is for.
        if session.stats().attaches == 0 {
            attempted.map_err(|code| match code {
                Code::NO_ERROR => LinkError::Answer("it ended the connection before the session began"),
                code => LinkError::Code(code),
            })?;
        }
        tokio::spawn(self.keep_attached(shared));
        Ok(session)
    }

    /// Runs until the session has ended.
    async fn keep_attached(mut self, shared: Arc<Shared>) {
        let mut backoff = Backoff::default();
        let (mut since, mut moved) = (Instant::now(), 0);
        while shared.needs_carrier().await {
            if since.elapsed() >= PROVEN || shared.moved() != moved {
                backoff = Backoff::default();
            }
            let delay = backoff.next();
            tracing::debug!(?delay, "attaching anew");
            let attempt = async {
                tokio::time::sleep(delay).await;
                self.carrier().await
            };
            let carrier = tokio::select! {
                carrier = attempt => carrier,
                _ = shared.ended() => return,
            };
            (since, moved) = (Instant::now(), shared.moved());
            match carrier {
                Ok(carrier) => {
                    tokio::spawn(shared.connect(carrier));
                    if let Err(code) = shared.attempted().await {
                        tracing::debug!(%code, "attempt failed");
                    }
                    since = Instant::now();
                }
                Err(error) if is_final(&error) => {
                    tracing::debug!(%error, "attempt refused");
                    return shared.close(error.code(), "");
                }
                Err(error) => tracing::debug!(%error, "attempt failed"),
            }
        }
    }

    /// The first kind of carrier that the gateway, and all that stands before it, lets through.
    async fn carrier(&mut self) -> Result<Carrier, LinkError> {
        let mut result = Err(LinkError::Answer("no kind of carrier to try"));
        for at in 0..self.carriers.len() {
            let kind = self.carriers[at];
            result = timeout(ATTEMPT, self.upgraded(kind)).await.unwrap_or(Err(LinkError::Timeout));
            match &result {
                Ok(_) => {
                    // What worked is tried first the next time.
                    self.carriers[..=at].rotate_right(1);
                    return result;
                }
                Err(LinkError::Refused { .. } | LinkError::Answer(_))
                    if !result.as_ref().is_err_and(is_final) => {}
                Err(_) => return result,
            }
        }
        result
    }

    async fn upgraded(&mut self, kind: CarrierKind) -> Result<Carrier, LinkError> {
        let protocol = match kind {
            CarrierKind::Bytes => Protocol::Raw,
            CarrierKind::WebSocket => Protocol::WebSocket,
            CarrierKind::Http => return Err(LinkError::Answer("no upgrade leads to this kind of carrier")),
        };
        let mut stream = match self.dial {
            Some(address) => TcpStream::connect(address).await?,
            None => TcpStream::connect((self.gateway.host.as_str(), self.gateway.port)).await?,
        };
        stream.set_nodelay(true)?;
        let upgrade = Upgrade::new(protocol)?;
        let credential = self.credential.as_deref();
        let (socket, read_ahead) = if self.gateway.secure {
            let tcp = SharedTcp::from(stream);
            let mut tls = self.trust.connect(&self.gateway.host, tcp.clone()).await?;
            let read_ahead = upgrade.run(&mut tls, &self.gateway, credential).await?;
            (Socket::over(tls, tcp), read_ahead)
        } else {
            let read_ahead = upgrade.run(&mut stream, &self.gateway, credential).await?;
            (Socket::from(stream), read_ahead)
        };
        Ok(match protocol {
            Protocol::Raw => Carrier::bytes(socket, read_ahead),
            Protocol::WebSocket => Carrier::websocket_client(socket, read_ahead),
        })
    }
}

/// The gateway knows this program and does not want it: trying again would only make noise.
pub(crate) fn is_final(error: &LinkError) -> bool {
    matches!(error, LinkError::Refused { status: 401 | 403, code: Some(_) })
        || matches!(error.code(), Code::ERR_INVALID_ARGUMENT)
}
