//! A native program's end of a carrier `http`: one request for messages that is always open, and two at most that bring some.
//!
//! Each request may be made again with the same number; what cannot be made good by that is the loss of the carrier.

mod down;
mod up;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use pageport_proto::numbered::Id;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::PollSender;

use super::super::pace::Pace;
use super::super::{Input, Received};
use crate::LinkError;
use crate::connector::http1::{Head, Requests};

/// Messages that came and that the session has not yet taken.
const ARRIVED: usize = 2;
/// Pauses before a request is made again; after the last of them the carrier is lost.
const RETRIES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(250), Duration::from_secs(1)];

/// How long it is remembered that answers are held back on the way.
const MEMORY: Duration = Duration::from_secs(600);

/// How the answers with messages are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpMode {
    /// Streamed, and polled where something on the way holds answers back.
    #[default]
    Detect,
    /// Always polled.
    Poll,
}

/// Whether answers are polled; what one carrier finds out holds for the next ones.
#[derive(Debug, Default)]
pub(crate) struct Polling {
    always: bool,
    until: Mutex<Option<Instant>>,
}

/// What a request for messages has brought.
#[derive(Debug)]
enum Event {
    /// Part of a message.
    Alive,
    Message(Bytes),
    Lost(io::Error),
}

/// The page's end; made by a connector.
#[derive(Debug)]
pub(super) struct Client {
    events: mpsc::Receiver<Event>,
    outgoing: PollSender<Vec<Bytes>>,
    sending: Option<Vec<Bytes>>,
    /// How fast messages leave, as seen by those that were taken.
    pace: Pace,
    up: Option<JoinHandle<()>>,
    down: JoinHandle<()>,
}

/// What both directions need.
#[derive(Debug, Clone)]
struct Line {
    requests: Arc<Requests>,
    id: Id,
    polling: Arc<Polling>,
    events: mpsc::Sender<Event>,
}

impl Client {
    /// Begins a carrier: asks the gateway whether it takes one.
    ///
    /// # Errors
    /// When it does not, or cannot be reached.
    pub(super) async fn open(requests: Requests, polling: Arc<Polling>) -> Result<Client, LinkError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| LinkError::Io(io::Error::other(error)))?;
        let (events, arrived) = mpsc::channel(ARRIVED);
        let line = Line { requests: Arc::new(requests), id: Id::new(id), polling, events };
        let down = down::Down::open(line.clone()).await?;
        let (outgoing, messages) = mpsc::channel(1);
        Ok(Client {
            events: arrived,
            outgoing: PollSender::new(outgoing),
            sending: None,
            pace: Pace::default(),
            down: tokio::spawn(down.run()),
            up: Some(tokio::spawn(up::run(line, messages))),
        })
    }

    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        mut deliver: impl FnMut(Received<'_>),
    ) -> Poll<io::Result<Input>> {
        match ready!(self.events.poll_recv(cx)) {
            Some(Event::Alive) => deliver(Received::Frames(&mut Bytes::new(), 0)),
            Some(Event::Message(message)) => deliver(Received::Message(message)),
            Some(Event::Lost(error)) => return Poll::Ready(Err(error)),
            None => return Poll::Ready(Ok(Input::End)),
        }
        Poll::Ready(Ok(Input::Some))
    }

    pub(super) fn start_send(&mut self, parts: Vec<Bytes>) {
        debug_assert!(self.sending.is_none());
        self.sending = Some(parts);
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        if self.sending.is_some() {
            ready!(self.outgoing.poll_reserve(cx)).map_err(gone)?;
            if let Some(parts) = self.sending.take() {
                let length = parts.iter().map(Bytes::len).sum();
                self.pace.wrote(length, Instant::now());
                self.outgoing.send_item(parts).map_err(gone)?;
            }
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn room(&self) -> usize {
        self.pace.room()
    }

    /// Lets what was said leave.
    pub(super) async fn close(&mut self) {
        if std::future::poll_fn(|cx| self.poll_flush(cx)).await.is_ok() {
            self.outgoing.close();
            if let Some(up) = &mut self.up {
                // How it ends matters to nobody any more. Until then it stays here, where it ends with this.
                let _ = up.await;
                self.up = None;
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.down.abort();
        if let Some(up) = &self.up {
            up.abort();
        }
    }
}

impl Polling {
    pub(crate) fn new(mode: HttpMode) -> Polling {
        Polling { always: mode == HttpMode::Poll, until: Mutex::default() }
    }

    fn is_on(&self) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        self.always || until.is_some_and(|until| Instant::now() < until)
    }

    /// Something on the way holds answers back.
    fn turn_on(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + MEMORY);
    }
}

impl Line {
    async fn lost(&self, error: LinkError) {
        let error = match error {
            LinkError::Io(error) => error,
            other => io::Error::other(other),
        };
        // Nobody needs to hear it when the carrier is gone already.
        let _ = self.events.send(Event::Lost(error)).await;
    }
}

/// Whether a request is worth another attempt.
fn is_passing(error: &LinkError) -> bool {
    match error {
        LinkError::Io(_) | LinkError::Timeout | LinkError::Answer(_) => true,
        LinkError::Refused { status, .. } | LinkError::Proxy { status } => {
            matches!(status, 408 | 429 | 500..=599)
        }
        _ => false,
    }
}

fn refused(head: &Head) -> LinkError {
    LinkError::Refused { status: head.status, code: head.code }
}
