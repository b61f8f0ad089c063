//! Messages on their way up: two requests at most, in the order of their numbers.

use std::time::Duration;

use bytes::Bytes;
use pageport_proto::numbered;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Line, RETRIES, is_passing, refused};
use crate::LinkError;
use crate::connector::http1::Exchange;

/// Requests under way at once.
const TOGETHER: usize = 2;
/// How long one may take: longer than a full message on the slowest path that anybody would use.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends what comes until there is no more, or the carrier is lost.
pub(super) async fn run(line: Line, mut messages: mpsc::Receiver<Vec<Bytes>>) {
    let mut running = JoinSet::new();
    let mut idle = Vec::new();
    let (mut next, mut open) = (0, true);
    while open || !running.is_empty() {
        tokio::select! {
            message = messages.recv(), if open && running.len() < TOGETHER => match message {
                Some(parts) => {
                    running.spawn(send(line.clone(), idle.pop(), next, parts));
                    next += 1;
                }
                None => open = false,
            },
            Some(sent) = running.join_next() => match sent {
                Ok(Ok(exchange)) => idle.extend(exchange),
                Ok(Err(error)) => return line.lost(error).await,
                Err(_) => return,
            },
        }
    }
}

/// Sends a message until it has been taken.
async fn send(
    line: Line,
    mut idle: Option<Exchange>,
    seq: u64,
    parts: Vec<Bytes>,
) -> Result<Option<Exchange>, LinkError> {
    let head = numbered::Up { id: line.id.clone(), seq }.encode();
    let body: Vec<Bytes> = std::iter::once(head).chain(parts).collect();
    let mut pauses = RETRIES.into_iter();
    loop {
        let sent = timeout(PATIENCE, once(&line, idle.take(), &body)).await;
        match sent.unwrap_or(Err(LinkError::Timeout)) {
            Ok(exchange) => return Ok(exchange),
            Err(error) => {
                tracing::debug!(%error, seq, "message up");
                let Some(pause) = pauses.next().filter(|_| is_passing(&error)) else { return Err(error) };
                sleep(pause).await;
            }
        }
    }
}

async fn once(line: &Line, idle: Option<Exchange>, body: &[Bytes]) -> Result<Option<Exchange>, LinkError> {
    let mut exchange = line.requests.post(idle, "/up", body).await?;
    let head = exchange.head().await?;
    if !(200..300).contains(&head.status) {
        return Err(refused(&head));
    }
    while exchange.chunk().await?.is_some() {}
    Ok(exchange.idle())
}
