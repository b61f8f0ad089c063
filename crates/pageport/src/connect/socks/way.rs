//! The session that all connections share. It outlives its carriers by itself; when it has ended all the same, the next connection begins
//! another one.

use std::time::{Duration, Instant};

use pageport_link::head::Connect;
use pageport_link::{Session, SessionState};
use pageport_proto::Code;
use pageport_proto::target::{Endpoint, Protocol, Target};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::cli::native::GatewayAccess;
use crate::connect::ask::{Connected, ask};
use crate::failure::NativeFailure;
use crate::gateway;

/// For a session, and for the gateway's answer: longer than a gateway takes to give up on a target, shorter than people's patience.
const PATIENCE: Duration = Duration::from_secs(60);

/// The way to the gateway.
#[derive(Debug)]
pub(super) struct Way {
    access: GatewayAccess,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    session: Session,
    /// Of the session, from 1.
    number: u64,
    /// When there was none to be had last, and why.
    failed: Option<(Instant, NativeFailure)>,
}

impl Way {
    pub(super) async fn start(access: GatewayAccess) -> Result<Way, NativeFailure> {
        let session = begin(&access).await?;
        Ok(Way { access, current: Mutex::new(Current { session, number: 1, failed: None }) })
    }

    /// A connection to this server.
    pub(super) async fn connect(&self, to: &Endpoint) -> Result<Connected, NativeFailure> {
        let target = Target { protocol: Protocol::Tcp, endpoint: to.clone() };
        let wish = Connect::Tcp { to: to.clone(), starttls: false };
        let asking = async {
            let (session, number) = self.session(0).await?;
            match ask(&session, wish.clone(), Some(&target)).await {
                // It ended just now, or its gateway is about to. Nothing has come of this stream.
                Err(error) if matches!(error.reason(), Code::ERR_SESSION_LOST | Code::ERR_GOING_AWAY) => {
                    ask(&self.session(number).await?.0, wish, Some(&target)).await
                }
                result => result,
            }
        };
        let late = || NativeFailure::new("the gateway does not answer", Code::ERR_GATEWAY_UNREACHABLE);
        timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err(late()))
    }

    /// Ends the session, and waits a little for the gateway to know.
    pub(super) async fn end(&self, patience: Duration) {
        let session = self.current.lock().await.session.clone();
        session.close(Code::NO_ERROR, "");
        // Whoever does not hear it notices by the lease.
        let _ = timeout(patience, session.finished()).await;
    }

    /// A session that lives, later than the one of this number. One task begins a new one; who waits for that meanwhile shares its failure.
    async fn session(&self, after: u64) -> Result<(Session, u64), NativeFailure> {
        let asked = Instant::now();
        let mut current = self.current.lock().await;
        if current.number > after && !matches!(current.session.state(), SessionState::Closed(_)) {
            return Ok((current.session.clone(), current.number));
        }
        if let Some((_, failure)) = current.failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(failure.clone());
        }
        match begin(&self.access).await {
            Ok(session) => {
                current.number += 1;
                current.session = session;
                tracing::info!(number = current.number, "a new session");
                Ok((current.session.clone(), current.number))
            }
            Err(failure) => {
                current.failed = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }
}

/// The token is looked for each time: `pageport dev` has another one whenever it starts.
async fn begin(access: &GatewayAccess) -> Result<Session, NativeFailure> {
    let connector = gateway::connector(access)?;
    connector.connect().await.map_err(|error| NativeFailure::dial(&error))
}
