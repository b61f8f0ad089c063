//! The task that keeps a listener: a session, its listening stream, and both anew when they are lost.

use std::future::pending;

use pageport_proto::Code;
use pageport_proto::head::{Kind, Listen, Listening, ListeningPort, Reply, Request, Visit};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Address, ListenError, Phase, Status, Visitor};
use crate::connector::backoff::Backoff;
use crate::connector::is_final;
use crate::{Connector, Identity, Session, Stream};

pub(super) struct Keeper {
    connector: Connector,
    wish: Listen,
    identity: Option<Identity>,
    visitors: mpsc::Sender<Visitor>,
    status: watch::Sender<Status>,
    held: Held,
}

/// What a listener holds while it lives.
struct Held {
    session: Session,
    stream: Stream,
}

impl Keeper {
    pub(super) async fn start(
        connector: Connector,
        wish: Listen,
        identity: Option<Identity>,
    ) -> Result<(Keeper, mpsc::Receiver<Visitor>, watch::Receiver<Status>), ListenError> {
        let (held, address) = listen(&connector, &wish, identity.as_ref()).await?;
        // One that is handed over: the others wait in the session, where windows pay for them.
        let (visitors, received) = mpsc::channel(1);
        let (status, told) = watch::channel(Status { address, phase: Phase::Listening });
        Ok((Keeper { connector, wish, identity, visitors, status, held }, received, told))
    }

    /// Runs until nobody wants visitors any more, or the listener has ended for good.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let begin = Instant::now();
            let Some(mut code) = self.serve().await else { return self.held.stream.finish() };
            backoff.after(begin.elapsed());
            loop {
                let last = is_last(code);
                self.tell(if last { Phase::Ended(code) } else { Phase::Lost(code) });
                if last {
                    return;
                }
                let unwanted = self.visitors.clone();
                let again = async {
                    tokio::time::sleep(backoff.next()).await;
                    self.again().await
                };
                let begun = tokio::select! {
                    begun = again => begun,
                    () = unwanted.closed() => return,
                };
                match begun {
                    Ok(()) => break,
                    Err(error) => {
                        tracing::debug!(%error, "cannot listen again");
                        code = if is_hopeless(&error) {
                            return self.tell(Phase::Ended(error.code()));
                        } else {
                            error.code()
                        };
                    }
                }
            }
        }
    }

    /// Hands visitors over until the listener is lost, and says why; `None` when nobody wants them.
    async fn serve(&mut self) -> Option<Code> {
        let Held { session, stream } = &mut self.held;
        let session = &*session;
        let deliver = async {
            while let Ok(place) = self.visitors.reserve().await {
                match session.accept().await {
                    Some(stream) => deliver(stream, place),
                    None => return pending().await,
                }
            }
        };
        let carrier = async {
            while session.parked().await {
                self.status.send_modify(|status| status.phase = Phase::Away);
                if session.attached().await {
                    self.status.send_modify(|status| status.phase = Phase::Listening);
                }
            }
            pending::<()>().await;
        };
        tokio::select! {
            () = deliver => None,
            () = self.visitors.closed() => None,
            () = carrier => None,
            code = ended(stream, session) => Some(code),
        }
    }

    /// Begins a new session. A port that was given is asked for again; should it be gone, any will do that would have done at first.
    async fn again(&mut self) -> Result<(), ListenError> {
        let last = match &self.status.borrow().address {
            Address::Port(port) => Some(port.port),
            Address::Name(_) => None,
        };
        let again = Listen { port: last, ..self.wish.clone() };
        let identity = self.identity.as_ref();
        let listening = match listen(&self.connector, &again, identity).await {
            Err(ListenError::Refused(_)) if again != self.wish => {
                listen(&self.connector, &self.wish, identity).await
            }
            result => result,
        };
        let (held, address) = listening?;
        self.held = held;
        self.status.send_replace(Status { address, phase: Phase::Listening });
        Ok(())
    }

    fn tell(&self, phase: Phase) {
        self.status.send_modify(|status| status.phase = phase);
    }
}

async fn listen(
    connector: &Connector,
    wish: &Listen,
    identity: Option<&Identity>,
) -> Result<(Held, Address), ListenError> {
    let session = connector.clone().connect().await?;
    let signed = match identity {
        Some(identity) => identity.sign(wish, &connector.origin(), &session),
        None => wish.clone(),
    };
    let mut stream = session.open(&Request::Listen(signed))?;
    let reply = stream.reply().await?;
    let address = match (wish.kind, wish.port) {
        (Kind::Tcp, _) | (_, Some(_)) => Reply::<ListeningPort>::parse(&reply).map(|reply| match reply {
            Reply::Ok(listening) => Ok(Address::Port(listening)),
            Reply::Refused(refusal) => Err(refusal),
        }),
        (_, None) => Reply::<Listening>::parse(&reply).map(|reply| match reply {
            Reply::Ok(listening) => Ok(Address::Name(listening)),
            Reply::Refused(refusal) => Err(refusal),
        }),
    };
    let address = address.map_err(|_| ListenError::Answer)?.map_err(ListenError::Refused)?;
    Ok((Held { session, stream }, address))
}

/// A visitor whose head this version cannot read is refused, as the specification wants it.
fn deliver(mut stream: Stream, place: mpsc::Permit<'_, Visitor>) {
    match Visit::parse(stream.head()) {
        Ok(visit) => place.send(Visitor::new(visit, stream)),
        Err(code) => {
            stream.reset(code);
            stream.stop(code);
        }
    }
}

/// Waits until the listener's stream has ended, and says why.
async fn ended(stream: &mut Stream, session: &Session) -> Code {
    match stream.read_chunk().await {
        Ok(None) => Code::NO_ERROR,
        Ok(Some(_)) => Code::ERR_UNEXPECTED_DATA,
        Err(crate::StreamError::Reset(code)) => code,
        Err(_) => session.closed().await,
    }
}

/// After this another session would be wrong: the name belongs to somebody's newer session now.
fn is_last(code: Code) -> bool {
    code == Code::ERR_NAME_REPLACED
}

/// What will not change by trying again.
fn is_hopeless(error: &ListenError) -> bool {
    match error {
        ListenError::Link(error) => is_final(error),
        ListenError::Refused(_) => matches!(
            error.code(),
            Code::ERR_LISTEN_FORBIDDEN
                | Code::ERR_CREDENTIAL_INVALID
                | Code::ERR_NAME_INVALID
                | Code::ERR_NAME_RESERVED
                | Code::ERR_NAME_TAKEN
                | Code::ERR_CLAIM_REQUIRED
                | Code::ERR_CLAIM_INVALID
                | Code::ERR_HEAD_INVALID
                | Code::ERR_UNSUPPORTED
        ),
        _ => false,
    }
}
