//! Frames that leave, in the order that the protocol asks for (§4): handshakes, ACK, RESET and STOP, datagrams, DATA in turn.

use bytes::Bytes;

use super::attach::Phase;
use super::{CarrierId, Message, Session};
use crate::frame::{Data, Frame};
use crate::{StreamId, limits};

/// On a carrier that takes little at a time, DATA stays small, so that streams take turns quickly.
const SLOW: usize = 32_768;
const SLOW_DATA: usize = 16_384;
/// How many ACKs that are not urgent ride along in a message.
const RIDERS: usize = 128;
/// How many entries one ACK frame has at most: 24 bytes each.
const ACK_ENTRIES: usize = 2_048;

/// What [`Session::transmit`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transmit {
    /// The message has bytes; call again once they have left.
    Ready,
    /// Nothing wants to leave.
    Idle,
    /// Nothing will ever leave on this carrier again: close it.
    Finished,
}

impl Session {
    /// Fills an empty `message` with about `max` bytes (at most 66,560 more) for a carrier.
    pub fn transmit(&mut self, carrier: CarrierId, max: usize, message: &mut Message) -> Transmit {
        debug_assert!(message.is_empty());
        let max = max.min(limits::MESSAGE - limits::FRAME - 16);
        let Some(state) = self.carriers.get_mut(&carrier) else { return Transmit::Finished };
        while message.len() < max
            && let Some(frame) = state.out.pop_front()
        {
            message.frame(&frame);
        }
        if let Some(token) = state.pong.take_if(|_| message.len() < max) {
            message.frame(&Frame::Pong(token));
        }
        let closing = state.phase == Phase::Closing;
        if closing && message.is_empty() {
            self.carriers.remove(&carrier);
            return Transmit::Finished;
        }
        if !closing && self.active == Some(carrier) {
            self.fill(max, message);
        }
        if message.is_empty() { Transmit::Idle } else { Transmit::Ready }
    }

    fn fill(&mut self, max: usize, message: &mut Message) {
        if std::mem::take(&mut self.goaway_due)
            && let Some(away) = self.goaway_sent
        {
            message.frame(&Frame::GoAway(away));
        }
        if !message.is_empty() || self.acks_due() || !self.ready.is_empty() || !self.signals.is_empty() {
            self.let_acks_ride();
        }
        while message.len() < max && self.acks_due() {
            let entries = self.take_acks(ACK_ENTRIES);
            if !entries.is_empty() {
                message.frame(&Frame::Ack(entries));
            }
        }
        while message.len() < max
            && let Some(id) = self.signals.pop_front()
        {
            self.signal(id, message);
        }
        let native = self.native();
        while message.len() < max
            && let Some((flow, bytes)) =
                self.datagrams_out.pop_front_if(|(_, bytes)| native.is_none_or(|most| bytes.len() > most))
        {
            message.frame(&Frame::Datagram { flow, bytes });
        }
        let data = if max <= SLOW { SLOW_DATA } else { limits::DATA };
        while message.len() < max
            && let Some(id) = self.ready.pop_front()
        {
            if native.is_some() {
                self.want_native(id);
            }
            self.data(id, data, message);
        }
    }

    fn let_acks_ride(&mut self) {
        for _ in 0..RIDERS {
            let Some(id) = self.acks.dirty.pop_front() else { return };
            if self.streams.get_mut(&id).is_some_and(|stream| std::mem::take(&mut stream.flags.dirty)) {
                self.ack_now(id);
            }
        }
    }

    fn signal(&mut self, id: StreamId, message: &mut Message) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.flags.signal = false;
        if std::mem::take(&mut stream.send.reset_due)
            && let Some(code) = stream.send.reset
        {
            message.frame(&Frame::Reset { stream: id, code, last: stream.send.written });
        }
        if std::mem::take(&mut stream.receive.stop_due)
            && let Some(code) = stream.receive.stopped
        {
            message.frame(&Frame::Stop { stream: id, code });
        }
    }

    fn data(&mut self, id: StreamId, max: usize, message: &mut Message) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.flags.ready = false;
        let send = &mut stream.send;
        if send.native && send.unsent() > 0 {
            return self.wake_native(id);
        }
        let Some(chunk) = send.chunk(max as u64) else { return };
        let len = usize::try_from(chunk.len).unwrap_or(0);
        let header = Data { stream: id, offset: chunk.offset, mark: chunk.mark, bytes: Bytes::new() };
        message.data_header(&header, len);
        send.gather(chunk.offset, chunk.len, message);
        send.chunk_sent(&chunk);
        self.stats.sent += chunk.len;
        self.make_ready(id);
    }
}
