//! Native streams and datagrams of a carrier that has them: each is a small task of its own, all of them driven by the carrier's task.
//!
//! A native stream begins with the id of the stream whose bytes follow, and their offset (§9 of the protocol). Must never hold more
//! than one piece of what QUIC has, so that its windows bound what waits; nor open these windows before the carrier carries its session.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use pageport_proto::session::{CarrierId, Message, NativeOut};
use pageport_proto::varint::{self, Peek};
use pageport_proto::{Code, StreamId};
use tokio::time::timeout;
use web_transport_quinn::{RecvStream, SendStream, Session, SessionError};

use super::webtransport::Grant;
use crate::Budget;
use crate::budget::Meter;
use crate::quic::{STREAM_WINDOW, WINDOW_BEFORE};
use crate::session::Shared;

/// How many bytes are handed to QUIC at a time, so that streams take turns.
const PIECE: usize = 64 * 1024;
/// How many packets are taken from QUIC at a time: a lock for each would cost more than the bytes.
const PACKETS: usize = 32;
/// The longest head of a native stream: two integers.
const HEAD: usize = 16;
/// How long bytes may wait for those before them, which came earlier on another stream of the same connection: far longer than the slowest
/// path needs to repeat what was lost. Counted in turns, of which those do not count in which nothing came at all: a path that is down
/// repeats nothing.
const TURN: Duration = Duration::from_secs(5);
const TURNS: u32 = 6;

/// What beside frames moves over one connection.
pub(super) struct Natives {
    shared: Arc<Shared>,
    carrier: CarrierId,
    grant: Grant,
    early: Early,
    running: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>,
}

/// What one of the tasks has come to.
enum Done {
    /// The carrier carries its session.
    Attached,
    /// The peer has opened a native stream.
    Accepted(RecvStream),
    /// One was opened for this stream.
    Opened(StreamId, SendStream),
    /// A native stream is over.
    Over,
    /// The connection is.
    Lost(SessionError),
}

impl Natives {
    pub(super) fn new(shared: Arc<Shared>, carrier: CarrierId, grant: Grant) -> Natives {
        let early = Early::new(shared.budget().clone());
        shared.meter(carrier, early.meter.clone());
        let session = grant.session.clone();
        let natives =
            Natives { shared: Arc::clone(&shared), carrier, grant, early, running: FuturesUnordered::new() };
        natives.running.push(Box::pin(attached(Arc::clone(&shared), carrier)));
        natives.running.push(Box::pin(accept(session.clone())));
        natives.running.push(Box::pin(natives.open()));
        natives.running.push(Box::pin(receive_datagrams(Arc::clone(&shared), carrier, session.clone())));
        natives.running.push(Box::pin(send_datagrams(shared, carrier, session)));
        natives
    }

    /// Moves what can move; ready when the connection is lost.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        while let Poll::Ready(Some(done)) = self.running.poll_next_unpin(cx) {
            match done {
                // Now both sides' limits are known, which say how much that is.
                Done::Attached => self.early.may_hold(self.grant.all(self.shared.native_window())),
                Done::Accepted(stream) => {
                    let (shared, early) = (Arc::clone(&self.shared), self.early.clone());
                    self.running.push(Box::pin(inbound(shared, self.carrier, early, stream)));
                    self.running.push(Box::pin(accept(self.grant.session.clone())));
                }
                Done::Opened(id, stream) => {
                    self.running.push(Box::pin(outbound(Arc::clone(&self.shared), self.carrier, id, stream)));
                    self.running.push(Box::pin(self.open()));
                }
                Done::Over => {}
                Done::Lost(error) => return Poll::Ready(io::Error::other(error)),
            }
        }
        Poll::Pending
    }

    /// Opens a native stream once somebody wants one and the peer allows it.
    fn open(&self) -> impl Future<Output = Done> + Send + 'static {
        let (shared, carrier) = (Arc::clone(&self.shared), self.carrier);
        let session = self.grant.session.clone();
        async move {
            poll_fn(|cx| shared.poll_native_wanted(carrier, cx)).await;
            match session.open_uni().await {
                Ok(stream) => Done::Opened(poll_fn(|cx| shared.poll_take_native(carrier, cx)).await, stream),
                Err(error) => Done::Lost(error),
            }
        }
    }
}

async fn attached(shared: Arc<Shared>, carrier: CarrierId) -> Done {
    poll_fn(|cx| shared.poll_native_attached(carrier, cx)).await;
    Done::Attached
}

async fn accept(session: Session) -> Done {
    session.accept_uni().await.map_or_else(Done::Lost, Done::Accepted)
}

async fn inbound(shared: Arc<Shared>, carrier: CarrierId, early: Early, mut stream: RecvStream) -> Done {
    let (id, mut offset, first) = match head(&mut stream).await {
        Ok(Some(head)) => head,
        Ok(None) => return Done::Over,
        Err(code) => {
            shared.native_invalid(carrier, code);
            return Done::Over;
        }
    };
    let mut pieces = [const { Bytes::new() }; PACKETS];
    pieces[0] = first;
    let mut count = 1;
    loop {
        if !wanted(&shared, carrier, &early, id, offset).await
            || !shared.receive_native(carrier, id, &mut offset, &mut pieces[..count])
        {
            tracing::trace!(carrier, %id, offset, "native stream: nobody wants more");
            // The rest is thrown away by whoever sends it.
            let _ = stream.stop(0);
            return Done::Over;
        }
        match stream.read_chunks(&mut pieces).await {
            Ok(Some(read)) => count = read,
            // In order or not: that says nothing about the stream whose bytes these were.
            ended => {
                tracing::trace!(carrier, %id, offset, ?ended, "native stream: over");
                return Done::Over;
            }
        }
        tokio::task::consume_budget().await;
    }
}

/// Waits until bytes from this offset on may come; false when nobody wants them. Others must not be refused, however short memory is: a peer
/// that has ended its native stream would never send them again.
async fn wanted(shared: &Shared, carrier: CarrierId, early: &Early, id: StreamId, offset: u64) -> bool {
    if let Some(wanted) = shared.native_in(carrier, id, offset) {
        return wanted;
    }
    let _waits = early.wait();
    let mut patience = Patience::new(shared.heard(carrier));
    loop {
        match timeout(TURN, poll_fn(|cx| shared.poll_native_in(carrier, id, offset, cx))).await {
            Ok(wanted) => return wanted,
            Err(_) if !patience.is_over(shared.heard(carrier)) => {}
            Err(_) => shared.native_invalid(carrier, Code::ERR_GAP),
        }
    }
}

/// How long it is worth waiting for bytes before others.
struct Patience {
    heard: Option<Instant>,
    turns: u32,
}

impl Patience {
    /// `heard` is when the last byte came, of whatever.
    fn new(heard: Option<Instant>) -> Patience {
        Patience { heard, turns: TURNS }
    }

    /// Another turn has passed. Whether it was the last.
    fn is_over(&mut self, heard: Option<Instant>) -> bool {
        if heard > self.heard {
            self.turns = self.turns.saturating_sub(1);
        }
        self.heard = heard;
        self.turns == 0
    }
}

/// Native streams whose bytes came too early, all of one carrier: they wait in QUIC, up to its windows.
#[derive(Clone)]
struct Early {
    meter: Meter,
    held: Arc<Mutex<Held>>,
}

/// What they hold at most.
struct Held {
    /// How many there are.
    count: u64,
    /// What the connection lets all of them have.
    window: u64,
}

/// One of them.
struct Waits<'a>(&'a Early);

impl Early {
    fn new(budget: Budget) -> Early {
        let held = Held { count: 0, window: WINDOW_BEFORE.into() };
        Early { meter: Meter::new(budget), held: Arc::new(Mutex::new(held)) }
    }

    fn may_hold(&self, window: u64) {
        self.change(|held| held.window = window);
    }

    /// One more.
    fn wait(&self) -> Waits<'_> {
        self.change(|held| held.count += 1);
        Waits(self)
    }

    fn change(&self, change: impl FnOnce(&mut Held)) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut held);
        // QUIC does not say how much of a stream's window is used.
        self.meter.set(held.count.saturating_mul(STREAM_WINDOW.into()).min(held.window));
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.change(|held| held.count -= 1);
    }
}

/// Whose bytes come, from where on, and the first of them; `None` when none come.
async fn head(stream: &mut RecvStream) -> Result<Option<(StreamId, u64, Bytes)>, Code> {
    let (mut bytes, mut len) = ([0; HEAD], 0);
    loop {
        match stream.read(&mut bytes[len..]).await {
            Ok(Some(read)) => len += read,
            Ok(None) | Err(_) => return Ok(None),
        }
        let Some((id, at)) = int(&bytes[..len])? else { continue };
        let Some((offset, offset_len)) = int(&bytes[at..len])? else { continue };
        let id = StreamId::new(id).ok_or(Code::ERR_FRAME_MALFORMED)?;
        return Ok(Some((id, offset, Bytes::copy_from_slice(&bytes[at + offset_len..len]))));
    }
}

fn int(bytes: &[u8]) -> Result<Option<(u64, usize)>, Code> {
    match varint::peek(bytes) {
        Peek::Value(value, len) => Ok(Some((value, len))),
        Peek::Short => Ok(None),
        Peek::TooLarge => Err(Code::ERR_FRAME_MALFORMED),
    }
}

async fn outbound(shared: Arc<Shared>, carrier: CarrierId, id: StreamId, mut stream: SendStream) -> Done {
    let (mut message, mut begun) = (Message::default(), false);
    loop {
        let next = poll_fn(|cx| shared.poll_native_out(carrier, id, PIECE, &mut message, cx)).await;
        match next {
            NativeOut::Bytes(offset) => {
                let mut parts = message.take_parts();
                if !std::mem::replace(&mut begun, true) {
                    let mut head = BytesMut::with_capacity(HEAD);
                    varint::put(&mut head, id.get());
                    varint::put(&mut head, offset);
                    parts.insert(0, head.freeze());
                }
                if stream.write_all_chunks(&mut parts).await.is_err() {
                    shared.native_lost(carrier, id);
                    return Done::Over;
                }
            }
            NativeOut::Finish => {
                let _ = stream.finish();
                return Done::Over;
            }
            NativeOut::Reset | NativeOut::Wait => {
                let _ = stream.reset(0);
                return Done::Over;
            }
        }
    }
}

async fn receive_datagrams(shared: Arc<Shared>, carrier: CarrierId, session: Session) -> Done {
    loop {
        match session.read_datagram().await {
            // One that holds no flow, or is another session's, may as well have got lost.
            Ok(bytes) => {
                if let Ok(Some((flow, at))) = int(&bytes) {
                    shared.receive_datagram(carrier, flow, &bytes[at..]);
                }
            }
            Err(SessionError::WebTransportError(web_transport_quinn::WebTransportError::UnknownSession)) => {}
            Err(error) => return Done::Lost(error),
        }
        tokio::task::consume_budget().await;
    }
}

async fn send_datagrams(shared: Arc<Shared>, carrier: CarrierId, session: Session) -> Done {
    loop {
        let (flow, bytes) = poll_fn(|cx| shared.poll_native_datagram(carrier, cx)).await;
        let mut datagram = BytesMut::with_capacity(8 + bytes.len());
        varint::put(&mut datagram, flow);
        datagram.put_slice(&bytes);
        // What does not leave is lost, as datagrams may be; the size was asked for when the carrier began and shrinks only with the path.
        let _ = session.send_datagram(datagram.freeze());
    }
}

/// How many bytes a datagram may have beside its flow.
pub(super) fn datagram_size(session: &Session) -> usize {
    session.max_datagram_size().saturating_sub(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_in_which_nothing_came_do_not_count() {
        let begun = Instant::now();
        let at = |seconds| Some(begun + Duration::from_secs(seconds));
        let mut patience = Patience::new(at(0));
        assert!(!(1..u64::from(TURNS)).any(|turn| patience.is_over(at(turn))));
        // A blackout of any length.
        assert!(!(0..100).any(|_| patience.is_over(at(5))));
        assert!(patience.is_over(at(600)));
    }
}
