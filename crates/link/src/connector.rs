//! A native program's side: finds a carrier to a gateway, and another one whenever that is lost.
//!
//! | module | what |
//! |---|---|
//! | `race` | which kind of carrier gets through |
//! | `dialer`, `proxy`, `tls` | connections |
//! | `upgrade`, `http1` | requests on them |
//! | `passage` | what the way to the gateway does to plain requests, for who wants to know |
//! | `gateway` | the address |
//! | `credential` | the token |
//! | `backoff` | when to try again |

pub(crate) mod backoff;
mod credential;
mod dialer;
mod gateway;
pub(crate) mod http1;
pub(crate) mod passage;
mod proxy;
mod race;
pub(crate) mod tls;
pub(crate) mod upgrade;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pageport_proto::Code;
use pageport_proto::session::Settings;
use tokio::time::{Instant, timeout};

use crate::carrier::{Carrier, CarrierKind, HttpMode, Io};
use crate::session::Shared;
use crate::{LinkError, Session};
use backoff::Backoff;
use credential::Credential;
use dialer::{Dial, Dialer};
use gateway::Gateway;
use proxy::Proxy;
use race::Runners;
use tls::Trust;

/// How long an attach may take from the opening of its carrier.
const ATTEMPT: Duration = Duration::from_secs(20);
/// A carrier that lived as long as this, or moved bytes of streams, makes the next retry immediate again.
const PROVEN: Duration = Duration::from_secs(1);

/// Connects to a gateway's `/link`.
#[derive(Debug, Clone)]
pub struct Connector {
    dialer: Dialer,
    runners: Runners,
    settings: Settings,
    seed: Option<u64>,
}

impl Connector {
    /// For a gateway at `http(s)://host[:port][/path]`; `ws(s)://` means the same.
    ///
    /// # Errors
    /// [`LinkError::Address`].
    pub fn new(gateway: &str) -> Result<Connector, LinkError> {
        let gateway = Gateway::parse(gateway)?;
        Ok(Connector {
            dialer: Dialer {
                gateway,
                address: None,
                proxy: None,
                dial: None,
                trust: Trust::default(),
                pinned: Vec::new(),
            },
            runners: Runners::default(),
            settings: Settings::new(pageport_proto::Role::Page),
            seed: None,
        })
    }

    /// A token, which travels as `Authorization: Bearer` on each request.
    #[must_use]
    pub fn credential(mut self, token: String) -> Connector {
        self.runners.credential = Some(Credential::new(token));
        self
    }

    /// Which carriers to try, the better ones first; `bytes`, `websocket`, `http` by default.
    #[must_use]
    pub fn carriers(mut self, kinds: &[CarrierKind]) -> Connector {
        self.runners.kinds = kinds.to_vec();
        self
    }

    /// How the carrier `http` asks for messages.
    #[must_use]
    pub fn http_mode(mut self, mode: HttpMode) -> Connector {
        self.runners.set_http_mode(mode);
        self
    }

    /// Connects to this address in place of the one that the gateway's name has; without effect through a proxy.
    #[must_use]
    pub fn dial(mut self, address: SocketAddr) -> Connector {
        self.dialer.address = Some(address);
        self
    }

    /// Goes through a proxy, `http://[user:password@]host[:port]`: upgrades and TLS by CONNECT, plain requests as its own.
    ///
    /// # Errors
    /// [`LinkError::Address`].
    pub fn proxy(mut self, proxy: &str) -> Result<Connector, LinkError> {
        self.dialer.proxy = Some(Proxy::parse(proxy)?);
        Ok(self)
    }

    /// Speaks to the gateway through what this makes, in place of TCP and TLS: a simulated connection, for one.
    #[must_use]
    pub fn dial_by<F, C>(mut self, dial: F) -> Connector
    where
        F: Fn() -> C + Send + Sync + 'static,
        C: Future<Output = io::Result<Box<dyn Io>>> + Send + 'static,
    {
        self.dialer.dial = Some(Dial(Arc::new(move || Box::pin(dial()))));
        self
    }

    /// Draws the waits between attempts from this seed, not from the system: for simulations, which repeat themselves.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Connector {
        self.seed = Some(seed);
        self
    }

    /// Trusts these certificates (PEM) as well as those that the system trusts: an operator's own authority, or a gateway's
    /// self-made certificate.
    ///
    /// # Errors
    /// [`LinkError::Certificate`] when there is none in it.
    pub fn trust(mut self, pem: &[u8]) -> Result<Connector, LinkError> {
        self.dialer.trust.add(pem)?;
        Ok(self)
    }

    /// Over WebTransport, believes certificates with these hashes (SHA-256) and no others: a gateway without a certificate that others
    /// believe says its own in `/.well-known/pageport`.
    #[must_use]
    pub fn certificate_hashes(mut self, hashes: &[[u8; 32]]) -> Connector {
        self.dialer.pinned = hashes.to_vec();
        self
    }

    /// Limits and timings of the session, in place of the defaults.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Connector {
        self.settings = settings;
        self
    }

    /// The gateway's origin as this program knows it: `http://host[:port]`, as browsers write it. Claims are signed for it.
    pub(crate) fn origin(&self) -> String {
        self.dialer.gateway.origin()
    }

    /// Starts a session and waits until it is attached for the first time. Afterwards it is kept attached in the background until
    /// it is closed: the first retry comes at once, later ones after a random time of up to 250 ms, doubling to 10 s.
    ///
    /// # Errors
    /// Why no kind of carrier could be attached; that is not repeated.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect(mut self) -> Result<Session, LinkError> {
        let mut left = self.runners.kinds.clone();
        let session = Session::new_page(self.settings.clone());
        let shared = Arc::clone(session.shared());
        loop {
            let carrier = self.runners.race(&mut self.dialer, &left).await?;
            let kind = carrier.kind();
            left.retain(|other| *other != kind);
            let attempted = self.attach(&shared, carrier).await;
            // A carrier that is lost right behind its first success is what reconnecting is for.
            match attempted {
                Err(error) if session.stats().attaches == 0 => match error {
                    error if brought_nothing(&error) && !left.is_empty() => {}
                    LinkError::Code(Code::NO_ERROR) => {
                        return Err(LinkError::Answer("it ended the connection before the session began"));
                    }
                    error => return Err(error),
                },
                _ => break,
            }
        }
        tokio::spawn(self.keep_attached(shared));
        Ok(session)
    }

    /// Moves a session of such a connector to another kind of carrier. While that is not attached, or if it never is, the session
    /// stays where it is.
    ///
    /// # Errors
    /// Why the other carrier could not be attached.
    pub async fn carry(mut self, session: &Session, kind: CarrierKind) -> Result<(), LinkError> {
        let carrier = self.runners.race(&mut self.dialer, &[kind]).await?;
        self.attach(session.shared(), carrier).await
    }

    /// Waits until the session is attached by this carrier, or the attempt has failed.
    async fn attach(&mut self, shared: &Arc<Shared>, carrier: Carrier) -> Result<(), LinkError> {
        let kind = carrier.kind();
        let (attempt, carried) = shared.connect(carrier);
        tokio::spawn(carried);
        let attempted = match timeout(ATTEMPT, attempt.ended()).await {
            Ok(ended) => ended.map_err(LinkError::Code),
            Err(_) => Err(LinkError::Timeout),
        };
        match &attempted {
            Ok(()) => self.runners.prefer(kind),
            Err(error) if brought_nothing(error) => self.runners.put_off(kind),
            Err(_) => {}
        }
        attempted
    }

    /// Runs until the session has ended.
    async fn keep_attached(mut self, shared: Arc<Shared>) {
        let mut backoff = Backoff::new(self.seed);
        let (mut since, mut moved) = (Instant::now(), 0);
        while shared.needs_carrier().await {
            if since.elapsed() >= PROVEN || shared.moved() != moved {
                backoff.reset();
            }
            let delay = backoff.next();
            tracing::debug!(?delay, "attaching anew");
            let attempt = async {
                tokio::time::sleep(delay).await;
                let kinds = self.runners.kinds.clone();
                self.runners.race(&mut self.dialer, &kinds).await
            };
            let carrier = tokio::select! {
                carrier = attempt => carrier,
                _ = shared.ended() => return,
            };
            (since, moved) = (Instant::now(), shared.moved());
            match carrier {
                // Meanwhile another carrier has won, which somebody had a reason to choose.
                Ok(_) if shared.is_attached() => {}
                Ok(carrier) => {
                    if let Err(error) = self.attach(&shared, carrier).await {
                        tracing::debug!(%error, "attempt failed");
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
}

/// A carrier opened, and nothing came through: something on the way ends it, or swallows what follows.
fn brought_nothing(error: &LinkError) -> bool {
    matches!(error, LinkError::Timeout | LinkError::Code(Code::NO_ERROR | Code::ERR_ATTACH_TIMEOUT))
}

/// The gateway knows this program and does not want it: trying again would only make noise.
pub(crate) fn is_final(error: &LinkError) -> bool {
    matches!(error, LinkError::Refused { status: 401 | 403, code: Some(_) })
        || matches!(error.code(), Code::ERR_INVALID_ARGUMENT)
}
