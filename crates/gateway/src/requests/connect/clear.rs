//! A connection that speaks in the clear for now. Until TLS begins every byte is counted, and at any moment the connection can be handed over with what is
//! left to do: so nothing here may be lost when a future is dropped.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf as _, Bytes, BytesMut};
use pageport_link::relay::{Broken, Moved, broken};
use pageport_link::{ReadHalf, SharedTcp, StreamError, WriteHalf};
use pageport_proto::Code;
use socket2::SockRef;
use tokio::sync::oneshot;

use crate::egress::{Authority, Begun, Flow, Pace, Wanted};
use crate::metrics::Metrics;
use crate::relay::{Open, Unfinished};

/// Connections of a session on which TLS may begin, by stream.
#[derive(Default)]
pub(crate) struct Startable(Mutex<HashMap<u64, oneshot::Sender<Asker>>>);

/// Who wants a connection handed over.
type Asker = oneshot::Sender<Clear>;

/// A connection is among those that may be asked for while this lives.
pub(super) struct Listed<'a> {
    among: &'a Startable,
    stream: u64,
    asker: oneshot::Receiver<Asker>,
}

impl Startable {
    pub(super) fn list(&self, stream: u64) -> Listed<'_> {
        let (told, asker) = oneshot::channel();
        self.lock().insert(stream, told);
        Listed { among: self, stream, asker }
    }

    /// The connection of this stream, from whoever relays it; `None` when there is none that can be had.
    pub(super) async fn take(&self, stream: u64) -> Option<Clear> {
        let told = self.lock().remove(&stream)?;
        let (asker, handed) = oneshot::channel();
        told.send(asker).ok()?;
        handed.await.ok()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Asker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.among.lock().remove(&self.stream);
    }
}

/// Such a connection, with its stream.
pub(super) struct Clear {
    pub(super) tcp: SharedTcp,
    unfinished: Unfinished<SharedTcp>,
    pub(super) begun: Begun,
    pub(super) authority: Authority,
    pub(super) wanted: Wanted,
    from: ReadHalf,
    to: WriteHalf,
    pace: Pace,
    /// Bytes that were taken from the stream.
    taken: u64,
    /// The last of them, which the connection has not taken yet.
    pending: Bytes,
    /// Bytes that were handed to the stream.
    given: u64,
    /// Whether the stream has not taken all that was read from the connection.
    held: bool,
    /// Which directions have ended in order: from the page, from the target.
    ended: (bool, bool),
}

impl Clear {
    pub(super) fn new(
        tcp: SharedTcp,
        mut begun: Begun,
        authority: Authority,
        wanted: Wanted,
        (from, to): (ReadHalf, WriteHalf),
    ) -> Clear {
        begun.flows();
        let pace = Pace::new(begun.flow().bytes_per_second());
        Clear {
            unfinished: Unfinished::new(tcp.clone()),
            tcp,
            begun,
            authority,
            wanted,
            from,
            to,
            pace,
            taken: 0,
            pending: Bytes::new(),
            given: 0,
            held: false,
            ended: (false, false),
        }
    }

    /// Relays to the end, or until somebody asks for it.
    pub(super) async fn carry(mut self, metrics: &Metrics, mut listed: Listed<'_>) {
        let _open = Open::new(&metrics.connects_open);
        let flow = Arc::clone(self.begun.flow());
        let tcp = self.tcp.clone();
        let asker = tokio::select! {
            ended = self.until_over(&tcp, &flow, metrics) => return self.end(ended),
            Ok(asker) = &mut listed.asker => asker,
        };
        // Half of a connection is none for TLS: who asked is told so, and it goes on.
        if self.ended != (false, false) {
            drop(asker);
            // A piece that was being handed on is lost with the future that had it.
            let ended = match self.held {
                true => Err(Broken::Over(Code::ERR_STARTTLS_DIRTY)),
                false => self.until_over(&tcp, &flow, metrics).await,
            };
            return self.end(ended);
        }
        if let Err(mut unwanted) = asker.send(self) {
            unwanted.fail(Code::ERR_ABORTED);
        }
    }

    /// Writes the rest of what the page has sent in the clear, which is `at` bytes all told; it has heard so many of the target.
    ///
    /// # Errors
    /// [`Code::ERR_STARTTLS_DIRTY`] when something of the target's is on its way to the page; [`Code::ERR_HEAD_INVALID`] when the page has sent more, has
    /// ended before, or has heard what was never said.
    pub(super) async fn settle(&mut self, at: u64, heard: u64, metrics: &Metrics) -> Result<(), Code> {
        match heard.cmp(&self.given) {
            Ordering::Equal if !self.held => {}
            Ordering::Greater => return Err(Code::ERR_HEAD_INVALID),
            _ => return Err(Code::ERR_STARTTLS_DIRTY),
        }
        let flow = Arc::clone(self.begun.flow());
        loop {
            if self.taken > at {
                return Err(Code::ERR_HEAD_INVALID);
            }
            let written = write(&self.tcp, &mut self.pending, &self.pace).await;
            written.map_err(|_| Code::ERR_TARGET_UNREACHABLE)?;
            if self.taken == at {
                return Ok(());
            }
            match self.from.read_chunk().await {
                Ok(Some(bytes)) => {
                    flow.count(metrics, Moved::Out(bytes.len() as u64));
                    self.taken += bytes.len() as u64;
                    self.pending = bytes;
                }
                Ok(None) => return Err(Code::ERR_HEAD_INVALID),
                Err(_) => return Err(Code::ERR_ABORTED),
            }
        }
    }

    /// The stream is over, and the connection another's.
    pub(super) fn leave(mut self) -> Begun {
        self.unfinished.finish();
        self.to.finish();
        self.from.stop(Code::NO_ERROR);
        self.begun
    }

    /// Nothing came of it.
    pub(super) fn fail(&mut self, code: Code) {
        self.begun.failed(code);
        self.to.reset(code);
        self.from.stop(code);
    }

    fn end(&mut self, how: Result<(), Broken>) {
        match how {
            Ok(()) => self.unfinished.finish(),
            Err(Broken::Socket) => {
                self.unfinished.finish();
                self.to.reset(Code::ERR_TARGET_UNREACHABLE);
                self.from.stop(Code::ERR_TARGET_UNREACHABLE);
            }
            // Dropping the halves tells the page what it does not know yet.
            Err(Broken::Stream) => {}
            Err(Broken::Over(code)) => self.fail(code),
        }
        self.begun.ended(how);
    }

    async fn until_over(&mut self, tcp: &SharedTcp, flow: &Flow, metrics: &Metrics) -> Result<(), Broken> {
        tokio::select! {
            ended = self.relay(flow, metrics) => ended,
            () = broken(tcp) => Err(Broken::Socket),
            code = flow.over() => Err(Broken::Over(code)),
        }
    }

    async fn relay(&mut self, flow: &Flow, metrics: &Metrics) -> Result<(), Broken> {
        let Clear { tcp, from, to, pace, taken, pending, given, held, ended, .. } = self;
        let (page_ended, target_ended) = (&mut ended.0, &mut ended.1);
        let outward = async {
            while !*page_ended {
                tokio::select! {
                    biased;
                    written = write(tcp, pending, pace) => written.map_err(|_| Broken::Socket)?,
                    // Who gives up must not wait for a reader that does not read.
                    _ = from.broken() => return Err(Broken::Stream),
                }
                match from.read_chunk().await.map_err(|_| Broken::Stream)? {
                    Some(bytes) => {
                        flow.count(metrics, Moved::Out(bytes.len() as u64));
                        *taken += bytes.len() as u64;
                        *pending = bytes;
                    }
                    None => {
                        *page_ended = true;
                        // An end that is gone already shows when it is read from.
                        let _ = SockRef::from(&**tcp).shutdown(Shutdown::Write);
                    }
                }
            }
            Ok(())
        };
        let inward = async {
            while !*target_ended {
                pace.ready().await;
                tcp.readable().await.map_err(|_| Broken::Socket)?;
                let room = match to.room(pace.piece()).await {
                    Ok(room) => room,
                    Err(StreamError::Stopped(_)) => {
                        *target_ended = true;
                        return discard(tcp).await.map_err(|_| Broken::Socket);
                    }
                    Err(_) => return Err(Broken::Stream),
                };
                let mut buffer = BytesMut::with_capacity(room);
                match tcp.try_read_buf(&mut buffer) {
                    Ok(0) => {
                        *target_ended = true;
                        to.finish();
                    }
                    Ok(length) => {
                        flow.count(metrics, Moved::In(length as u64));
                        pace.moved(length);
                        *held = true;
                        to.write_chunk(buffer.freeze()).await.map_err(|_| Broken::Stream)?;
                        *held = false;
                        *given += length as u64;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return Err(Broken::Socket),
                }
            }
            Ok(())
        };
        tokio::try_join!(outward, inward).map(|_| ())
    }
}

/// What is left in `pending` when this is dropped was not written.
async fn write(tcp: &SharedTcp, pending: &mut Bytes, pace: &Pace) -> io::Result<()> {
    while !pending.is_empty() {
        pace.ready().await;
        tcp.writable().await?;
        match tcp.try_write(&pending[..pending.len().min(pace.piece())]) {
            Ok(written) => {
                pending.advance(written);
                pace.moved(written);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads to the end, and keeps nothing.
async fn discard(tcp: &SharedTcp) -> io::Result<()> {
    loop {
        tcp.readable().await?;
        match tcp.try_read(&mut [0; 2048]) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
}
