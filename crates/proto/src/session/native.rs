//! Native streams (§9): on a carrier that has streams of its own, bytes of a session's streams may travel beside its messages.
//!
//! The owner opens them, asks here what to write, and brings here what came. A native stream ends without any meaning for the
//! stream whose bytes it had: what ends that are frames. Must never open a stream for a native one, nor take bytes behind a gap.

use std::time::Instant;

use bytes::Bytes;

use super::attach::Phase;
use super::stream::Stream;
use super::{CarrierId, Event, Message, Session};
use crate::frame::{Data, Mark};
use crate::{Code, StreamId};

/// What a native stream writes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NativeOut {
    /// The message has bytes from this offset on.
    Bytes(u64),
    /// Nothing yet; [`Event::NativeOut`] comes.
    Wait,
    /// Nothing more: end it in order.
    Finish,
    /// Nothing more, and what it still holds is of no use.
    Reset,
}

/// What becomes of bytes on a native stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NativeIn {
    /// They may come now.
    Wanted,
    /// Something before them has not come yet; [`Event::NativeIn`] or [`Event::Attached`] comes.
    Later,
    /// Nobody wants them: the stream is over, or the carrier does not carry the session.
    Unwanted,
}

impl Session {
    /// Says of a new carrier that it has native streams, and datagrams of at most so many bytes.
    pub fn has_native(&mut self, carrier: CarrierId, datagram: usize) {
        if let Some(state) = self.carriers.get_mut(&carrier) {
            state.native = Some(datagram);
        }
    }

    /// Whether [`Session::take_native`] may find a stream.
    #[must_use]
    pub fn wants_native(&self, carrier: CarrierId) -> bool {
        !self.native_wanted.is_empty() && self.carries(carrier)
    }

    /// Whether nothing but a farewell will ever leave on this carrier.
    #[must_use]
    pub fn is_done_with(&self, carrier: CarrierId) -> bool {
        self.carriers.get(&carrier).is_none_or(|state| state.phase == Phase::Closing)
    }

    /// Whether it carries the session: both sides have resumed on it, and no other has taken over.
    #[must_use]
    pub fn carries(&self, carrier: CarrierId) -> bool {
        self.active == Some(carrier) && self.is_attached(carrier)
    }

    /// How many bytes native streams may have to keep until those before them come: what this side grants, and what its peer retains.
    #[must_use]
    pub fn native_window(&self) -> u64 {
        self.settings.receive + self.peer.map_or(self.settings.limits.unreceived, |peer| peer.unreceived)
    }

    /// The next stream that wants a native one, now that the owner has opened one; it has it from now on. None before the peer's
    /// RESUME has ended: that may say that bytes need not be sent, and a native stream leaves none out.
    pub fn take_native(&mut self, carrier: CarrierId) -> Option<StreamId> {
        if !self.carries(carrier) {
            return None;
        }
        while let Some(id) = self.native_wanted.pop_front() {
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            stream.flags.wants_native = false;
            let send = &mut stream.send;
            if !send.native && send.reset.is_none() && send.sent > 0 && send.unsent() > 0 {
                send.native = true;
                return Some(id);
            }
        }
        None
    }

    /// Fills an empty `message` with at most `max` bytes for the native stream that this stream has.
    pub fn native_out(
        &mut self,
        carrier: CarrierId,
        id: StreamId,
        max: usize,
        message: &mut Message,
    ) -> NativeOut {
        if self.active != Some(carrier) {
            return NativeOut::Reset;
        }
        let Some(stream) = self.streams.get_mut(&id) else { return NativeOut::Finish };
        let send = &mut stream.send;
        if send.reset.is_some() || !send.native {
            send.native = false;
            return NativeOut::Reset;
        }
        let len = send.unsent().min(max as u64);
        if len == 0 {
            if send.done || (send.fin && send.sent == send.written) {
                send.native = false;
                return NativeOut::Finish;
            }
            stream.flags.native_idle = true;
            return NativeOut::Wait;
        }
        let offset = send.sent;
        send.gather(offset, len, message);
        send.sent += len;
        self.stats.sent += len;
        // FIN and BLOCKED are for frames to say.
        self.make_ready(id);
        NativeOut::Bytes(offset)
    }

    /// The peer has stopped the native stream of this stream, or it broke: its bytes go as DATA from now on.
    pub fn native_lost(&mut self, carrier: CarrierId, id: StreamId) {
        if self.active != Some(carrier) {
            return;
        }
        if let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.send.native) {
            stream.send.rewind();
            stream.send.native_refused = true;
            self.make_ready(id);
        }
    }

    /// Whether bytes of this stream from this offset on may come on a native stream of this carrier.
    pub fn native_in(&mut self, carrier: CarrierId, id: StreamId, offset: u64) -> NativeIn {
        let phase =
            self.carriers.get(&carrier).filter(|state| state.native.is_some()).map(|state| state.phase);
        match phase {
            Some(Phase::Hello | Phase::Resuming) => return NativeIn::Later,
            Some(Phase::Attached) if self.active == Some(carrier) => {}
            _ => return NativeIn::Unwanted,
        }
        if id.opener() == self.settings.role && id >= self.next_id {
            self.violated(carrier, Code::ERR_STREAM_ID);
            return NativeIn::Unwanted;
        }
        let refused = self.goaway_sent.is_some_and(|away| id.get() > away.last);
        match self.streams.get(&id) {
            Some(stream) if stream.receive.reset.is_some() || stream.receive.ended() => NativeIn::Unwanted,
            Some(stream) if offset <= stream.receive.received => NativeIn::Wanted,
            // A frame opens it: only frames come behind the last ACK of a stream that made room for this one.
            None if id.get() <= self.highest_peer || id.opener() == self.settings.role || refused => {
                self.stats.ignored += 1;
                NativeIn::Unwanted
            }
            _ => {
                self.awaited.insert(id);
                NativeIn::Later
            }
        }
    }

    /// Takes in bytes of a native stream, once [`Session::native_in`] wants them.
    pub fn receive_native(
        &mut self,
        carrier: CarrierId,
        stream: StreamId,
        offset: u64,
        bytes: Bytes,
        now: Instant,
    ) -> NativeIn {
        if let Some(state) = self.carriers.get_mut(&carrier) {
            state.heard = now;
        }
        let wanted = self.native_in(carrier, stream, offset);
        if wanted == NativeIn::Wanted && !bytes.is_empty() {
            self.arriving = bytes.len();
            if let Err(code) = self.on_data(Data { stream, offset, mark: Mark::None, bytes }, false, now) {
                self.violated(carrier, code);
                return NativeIn::Unwanted;
            }
        }
        wanted
    }

    /// What stands at the beginning of a native stream cannot be, or what it waits for never came.
    pub fn native_invalid(&mut self, carrier: CarrierId, code: Code) {
        if self.is_attached(carrier) {
            self.violated(carrier, code);
        }
    }

    /// When the last byte came on a carrier.
    #[must_use]
    pub fn heard(&self, carrier: CarrierId) -> Option<Instant> {
        self.carriers.get(&carrier).map(|state| state.heard)
    }

    /// The next datagram for a carrier that takes them natively: flow and bytes.
    pub fn native_datagram(&mut self, carrier: CarrierId) -> Option<(u64, Bytes)> {
        if self.active != Some(carrier) {
            return None;
        }
        let most = self.carriers.get(&carrier)?.native?;
        self.datagrams_out.pop_front_if(|(_, bytes)| bytes.len() <= most)
    }

    /// Takes in a datagram that came natively. One that is too long is dropped.
    pub fn receive_datagram(&mut self, carrier: CarrierId, flow: u64, bytes: &[u8], now: Instant) {
        let Some(state) = self.carriers.get_mut(&carrier) else { return };
        state.heard = now;
        if self.active == Some(carrier) && state.phase == Phase::Attached {
            if bytes.len() > crate::limits::DATAGRAM {
                self.stats.datagrams_dropped += 1;
            } else {
                self.on_datagram(flow, bytes);
            }
        }
    }

    fn is_attached(&self, carrier: CarrierId) -> bool {
        self.carriers.get(&carrier).is_some_and(|state| state.phase == Phase::Attached)
    }

    /// What the active carrier has natively: the size of a datagram; `None` when it has nothing.
    pub(super) fn native(&self) -> Option<usize> {
        self.carriers.get(&self.active?)?.native
    }

    /// The stream has much to send: it should have a native stream, if it may.
    pub(super) fn want_native(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let send = &stream.send;
        // Its first bytes go as DATA, which makes it known to the peer.
        let may = !send.native && !send.native_refused && send.reset.is_none() && send.sent > 0;
        let wants = may && send.unsent() > self.settings.native_from;
        if wants && !std::mem::replace(&mut stream.flags.wants_native, true) {
            self.native_wanted.push_back(id);
            self.events.push_back(Event::NativeWanted);
        }
    }

    /// The native stream of this stream has something to do again.
    pub(super) fn wake_native(&mut self, id: StreamId) {
        let idle = |stream: &mut Box<Stream>| std::mem::take(&mut stream.flags.native_idle);
        if self.streams.get_mut(&id).is_some_and(idle) {
            self.events.push_back(Event::NativeOut(id));
        }
    }

    /// What a native stream waits for may have come, or will not come any more.
    pub(super) fn fill_gap(&mut self, id: StreamId) {
        if self.awaited.remove(&id) {
            self.events.push_back(Event::NativeIn(id));
        }
    }

    /// A carrier begins: native streams of others are not its own.
    pub(super) fn forget_native(&mut self) {
        self.native_wanted.clear();
        self.awaited.clear();
        for stream in self.streams.values_mut() {
            stream.flags.wants_native = false;
            stream.flags.native_idle = false;
            stream.send.native_refused = false;
        }
    }
}
