//! A client's WebSocket, for as long as it is there: reads packets, hands them to streams, and sends what these have for it. Reading never waits
//! for writing, but for targets: what is read must have somewhere to go.

use std::collections::HashMap;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use pageport_link::Rewind;
use pageport_proto::Code;
use pageport_proto::target::{Protocol, Target};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_websockets::{CloseCode, Error, Message};

use super::info::Theirs;
use super::job::Job;
use super::line::{Line, Out};
use super::packet::{self, Kind, Packet, StreamId, Wish};
use super::reason::Reason;
use super::socket::WebSocket;
use super::stream::{End, Stream};
use crate::dialects::{place, seeker};
use crate::egress::Wanted;
use crate::front::admission::Caller;
use crate::front::connection::Connection;
use crate::lifetime::{Slot, Slots};
use crate::shared::Shared;

/// Packets that one write takes along.
const BATCH: usize = 32;
/// Packets that may wait for a client: while it does not read them, it is not read either.
const QUEUED: usize = 1_024;
/// The longest message of somebody who is not known yet: INFO with the longest token needs half of it.
const INTRODUCTION: usize = 4 * 1024;
/// How long the end of a WebSocket may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// A WebSocket of a client's, and its streams.
pub(super) struct Session {
    shared: Arc<Shared>,
    socket: WebSocket,
    line: Arc<Line>,
    streams: HashMap<StreamId, Arc<Stream>>,
    /// One for each connection to a target, which may outlive its stream for a while.
    targets: Slots,
    /// Room of what is on its way out, given back when it has left.
    leaving: Vec<OwnedSemaphorePermit>,
    /// The same for packets of streams without room.
    notices: usize,
    /// Packets and PONGs since everything had left.
    queued: usize,
    flushed: bool,
    clock: Interval,
    draining: Pin<Box<dyn Future<Output = ()> + Send>>,
    life: Life,
}

/// Whether somebody is there.
#[derive(PartialEq, Eq)]
enum Life {
    Heard,
    /// Nothing since the last look.
    Quiet,
    /// It was asked.
    Asked,
}

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Farewell {
    /// The client said that it goes.
    Goodbye,
    /// The connection broke, or nobody is at its other end.
    Gone,
    /// The client breaks the protocol.
    Violation(CloseCode),
    /// It was told so.
    Told(Reason),
    /// The gateway goes.
    Away,
}

impl Session {
    pub(super) fn new(shared: &Arc<Shared>, io: Rewind) -> Session {
        let policy = shared.policy.load();
        let limits = &policy.limits;
        let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let socket = WebSocket::new(io, INTRODUCTION.min(size(limits.wisp_packet)));
        let line = Line::new(limits);
        let period = limits.wisp_idle / 3;
        let mut clock = interval_at(Instant::now() + period, period);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Session {
            shared: Arc::clone(shared),
            socket,
            line,
            streams: HashMap::new(),
            targets: Slots::default(),
            leaving: Vec::new(),
            notices: 0,
            queued: 0,
            flushed: true,
            clock,
            draining: {
                let shared = Arc::clone(shared);
                Box::pin(async move { shared.lifetime.draining().await })
            },
            life: Life::Heard,
        }
    }

    /// Sends INFO.
    pub(super) fn introduce(&mut self, info: &[u8]) {
        self.put(packet::info(info));
    }

    /// Says how much every stream takes: from now on there may be some, with packets as long as they may be.
    pub(super) fn greet(&mut self) {
        let longest = self.shared.policy.load().limits.wisp_packet;
        self.socket.take_up_to(usize::try_from(longest).unwrap_or(usize::MAX));
        self.put(packet::carry_on(None, self.line.buffer));
    }

    /// Waits for a client's first word.
    ///
    /// # Errors
    /// There is none, or it is not INFO.
    pub(super) async fn introduction(&mut self) -> Result<Theirs, Farewell> {
        let first = timeout(self.shared.policy.load().limits.hello_timeout, self.next()).await;
        match first.unwrap_or(Err(Farewell::Told(Reason::Missing)))? {
            Packet::Info(payload) => Theirs::parse(payload).ok_or(Farewell::Told(Reason::Incompatible)),
            _ => Err(Farewell::Told(Reason::Missing)),
        }
    }

    /// Carries streams until the client has gone. `theirs`: what it said of itself; `None`: it may still, if `introduced` is not what it is.
    pub(super) async fn serve(
        &mut self,
        caller: &Caller,
        connection: &Connection,
        mut theirs: Option<Theirs>,
        is_v2: bool,
    ) -> Farewell {
        loop {
            let packet = match self.next().await {
                Ok(packet) => packet,
                Err(farewell) => return farewell,
            };
            let went = match packet {
                Packet::Connect { stream, wish } => {
                    let confirm = theirs.as_ref().is_some_and(|theirs| theirs.confirmation);
                    self.connect(caller, connection, stream, wish, confirm);
                    ControlFlow::Continue(())
                }
                Packet::Data { stream, payload } => {
                    self.data(stream, payload);
                    ControlFlow::Continue(())
                }
                Packet::Continue => ControlFlow::Continue(()),
                Packet::Close { stream: Some(stream), reason } => {
                    self.close(stream, reason);
                    ControlFlow::Continue(())
                }
                Packet::Close { stream: None, .. } => ControlFlow::Break(Farewell::Goodbye),
                Packet::Info(payload) if is_v2 && theirs.is_none() => match Theirs::parse(payload) {
                    Some(said) => {
                        theirs = Some(said);
                        ControlFlow::Continue(())
                    }
                    None => ControlFlow::Break(Farewell::Told(Reason::Incompatible)),
                },
                Packet::Info(_) => ControlFlow::Break(Farewell::Told(Reason::Incompatible)),
            };
            if let ControlFlow::Break(farewell) = went {
                return farewell;
            }
        }
    }

    /// Ends the streams, says why, and ends the WebSocket.
    pub(super) async fn end(mut self, farewell: Farewell) {
        tracing::debug!(?farewell, streams = self.streams.len(), "a client of Wisp has gone");
        let end = if farewell == Farewell::Goodbye { End::Order } else { End::Broken };
        for (_, stream) in self.streams.drain() {
            stream.end(end);
        }
        let (code, reason) = match farewell {
            Farewell::Gone => return,
            Farewell::Goodbye => (CloseCode::NORMAL_CLOSURE, None),
            Farewell::Violation(code) => (code, None),
            Farewell::Told(reason) => (CloseCode::POLICY_VIOLATION, Some(reason)),
            Farewell::Away => (CloseCode::GOING_AWAY, None),
        };
        if let Some(reason) = reason {
            self.put(packet::close(None, reason));
        }
        // Behind a CLOSE of the client's own this goes nowhere, and the answer is on its way.
        self.socket.put(Message::close(Some(code), ""));
        let _ = timeout(FAREWELL, self.socket.close()).await;
    }

    fn connect(
        &mut self,
        caller: &Caller,
        connection: &Connection,
        id: StreamId,
        wish: Option<Wish>,
        confirm: bool,
    ) {
        if let Some(there) = self.streams.remove(&id) {
            // Which of the two would be meant from now on?
            there.end(End::Broken);
            return self.put(packet::close(Some(id), Reason::Invalid));
        }
        let refused = |code| {
            self.shared.metrics.dialect_connected(super::NAME, Some(code));
            packet::close(Some(id), code.into())
        };
        let Some(wish) = wish else {
            let refusal = refused(Code::ERR_TARGET_INVALID);
            return self.put(refusal);
        };
        let slots = match self.slots(caller, connection) {
            Ok(slots) => slots,
            Err(code) => {
                let refusal = refused(code);
                return self.put(refusal);
            }
        };
        let stream = Arc::new(Stream::new(id, wish.kind, &self.line));
        let (shared, line) = (Arc::clone(&self.shared), Arc::clone(&self.line));
        let job = Job { shared, line, stream: Arc::clone(&stream), confirm };
        let protocol = match wish.kind {
            Kind::Tcp => Protocol::Tcp,
            Kind::Udp => Protocol::Udp,
        };
        let wanted = Wanted::from(Target { protocol, endpoint: wish.to });
        self.shared.lifetime.spawn(job.run(seeker(caller, super::NAME), wanted, slots));
        self.streams.insert(id, stream);
    }

    /// For one more stream: among those of the client, and among those of all.
    ///
    /// # Errors
    /// Why there is none.
    fn slots(&self, caller: &Caller, connection: &Connection) -> Result<[Slot; 2], Code> {
        if self.shared.lifetime.is_draining() {
            return Err(Code::ERR_GOING_AWAY);
        }
        let policy = self.shared.policy.load();
        // Who was let in once may have lost what let it in.
        if !policy.dialects.wisp {
            return Err(Code::ERR_TARGET_FORBIDDEN);
        }
        caller.check(connection)?;
        let limit = policy.limits.wisp_streams;
        let own = self.targets.take(limit).filter(|_| (self.streams.len() as u64) < limit);
        Ok([own.ok_or(Code::ERR_CONNECT_LIMIT)?, place(&self.shared)?])
    }

    fn data(&mut self, id: StreamId, payload: Bytes) {
        // What was on its way when the stream ended is for nobody.
        let Some(stream) = self.streams.get(&id) else { return };
        match stream.push(payload, &self.line, &self.shared.metrics) {
            Ok(None) => {}
            Ok(Some(more)) => self.put(packet::carry_on(Some(id), more)),
            Err(_) => {
                stream.end(End::Broken);
                self.streams.remove(&id);
                self.put(packet::close(Some(id), Reason::Throttled));
            }
        }
    }

    fn close(&mut self, id: StreamId, reason: u8) {
        if let Some(stream) = self.streams.remove(&id) {
            let is_order = matches!(reason, 0x01 | 0x02);
            stream.end(if is_order { End::Order } else { End::Broken });
        }
    }

    /// The client's next packet. Meanwhile everything for it leaves.
    async fn next(&mut self) -> Result<Packet, Farewell> {
        poll_fn(|cx| {
            if let Poll::Ready(Err(_)) = self.poll_send(cx) {
                return Poll::Ready(Err(Farewell::Gone));
            }
            if self.streams.is_empty() && self.draining.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(Farewell::Away));
            }
            let reads = self.queued < QUEUED && self.line.may_read(cx.waker());
            if reads && let Poll::Ready(read) = self.poll_read(cx) {
                return Poll::Ready(read);
            }
            self.poll_clock(cx, reads).map(Err)
        })
        .await
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Packet, Farewell>> {
        loop {
            let message = match std::task::ready!(self.socket.poll_next(cx)) {
                Some(Ok(message)) => message,
                Some(Err(Error::PayloadTooLong { .. })) => {
                    return Poll::Ready(Err(Farewell::Violation(CloseCode::MESSAGE_TOO_BIG)));
                }
                Some(Err(Error::Protocol(_))) => {
                    return Poll::Ready(Err(Farewell::Violation(CloseCode::PROTOCOL_ERROR)));
                }
                Some(Err(_)) | None => return Poll::Ready(Err(Farewell::Gone)),
            };
            self.life = Life::Heard;
            if message.is_binary() {
                let packet = Packet::parse(message.into_payload().into());
                let violation = |why| {
                    tracing::debug!(%why, "Wisp");
                    Farewell::Violation(CloseCode::PROTOCOL_ERROR)
                };
                return Poll::Ready(packet.map_err(violation));
            } else if message.is_close() {
                return Poll::Ready(Err(Farewell::Goodbye));
            } else if message.is_text() {
                return Poll::Ready(Err(Farewell::Violation(CloseCode::UNSUPPORTED_DATA)));
            }
            // A PING has its answer queued. Who asks so often and reads none is not there to talk.
            self.queued += 1;
            self.flushed = false;
            if self.queued > QUEUED {
                return Poll::Ready(Err(Farewell::Gone));
            }
        }
    }

    /// Writes for as long as the connection takes it. Pending: it takes no more, or there is no more.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            if !self.flushed {
                std::task::ready!(self.socket.poll_flush(cx))?;
                self.flushed = true;
                self.queued = 0;
                if !self.leaving.is_empty() {
                    self.line.moves();
                }
                self.leaving.clear();
                self.line.sent(std::mem::take(&mut self.notices));
            }
            for out in std::task::ready!(self.line.poll_take(cx, BATCH)) {
                self.take(out);
            }
        }
    }

    fn take(&mut self, out: Out) {
        let is_there = |stream: &Arc<Stream>| {
            self.streams.get(&stream.id).is_some_and(|there| Arc::ptr_eq(there, stream))
        };
        if !matches!(out, Out::Data(..)) {
            self.notices += 1;
            self.flushed = false;
        }
        match out {
            Out::Data(stream, packet, room) if is_there(&stream) => {
                self.leaving.push(room);
                self.put(packet);
            }
            Out::Grant(stream, more) if is_there(&stream) => {
                self.put(packet::carry_on(Some(stream.id), more));
            }
            Out::Over(stream, reason) if is_there(&stream) => {
                self.streams.remove(&stream.id);
                self.put(packet::close(Some(stream.id), reason));
            }
            // The client has closed it meanwhile.
            Out::Data(..) | Out::Grant(..) | Out::Over(..) => {}
        }
    }

    /// Looks whether the client is still there, when it should have said something. While it is not read nothing of it is heard: then something must
    /// move, towards its targets or itself, and a PING that cannot leave shows that it is gone.
    fn poll_clock(&mut self, cx: &mut Context<'_>, reads: bool) -> Poll<Farewell> {
        while self.clock.poll_tick(cx).is_ready() {
            let has_moved = self.line.has_moved();
            self.life = match self.life {
                _ if !reads && has_moved => Life::Heard,
                Life::Heard if reads => Life::Quiet,
                Life::Heard => self.ask(cx, Life::Quiet),
                Life::Quiet => self.ask(cx, Life::Asked),
                Life::Asked => return Poll::Ready(Farewell::Gone),
            };
        }
        Poll::Pending
    }

    fn ask(&mut self, cx: &Context<'_>, life: Life) -> Life {
        self.socket.put(Message::ping(Bytes::new()));
        self.flushed = false;
        // To be polled again: it has to leave.
        cx.waker().wake_by_ref();
        life
    }

    /// Leaves with the next write.
    fn put(&mut self, packet: Bytes) {
        self.socket.put(Message::binary(packet));
        self.queued += 1;
        self.flushed = false;
    }
}
