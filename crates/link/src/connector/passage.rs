//! What the way to a gateway does to plain requests: passes their bytes on as they come, or holds them back until all are there.
//!
//! Asks only what a carrier `http` asks as well, so the gateway needs nothing for it; begins carriers that are never attached.

use std::time::{Duration, Instant};

use bytes::Bytes;
use pageport_proto::Code;
use pageport_proto::numbered::{Down, Id, Mode, PREAMBLE, Up};
use tokio::time::{sleep, timeout};

use super::Connector;
use super::http1::{Exchange, Head, Requests};
use crate::carrier::Wire;
use crate::handshake::Handshake;
use crate::{Connection, HALVES, LinkError};

/// What passes in this time passes as it comes; the same time that carriers take for finding out.
const PROMPT: Duration = Duration::from_millis(1_500);
/// For one whole request and its answer.
const REQUEST: Duration = Duration::from_secs(10);
/// Requests on one connection that the usual time of one is taken from.
const ROUNDS: usize = 7;
/// The largest description of a gateway.
const DESCRIPTION: usize = 64 * 1024;

/// How bytes pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// As they come.
    Streamed,
    /// When all of them are there.
    HeldBack,
}

/// What plain requests can do between here and a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// What the gateway says of itself: JSON.
    pub description: Bytes,
    /// Until the first answer: connecting, TLS and a proxy included.
    pub first: Duration,
    /// From a request to its answer, on a connection that is open: the median.
    pub round: Duration,
    /// The rest; `None` when the gateway would not have it, as it wants a credential.
    pub flows: Option<Flows>,
}

/// How bytes of requests and answers pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flows {
    /// Bytes of answers.
    pub answers: Flow,
    /// Bytes of requests.
    pub uploads: Flow,
    /// Whether an answer comes before its request has ended.
    pub duplex: bool,
}

impl Connector {
    /// Finds out what plain requests can do on the way to the gateway, through the proxy if there is one.
    ///
    /// # Errors
    /// When they do not get there.
    pub async fn passage(&self) -> Result<Passage, LinkError> {
        let requests = self.requests()?;
        let begin = Instant::now();
        let (description, mut idle) = within(described(&requests, None)).await?;
        let first = begin.elapsed();
        let mut rounds = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let begin = Instant::now();
            idle = within(described(&requests, idle)).await?.1;
            rounds.push(begin.elapsed());
        }
        rounds.sort_unstable();
        let flows = match self.flows(&requests).await {
            Ok(flows) => Some(flows),
            Err(LinkError::Refused { code: Some(_), .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Passage { description, first, round: rounds[ROUNDS / 2], flows })
    }

    /// Connects to a listener of the gateway by path, as a visitor, the same way: half-close and all.
    ///
    /// # Errors
    /// When there is no way, or the listener refuses.
    pub async fn visit(&self, name: &str) -> Result<Connection, LinkError> {
        let mut dialer = self.dialer.clone();
        dialer.trust.prepare(dialer.gateway.secure)?;
        let mut wire = Wire::new(dialer.connect().await?, Bytes::new());
        let target = format!("{}/@{name}/", dialer.gateway.path.trim_end_matches("/link"));
        let handshake = Handshake {
            authority: &dialer.gateway.authority,
            target: &target,
            protocols: Some(HALVES),
            ..Handshake::default()
        };
        let opened = within(handshake.run(&mut wire)).await?;
        Ok(Connection::opened(wire, opened))
    }

    fn requests(&self) -> Result<Requests, LinkError> {
        let mut dialer = self.dialer.clone();
        dialer.trust.prepare(dialer.gateway.secure)?;
        Requests::new(dialer, self.runners.credential.as_deref())
    }

    async fn flows(&self, requests: &Requests) -> Result<Flows, LinkError> {
        Ok(Flows {
            answers: answers(requests).await?,
            uploads: uploads(requests).await?,
            duplex: duplex(requests).await?,
        })
    }
}

async fn described(
    requests: &Requests,
    idle: Option<Exchange>,
) -> Result<(Bytes, Option<Exchange>), LinkError> {
    let mut exchange = requests.get(idle, "/.well-known/pageport").await?;
    let head = exchange.head().await?;
    if head.status != 200 {
        return Err(refused(head));
    }
    let mut description = Vec::new();
    while let Some(chunk) = exchange.chunk().await? {
        description.extend_from_slice(&chunk);
        if description.len() > DESCRIPTION {
            return Err(LinkError::Answer("its description is too large"));
        }
    }
    Ok((description.into(), exchange.idle()))
}

/// The preamble of a streamed answer comes at once, or with the end of the answer.
async fn answers(requests: &Requests) -> Result<Flow, LinkError> {
    let down = Down { id: random()?, ack: 0, mode: Mode::Stream };
    let mut exchange = within(requests.post(None, "/down", &[down.encode()])).await?;
    let seen = async {
        let head = exchange.head().await?;
        if head.status != 200 {
            return Err(refused(head));
        }
        let mut seen = Vec::new();
        while seen.len() < PREAMBLE.len() {
            let Some(chunk) = exchange.chunk().await? else { break };
            seen.extend_from_slice(&chunk);
        }
        Ok(seen.starts_with(PREAMBLE))
    };
    match timeout(PROMPT, seen).await {
        Ok(Ok(true)) => Ok(Flow::Streamed),
        Ok(Ok(false)) => Err(LinkError::Answer("it is not that of a gateway")),
        Ok(Err(error)) => Err(error),
        Err(_) => Ok(Flow::HeldBack),
    }
}

/// With its first bytes an upload begins a carrier. Whether the gateway knows that one shows whether they have arrived.
async fn uploads(requests: &Requests) -> Result<Flow, LinkError> {
    let id = random()?;
    let beginning = Up { id: id.clone(), seq: 0 }.encode();
    // There is no such answer to have, so what is asked about ends with the question.
    let question = Down { id, ack: 9, mode: Mode::Now }.encode();
    let unfinished = requests.begin("/up", beginning.len() + 100, beginning).await?;
    let begin = Instant::now();
    loop {
        let asked = async {
            let mut exchange = requests.post(None, "/down", std::slice::from_ref(&question)).await?;
            exchange.head().await
        };
        match within(asked).await? {
            Head { code: Some(Code::ERR_CARRIER_SEQUENCE), .. } => return Ok(Flow::Streamed),
            Head { code: Some(Code::ERR_CARRIER_UNKNOWN), .. } if begin.elapsed() < PROMPT => {
                sleep(PROMPT / 30).await;
            }
            Head { code: Some(Code::ERR_CARRIER_UNKNOWN), .. } => {
                drop(unfinished);
                return Ok(Flow::HeldBack);
            }
            other => return Err(refused(other)),
        }
    }
}

/// A request that is announced to be too long is refused before it has come.
async fn duplex(requests: &Requests) -> Result<bool, LinkError> {
    let beginning = Up { id: random()?, seq: 0 }.encode();
    let mut exchange = requests.begin("/up", 1 << 20, beginning).await?;
    match timeout(PROMPT, exchange.head()).await {
        Ok(Ok(head)) => Ok(head.status == 413),
        // Who waits for the rest of it gives up some day.
        Ok(Err(_)) | Err(_) => Ok(false),
    }
}

fn random() -> Result<Id, LinkError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| LinkError::Io(std::io::Error::other(error)))?;
    Ok(Id::new(id))
}

fn refused(head: Head) -> LinkError {
    LinkError::Refused { status: head.status, code: head.code }
}

async fn within<T>(what: impl Future<Output = Result<T, LinkError>>) -> Result<T, LinkError> {
    timeout(REQUEST, what).await.unwrap_or(Err(LinkError::Timeout))
}
