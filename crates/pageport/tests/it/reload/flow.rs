//! A connection through the gateway, to a server that says what it hears.

use std::time::{Duration, Instant};

use bytes::Bytes;
use pageport_link::{Session, StreamError, WriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Nothing here waits for anything that may not come.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Flow {
    framed: bool,
    write: WriteHalf,
    heard: UnboundedReceiver<Bytes>,
    ended: oneshot::Receiver<(Instant, Option<StreamError>)>,
}

impl Flow {
    /// A connection by this kind to `host:port`, or the code of the refusal.
    pub(super) async fn open(session: &Session, kind: &str, endpoint: &str) -> Result<Flow, String> {
        let framed = kind.starts_with("ws");
        let slash = if framed { "/" } else { "" };
        let head = serde_json::json!({ "connect": format!("{kind}://{endpoint}{slash}") });
        Flow::ask(session, &head, framed).await
    }

    /// The same by `tcp`, and TLS may begin later.
    pub(super) async fn open_for_starttls(session: &Session, endpoint: &str) -> Result<Flow, String> {
        let head = serde_json::json!({ "connect": format!("tcp://{endpoint}"), "starttls": true });
        Flow::ask(session, &head, false).await
    }

    async fn ask(session: &Session, head: &serde_json::Value, framed: bool) -> Result<Flow, String> {
        let mut stream = session.open(head).unwrap();
        let reply = timeout(PATIENCE, stream.reply()).await.expect("a reply").unwrap();
        let reply: serde_json::Value = serde_json::from_slice(&reply).unwrap();
        if let Some(code) = reply["error"].as_str() {
            return Err(code.to_owned());
        }
        let (mut read, write) = stream.into_split();
        let (tell, heard) = unbounded_channel();
        let (tell_end, ended) = oneshot::channel();
        tokio::spawn(async move {
            let end = loop {
                match read.read_chunk().await {
                    // Nobody hears it at the end of a test.
                    Ok(Some(bytes)) => drop(tell.send(bytes)),
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            let _ = tell_end.send((Instant::now(), end));
        });
        Ok(Flow { framed, write, heard, ended })
    }

    /// Whether what is said comes back.
    pub(super) async fn echoes(&mut self) -> bool {
        // A binary message of four bytes, masked with zeros, and without a mask (RFC 6455 §5.2).
        let (say, hear): (&[u8], &[u8]) = match self.framed {
            true => (b"\x82\x84\0\0\0\0ping", b"\x82\x04ping"),
            false => (b"ping", b"ping"),
        };
        if self.write.write_chunk(Bytes::copy_from_slice(say)).await.is_err() {
            return false;
        }
        let mut heard = Vec::new();
        while heard.len() < hear.len() {
            match timeout(PATIENCE, self.heard.recv()).await {
                Ok(Some(bytes)) => heard.extend_from_slice(&bytes),
                _ => return false,
            }
        }
        heard == hear
    }

    /// Waits for its end: when that was, and what it was.
    pub(super) async fn ended(self) -> (Instant, Option<StreamError>) {
        timeout(PATIENCE, self.ended).await.expect("it ends").unwrap()
    }
}
