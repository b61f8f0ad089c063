//! A listener of a native program: visitors become streams, and it listens again by itself for as long as somebody holds it.
//!
//! A lost carrier changes nothing: streams and listener survive. A lost session (its gateway was restarted, or was away for longer
//! than the lease) ends its streams; then a new session listens for the same name or port.
//!
//! Must never fight for a name that was taken over, nor repeat what was refused for good.

mod keeper;
mod visitor;

use pageport_proto::Code;
use pageport_proto::head::{Listen, Listening, ListeningPort, Refusal};
use tokio::sync::{mpsc, watch};

pub use visitor::Visitor;

use crate::{Connector, Identity, LinkError, OpenError, StreamError};
use keeper::Keeper;

/// Accepts visitors of one name or port. Dropping it ends the listener; visitors that were accepted stay.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use pageport_link::{Connector, Listener};
/// use pageport_link::head::{Kind, Listen};
///
/// let connector = Connector::new("http://localhost:7070")?.credential("token".to_owned());
/// let mut listener = Listener::start(connector, Listen::new(Kind::Tcp)).await?;
/// println!("{}", listener.address().url());
/// while let Some(visitor) = listener.accept().await {
///     tokio::spawn(async move {
///         let (mut read, mut write) = tokio::io::split(visitor.admit()?);
///         tokio::io::copy(&mut read, &mut write).await
///     });
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Listener {
    visitors: mpsc::Receiver<Visitor>,
    status: watch::Receiver<Status>,
}

/// Where visitors find a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// By name, on an origin of its own and by path.
    Name(Listening),
    /// At a public port.
    Port(ListeningPort),
}

/// How a listener stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Where visitors find it, or found it last. A new session may bring another one.
    pub address: Address,
    /// Whether they do.
    pub phase: Phase,
}

/// What a listener is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Visitors reach it.
    Listening,
    /// The carrier is lost. New visitors wait or are turned away, streams keep what they have.
    Away,
    /// The session is lost, and its streams with it, or an attempt to listen anew failed. It goes on trying.
    Lost(Code),
    /// It has ended for good.
    Ended(Code),
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// There is no session.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The gateway refused.
    #[error("the gateway refused to listen: {}", told(.0))]
    Refused(Refusal),
    /// The gateway cannot be asked now.
    #[error("the gateway cannot be asked to listen: {0}")]
    Open(#[from] OpenError),
    /// The session broke before there was an answer.
    #[error("no answer to the request to listen: {0}")]
    Stream(#[from] StreamError),
    /// The answer is not one.
    #[error("the gateway's answer cannot be understood")]
    Answer,
}

impl ListenError {
    /// The code of `spec/errors.md` that stands for it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            ListenError::Link(error) => error.code(),
            ListenError::Refused(refusal) => Code::from_name(&refusal.error).unwrap_or(Code::ERR_INTERNAL),
            ListenError::Open(OpenError::Closed(code)) => *code,
            ListenError::Open(_) => Code::ERR_GOING_AWAY,
            ListenError::Stream(StreamError::Reset(code) | StreamError::SessionClosed(code)) => *code,
            ListenError::Stream(_) | ListenError::Answer => Code::ERR_BAD_REPLY,
        }
    }
}

fn told(refusal: &Refusal) -> String {
    let Refusal { error, message, .. } = refusal;
    if message.is_empty() { error.clone() } else { format!("{error}, {message}") }
}

impl Listener {
    /// Connects and listens. Afterwards it keeps doing both.
    ///
    /// # Errors
    /// Why the first attempt failed; it is not repeated.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn start(connector: Connector, wish: Listen) -> Result<Listener, ListenError> {
        Listener::begin(connector, wish, None).await
    }

    /// The same with a key, which proves to every new session that name or port are its own. Without a name in the wish, the listener
    /// gets the random name of the key.
    ///
    /// # Errors
    /// As [`Listener::start`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn start_as(
        connector: Connector,
        wish: Listen,
        identity: Identity,
    ) -> Result<Listener, ListenError> {
        Listener::begin(connector, wish, Some(identity)).await
    }

    async fn begin(
        connector: Connector,
        wish: Listen,
        identity: Option<Identity>,
    ) -> Result<Listener, ListenError> {
        let (keeper, visitors, status) = Keeper::start(connector, wish, identity).await?;
        tokio::spawn(keeper.run());
        Ok(Listener { visitors, status })
    }

    /// The next visitor; `None` once the listener has ended for good, see [`Phase::Ended`].
    ///
    /// Nothing is lost when the future is dropped. Visitors that nobody takes wait at the gateway, and are turned away in time.
    pub async fn accept(&mut self) -> Option<Visitor> {
        self.visitors.recv().await
    }

    /// Where visitors find it, or found it last.
    #[must_use]
    pub fn address(&self) -> Address {
        self.status.borrow().address.clone()
    }

    /// How it stands, now and in future.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }
}

impl Address {
    /// What visitors connect to.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Address::Name(listening) => &listening.url,
            Address::Port(listening) => &listening.url,
        }
    }
}
