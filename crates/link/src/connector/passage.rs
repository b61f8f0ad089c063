//! What the way to a gateway does to plain requests: passes their bytes on as they come, or holds them back until all are there.
//!
//! Asks only what a carrier `http` asks as well, so the gateway needs nothing for it; begins carriers that are never attached.

use std::time::{Duration, Instant};

use bytes::Bytes;
use pageport_proto::numbered::{Down, Id, Mode, PREAMBLE, Up};
use pageport_proto::{Code, limits};
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
/// A handshake whose key is that of RFC 6455 §1.3: nobody checks the answer.
const WEBSOCKET: &str = "upgrade: websocket\r\nsec-websocket-version: 13\r\n\
    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: pageport.v1\r\n";
/// A frame of the protocol (§2.1).
const PING: &[u8] = b"\x0e\x08whosthis";
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
    /// Upgrades, and tunnels.
    pub upgrades: Upgrades,
    /// The rest; `None` when the gateway would not have it, as it wants a credential.
    pub flows: Option<Flows>,
}

/// What becomes of a request for an upgrade, outside of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrade {
    /// The gateway sees it, and its answer comes back.
    Passes,
    /// The gateway sees a plain request.
    Stripped,
    /// Somebody on the way answers in the gateway's place.
    Refused,
    /// Nothing comes back.
    Swallowed,
}

/// What becomes of upgrades and tunnels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upgrades {
    /// To a WebSocket.
    pub websocket: Upgrade,
    /// To something that nobody on the way knows.
    pub raw: Upgrade,
    /// Whether the proxy makes tunnels to the gateway; `None` without a proxy.
    pub tunnel: Option<bool>,
}

/// How bytes of requests and answers pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flows {
    /// Bytes of answers.
    pub answers: Flow,
    /// Bytes of requests whose length is announced.
    pub uploads: Flow,
    /// Whether an answer comes before its request has ended, whose length is not announced.
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
        let upgrades = self.upgrades(&requests).await;
        Ok(Passage { description, first, round: rounds[ROUNDS / 2], upgrades, flows })
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

    async fn upgrades(&self, requests: &Requests) -> Upgrades {
        let websocket = upgrade(requests, WEBSOCKET, &[&[0x82, 0x8a, 0, 0, 0, 0], PING].concat()).await;
        let raw = upgrade(requests, "upgrade: pageport.v1\r\n", PING).await;
        let tunnel = match &self.dialer.proxy {
            None => None,
            Some(_) => Some(within(self.dialer.clone().connect()).await.is_ok()),
        };
        Upgrades { websocket, raw, tunnel }
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
    const PATH: &str = "/.well-known/pageport";
    let was_idle = idle.is_some();
    let mut exchange = requests.get(idle, PATH).await?;
    let head = match exchange.head().await {
        // It was not as idle as it was dead.
        Err(_) if was_idle => {
            exchange = requests.get(None, PATH).await?;
            exchange.head().await?
        }
        head => head?,
    };
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

/// What comes of it is spoken to once: with a frame that may not be the first, which the gateway answers.
async fn upgrade(requests: &Requests, fields: &str, frame: &[u8]) -> Upgrade {
    let asked = async {
        let mut exchange = requests.upgrade(fields).await?;
        let head = exchange.head().await?;
        if head.status == 101 && !exchange.converse(frame).await? {
            return Err(LinkError::Answer("it ended the connection"));
        }
        Ok(head)
    };
    match within(asked).await {
        Ok(Head { status: 101, .. }) => Upgrade::Passes,
        Ok(Head { code: Some(Code::ERR_UPGRADE_REQUIRED), .. }) => Upgrade::Stripped,
        // The gateway says anything else to those who ask for an upgrade only.
        Ok(Head { code: Some(_), .. }) => Upgrade::Passes,
        Ok(Head { code: None, .. }) => Upgrade::Refused,
        Err(_) => Upgrade::Swallowed,
    }
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
    let unfinished = requests.begin("/up", Some(beginning.len() + 100), beginning).await?;
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

/// A request without an announced length is refused as soon as it is too long, whatever would still come of it.
async fn duplex(requests: &Requests) -> Result<bool, LinkError> {
    let beginning = Up { id: random()?, seq: 0 }.encode();
    let too_long = [&beginning[..], &[0; 2 * limits::HELLO]].concat();
    let mut exchange = requests.begin("/up", None, too_long.into()).await?;
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
