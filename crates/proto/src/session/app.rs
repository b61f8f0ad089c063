//! What the application does with streams.

use std::time::Instant;

use bytes::Bytes;

use super::receive::Receive;
use super::send::Send;
use super::stream::{Flags, Stream};
use super::{Session, limits};
use crate::{Code, StreamId, json};

/// Why a stream cannot be opened now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The session has never been attached, so the peer's limits are unknown.
    #[error("the session has not been attached yet")]
    NotAttached,
    /// As many streams are open as the peer allows.
    #[error("the peer takes no more than {0} streams at once")]
    StreamLimit(u64),
    /// One of the two sides is going away.
    #[error("the session takes no new streams")]
    GoingAway,
    /// The session has ended.
    #[error("the session is closed: {0}")]
    Closed(Code),
    /// The head is too large, or not a strict JSON object.
    #[error("the head cannot be sent: {0}")]
    Head(Code),
}

/// The stream is forgotten: both its directions have ended, or the session has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream is over")]
pub struct Unknown;

/// What a read found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// At least one byte.
    Bytes(Bytes),
    /// Nothing yet; [`super::Event::Readable`] comes.
    Blocked,
    /// The direction is complete.
    Finished,
    /// The direction ended early.
    Reset(Code),
}

impl Session {
    /// Opens a stream with this head, a JSON object.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&mut self, head: &[u8], now: Instant) -> Result<StreamId, OpenError> {
        if let Some(farewell) = &self.closed {
            return Err(OpenError::Closed(farewell.code));
        }
        let peer = self.peer.ok_or(OpenError::NotAttached)?;
        if self.goaway_sent.is_some() || self.goaway_received.is_some() {
            return Err(OpenError::GoingAway);
        }
        if self.own_open >= peer.streams {
            return Err(OpenError::StreamLimit(peer.streams));
        }
        check_prefix(head).map_err(OpenError::Head)?;
        let id = self.next_id;
        self.next_id = id.next();
        self.own_open += 1;
        self.insert(id, now);
        self.write_prefix(id, head);
        // The peer may answer as soon as it has the head: let it know at once how much.
        self.consider_ack(id, now);
        Ok(id)
    }

    /// Answers a stream that the peer opened; must come before [`Session::write`].
    ///
    /// # Errors
    /// When the stream is over. A second reply, one to an own stream, and one that is not a JSON object within limits are
    /// mistakes of the caller and reset the stream with [`Code::ERR_HEAD_INVALID`].
    pub fn reply(&mut self, id: StreamId, json: &[u8]) -> Result<(), Unknown> {
        let stream = self.streams.get(&id).ok_or(Unknown)?;
        if stream.send.prefixed || check_prefix(json).is_err() {
            self.reset(id, Code::ERR_HEAD_INVALID);
            return Ok(());
        }
        if stream.send.open() {
            self.write_prefix(id, json);
        }
        Ok(())
    }

    /// Takes as many of `bytes` as the peer's limit and S allow. What is left waits for [`super::Event::Writable`].
    ///
    /// # Errors
    /// When the stream is over or its own direction has ended.
    pub fn write(&mut self, id: StreamId, bytes: &mut Bytes) -> Result<usize, Unknown> {
        let free = self.settings.limits.unreceived.saturating_sub(self.stats.retained);
        let stream = self.streams.get_mut(&id).filter(|stream| stream.send.open()).ok_or(Unknown)?;
        debug_assert!(stream.send.prefixed, "a reply comes before bytes");
        let send = &mut stream.send;
        let len = usize::try_from(send.room().min(free)).unwrap_or(usize::MAX).min(bytes.len());
        if len > 0 {
            self.stats.retained += send.push(bytes.split_to(len));
        }
        send.blocked = !bytes.is_empty();
        if send.blocked && send.room() > 0 && !stream.flags.starved {
            stream.flags.starved = true;
            self.starved.push_back(id);
        }
        self.make_ready(id);
        Ok(len)
    }

    /// Whether a write would be accepted at least in part, or fail at once.
    #[must_use]
    pub fn writable(&self, id: StreamId) -> bool {
        let full = self.stats.retained >= self.settings.limits.unreceived;
        self.streams.get(&id).is_none_or(|stream| !stream.send.open() || (stream.send.room() > 0 && !full))
    }

    /// How many bytes a write would take now; 0 when none, also when the stream is over.
    #[must_use]
    pub fn room(&self, id: StreamId) -> u64 {
        let free = self.settings.limits.unreceived.saturating_sub(self.stats.retained);
        self.streams
            .get(&id)
            .filter(|stream| stream.send.open())
            .map_or(0, |stream| stream.send.room().min(free))
    }

    /// Ends the own direction behind what was written.
    pub fn finish(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.send.open()) {
            stream.send.fin = true;
            stream.send.blocked = false;
            self.make_ready(id);
        }
    }

    /// Ends the own direction early; what the peer has not received yet is dropped.
    pub fn reset(&mut self, id: StreamId, code: Code) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if let Some(dropped) = stream.send.reset(code) {
            self.release_retained(dropped);
            self.make_signal(id);
            self.wake_native(id);
        }
    }

    /// Refuses the rest of the peer's direction.
    pub fn stop(&mut self, id: StreamId, code: Code, now: Instant) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let prefix = stream.receive.prefix.held();
        if let Some(dropped) = stream.receive.stop(code) {
            self.prefixes -= prefix;
            self.stats.unread -= dropped;
            self.make_signal(id);
            self.after_receive(id, now);
        }
    }

    /// Reads at most `max` bytes, in one piece.
    ///
    /// # Errors
    /// When the stream is over: then it has ended as the last event about it said, or cleanly.
    pub fn read(&mut self, id: StreamId, max: usize, now: Instant) -> Result<Read, Unknown> {
        let rtt = self.rtt;
        let stream = self.streams.get_mut(&id).ok_or(Unknown)?;
        let receive = &mut stream.receive;
        if let Some(code) = receive.reset.or(receive.stopped) {
            return Ok(Read::Reset(code));
        }
        let bytes = receive.pop(max);
        if bytes.is_empty() {
            if receive.ended() {
                return Ok(Read::Finished);
            }
            stream.flags.reading = true;
            return Ok(Read::Blocked);
        }
        self.stats.unread -= bytes.len() as u64;
        self.credit.consumed(receive, rtt, now);
        self.after_receive(id, now);
        Ok(Read::Bytes(bytes))
    }

    /// Queues a message that may get lost; the oldest makes room. Longer ones than 1,200 bytes are dropped and counted.
    pub fn send_datagram(&mut self, flow: u64, bytes: Bytes) {
        if bytes.len() > limits::DATAGRAM {
            self.stats.datagrams_dropped += 1;
            return;
        }
        if self.datagrams_out.len() == limits::DATAGRAM_QUEUE {
            self.datagrams_out.pop_front();
            self.stats.datagrams_dropped += 1;
        }
        self.datagrams_out.push_back((flow, bytes));
    }

    /// The oldest datagram that came: its flow and bytes.
    pub fn take_datagram(&mut self) -> Option<(u64, Bytes)> {
        self.datagrams_in.pop_front()
    }

    /// Drops what came, and counts it.
    pub fn drop_datagrams(&mut self) {
        self.stats.datagrams_dropped += self.datagrams_in.len() as u64;
        self.datagrams_in.clear();
    }

    pub(super) fn insert(&mut self, id: StreamId, now: Instant) {
        let limit = self.peer.map_or(0, |peer| peer.initial);
        let mut receive = Receive::new(self.settings.limits.initial, now);
        self.credit.raise_first(&mut receive);
        let stream = Stream { send: Send::new(limit), receive, flags: Flags::default() };
        self.streams.insert(id, Box::new(stream));
        self.fill_gap(id);
    }

    /// The receive direction made progress: frees its window when it is over, acknowledges, forgets.
    pub(super) fn after_receive(&mut self, id: StreamId, now: Instant) {
        if let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.receive.ended()) {
            self.credit.release(&mut stream.receive);
        }
        self.consider_ack(id, now);
        self.settle(id);
    }

    pub(super) fn make_ready(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.send.native && (stream.send.unsent() > 0 || stream.send.fin) {
            self.wake_native(id);
        }
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let beside = stream.send.native && stream.send.unsent() > 0;
        if !beside && !stream.flags.ready && stream.send.chunk(1).is_some() {
            stream.flags.ready = true;
            self.ready.push_back(id);
        }
    }

    pub(super) fn make_signal(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let due = stream.send.reset_due || stream.receive.stop_due;
        if due && !std::mem::replace(&mut stream.flags.signal, true) {
            self.signals.push_back(id);
        }
    }

    /// Room below S: writers that waited for it go on, in turn.
    pub(super) fn release_retained(&mut self, bytes: u64) {
        self.stats.retained -= bytes;
        if bytes > 0 && self.stats.retained < self.settings.limits.unreceived {
            for id in std::mem::take(&mut self.starved) {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.flags.starved = false;
                    if stream.send.blocked {
                        self.events.push_back(super::Event::Writable(id));
                    }
                }
            }
        }
    }

    fn write_prefix(&mut self, id: StreamId, json: &[u8]) {
        if let Some(stream) = self.streams.get_mut(&id) {
            self.stats.retained += stream.send.prefix(json);
            self.make_ready(id);
        }
    }
}

fn check_prefix(bytes: &[u8]) -> Result<(), Code> {
    if bytes.len() > limits::HEAD {
        return Err(Code::ERR_HEAD_TOO_LARGE);
    }
    json::check(bytes).map_err(|_| Code::ERR_HEAD_INVALID)
}
