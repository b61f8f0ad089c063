//! Messages on their way down: one request after the other, streamed or polled.

use std::time::Duration;

use bytes::Bytes;
use pageport_proto::numbered::{self, Answer, Mode};
use tokio::time::{Instant, sleep, timeout};

use super::{Event, Line, RETRIES, is_passing, refused};
use crate::LinkError;
use crate::connector::backoff::Backoff;
use crate::connector::http1::Exchange;

/// When the preamble has not come by then, something on the way holds answers back.
const PREAMBLE: Duration = Duration::from_millis(1_500);
/// An answer ends, or brings something, within 25 s. One that does neither is dead.
const SILENCE: Duration = Duration::from_secs(35);

/// The longest pause behind an answer that brought nothing and ended at once: what the gateway has to say waits for it.
const EMPTY: Duration = Duration::from_secs(1);

/// The requests for messages of one carrier.
pub(super) struct Down {
    line: Line,
    /// How many messages have come.
    ack: u64,
    idle: Option<Exchange>,
}

impl Down {
    /// Begins the carrier at the gateway.
    pub(super) async fn open(line: Line) -> Result<Down, LinkError> {
        let mut down = Down { line, ack: 0, idle: None };
        down.once(Mode::Now).await?;
        Ok(down)
    }

    /// Runs until the carrier is lost.
    pub(super) async fn run(mut self) {
        let mut pauses = RETRIES.into_iter();
        let mut empty = Backoff::default();
        loop {
            let mode = if self.line.polling.is_on() { Mode::Poll } else { Mode::Stream };
            let (before, begun) = (self.ack, Instant::now());
            match self.once(mode).await {
                Ok(()) => {
                    pauses = RETRIES.into_iter();
                    if self.ack > before {
                        empty.reset();
                    } else {
                        // Something ends answers as soon as they begin: what is asked for without a pause would be a storm.
                        empty.after(begun.elapsed());
                        sleep(empty.next().min(EMPTY)).await;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, ack = self.ack, "messages down");
                    if self.ack > before {
                        pauses = RETRIES.into_iter();
                    }
                    match pauses.next().filter(|_| is_passing(&error)) {
                        Some(pause) => sleep(pause).await,
                        None => return self.line.lost(error).await,
                    }
                }
            }
        }
    }

    /// One request and its answer.
    async fn once(&mut self, mode: Mode) -> Result<(), LinkError> {
        let body = numbered::Down { id: self.line.id.clone(), ack: self.ack, mode }.encode();
        let idle = self.idle.take();
        let sent = timeout(SILENCE, self.line.requests.post(idle, "/down", &[body])).await;
        let mut exchange = sent.map_err(|_| LinkError::Timeout)??;
        let mut answer = Answer::default();
        let patience = if mode == Mode::Stream { PREAMBLE } else { SILENCE };
        let first = match timeout(patience, begin(&mut exchange, &mut answer)).await {
            Ok(begun) => begun?,
            Err(_) if mode == Mode::Stream => {
                tracing::debug!("answers are held back on the way: polling");
                self.line.polling.turn_on();
                return Ok(());
            }
            Err(_) => return Err(LinkError::Timeout),
        };
        if let Some(message) = first {
            self.deliver(message).await?;
        }
        self.read(exchange, answer).await
    }

    /// Reads an answer to its end.
    async fn read(&mut self, mut exchange: Exchange, mut answer: Answer) -> Result<(), LinkError> {
        loop {
            while let Some(message) = answer.next_message().map_err(LinkError::Code)? {
                self.deliver(message).await?;
            }
            let chunk = timeout(SILENCE, exchange.chunk()).await.map_err(|_| LinkError::Timeout)??;
            let Some(chunk) = chunk else { break };
            answer.push(&chunk);
            // A message that takes long proves life while it comes; when nobody has taken the last such note, one is enough.
            let _ = self.line.events.try_send(Event::Alive);
        }
        self.idle = exchange.idle();
        Ok(())
    }

    async fn deliver(&mut self, message: Bytes) -> Result<(), LinkError> {
        self.ack += 1;
        let taken = self.line.events.send(Event::Message(message)).await;
        taken.map_err(|_| LinkError::Answer("the carrier is gone"))
    }
}

/// Reads head and preamble of an answer, and the first message if it has come with them.
async fn begin(exchange: &mut Exchange, answer: &mut Answer) -> Result<Option<Bytes>, LinkError> {
    let head = exchange.head().await?;
    if head.status != 200 {
        return Err(refused(&head));
    }
    while !answer.begun() {
        let chunk = exchange.chunk().await?.ok_or(LinkError::Answer("it ended before it began"))?;
        answer.push(&chunk);
        let message = answer.next_message();
        if let Some(message) = message.map_err(|_| LinkError::Answer("it does not begin as it should"))? {
            return Ok(Some(message));
        }
    }
    Ok(None)
}
