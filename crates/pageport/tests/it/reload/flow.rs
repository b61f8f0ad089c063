//! A connection through the gateway, to a server that says what it hears: of a session, or by one of the dialects.

pub(super) mod dialect;
mod listen;

use std::time::{Duration, Instant};

use bytes::Bytes;
use pageport_link::Session;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::configured::Configured;
use listen::Shape;

/// Nothing here waits for anything that may not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is said, and comes back.
const WORD: &[u8] = b"ping";

/// Ways to one and the same kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A stream, and for UDP its datagrams.
    Session,
    /// `/tcp/host/port` over a WebSocket.
    Messages,
    /// The same by `Upgrade: tcp`.
    Upgrade,
    /// `/wisp/`
    Wisp,
}

pub(super) struct Flow {
    say: Vec<u8>,
    voice: Voice,
    heard: UnboundedReceiver<Vec<u8>>,
    ended: oneshot::Receiver<(Instant, String)>,
}

enum Voice {
    Bytes(Box<dyn AsyncWrite + Send + Unpin>),
    /// The stream stays open for as long as the flow, and nothing is written to it.
    Datagrams {
        session: Session,
        flow: u64,
        _stream: Box<dyn AsyncWrite + Send + Unpin>,
    },
}

impl Way {
    /// How a client hears that its target is forbidden now.
    pub(super) fn forbidden(self) -> &'static str {
        match self {
            Way::Session => "ERR_TARGET_FORBIDDEN",
            Way::Messages => "1008 ERR_TARGET_FORBIDDEN",
            Way::Upgrade => "connection reset",
            Way::Wisp => "CLOSE 0x48",
        }
    }
}

impl Flow {
    /// A connection of this kind to `host:port`, by a session of its own where it takes one.
    pub(super) async fn by(
        way: Way,
        gateway: &Configured<'_>,
        session: &Session,
        (kind, endpoint): (&str, &str),
    ) -> Result<Flow, String> {
        match (way, kind) {
            // Datagrams come to whoever asks the session for any.
            (Way::Session, "udp") => Flow::open(&gateway.session().await, kind, endpoint).await,
            (Way::Session, _) => Flow::open(session, kind, endpoint).await,
            (way, _) => dialect::open(way, &gateway.url, endpoint).await,
        }
    }

    /// A connection by this session, or the code of the refusal.
    pub(super) async fn open(session: &Session, kind: &str, endpoint: &str) -> Result<Flow, String> {
        let slash = if kind.starts_with("ws") { "/" } else { "" };
        let head = serde_json::json!({ "connect": format!("{kind}://{endpoint}{slash}") });
        Flow::ask(session, &head, kind).await
    }

    /// The same by `tcp`, and TLS may begin later.
    pub(super) async fn open_for_starttls(session: &Session, endpoint: &str) -> Result<Flow, String> {
        let head = serde_json::json!({ "connect": format!("tcp://{endpoint}"), "starttls": true });
        Flow::ask(session, &head, "tcp").await
    }

    async fn ask(session: &Session, head: &serde_json::Value, kind: &str) -> Result<Flow, String> {
        let mut stream = session.open(head).unwrap();
        let reply = timeout(PATIENCE, stream.reply()).await.expect("a reply").unwrap();
        let reply: serde_json::Value = serde_json::from_slice(&reply).unwrap();
        if let Some(code) = reply["error"].as_str() {
            return Err(code.to_owned());
        }
        let id = stream.id();
        let (read, write) = stream.into_split();
        match kind {
            "ws" | "wss" => Ok(Flow::new(Shape::Messages, read, Box::new(write), &listen::binary(WORD))),
            "udp" => {
                let mut flow = Flow::new(Shape::Bytes, read, Box::new(write), WORD);
                flow.heard = datagrams(session.clone());
                if let Voice::Bytes(stream) = flow.voice {
                    flow.voice = Voice::Datagrams { session: session.clone(), flow: id, _stream: stream };
                }
                Ok(flow)
            }
            _ => Ok(Flow::new(Shape::Bytes, read, Box::new(write), WORD)),
        }
    }

    /// `say`: the word as it is said here.
    fn new(
        shape: Shape,
        read: impl AsyncRead + Send + Unpin + 'static,
        write: Box<dyn AsyncWrite + Send + Unpin>,
        say: &[u8],
    ) -> Flow {
        let (tell, heard) = unbounded_channel();
        let (tell_end, ended) = oneshot::channel();
        tokio::spawn(async move {
            let end = listen::to(read, shape, &tell).await;
            // Nobody hears it at the end of a test.
            let _ = tell_end.send((Instant::now(), end));
        });
        Flow { say: say.to_owned(), voice: Voice::Bytes(write), heard, ended }
    }

    /// Whether what is said comes back.
    pub(super) async fn echoes(&mut self) -> bool {
        match &mut self.voice {
            Voice::Bytes(write) => {
                if write.write_all(&self.say).await.is_err() || write.flush().await.is_err() {
                    return false;
                }
            }
            Voice::Datagrams { session, flow, .. } => session.send_datagram(*flow, Bytes::from_static(WORD)),
        }
        let mut heard = Vec::new();
        while heard.len() < WORD.len() {
            match timeout(PATIENCE, self.heard.recv()).await {
                Ok(Some(bytes)) => heard.extend(bytes),
                _ => return false,
            }
        }
        heard == WORD
    }

    /// Waits for its end: when that was, and how it was said.
    pub(super) async fn ended(self) -> (Instant, String) {
        timeout(PATIENCE, self.ended).await.expect("it ends").unwrap()
    }
}

/// Those of a session with one flow.
fn datagrams(session: Session) -> UnboundedReceiver<Vec<u8>> {
    let (tell, heard) = unbounded_channel();
    tokio::spawn(async move {
        while let Some((_, bytes)) = session.datagram().await {
            if tell.send(bytes.to_vec()).is_err() {
                return;
            }
        }
    });
    heard
}
