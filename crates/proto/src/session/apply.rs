//! Frames that arrive (§§3–6).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::attach::Phase;
use super::{CarrierId, Event, Session};
use crate::frame::{self, Ack, Data, Decoded, Frame, GoAway};
use crate::{Code, Role, StreamId, limits};

impl Session {
    /// Takes in one whole carrier message.
    ///
    /// What breaks the protocol ends the session; the code comes as [`Event::Closed`].
    pub fn receive(&mut self, carrier: CarrierId, mut message: Bytes, now: Instant) {
        if self.carriers.get(&carrier).is_none_or(|state| state.phase == Phase::Closing) {
            return;
        }
        if message.is_empty() {
            return self.violated(carrier, Code::ERR_FRAME_MALFORMED);
        }
        if message.len() > limits::MESSAGE {
            return self.violated(carrier, Code::ERR_FRAME_TOO_LARGE);
        }
        let kept = message.len();
        self.receive_part(carrier, &mut message, kept, now);
        if !message.is_empty() {
            self.violated(carrier, Code::ERR_FRAME_MALFORMED);
        }
    }

    /// Takes in what has come on a carrier without message borders; leaves the beginning of an unfinished frame. Any slice of the bytes keeps `kept`
    /// bytes of memory: what is worth less is copied.
    pub fn receive_part(&mut self, carrier: CarrierId, bytes: &mut Bytes, kept: usize, now: Instant) {
        if let Some(state) = self.carriers.get_mut(&carrier) {
            state.heard = now;
        }
        self.arriving = kept;
        loop {
            if self.closed.is_some()
                || self.carriers.get(&carrier).is_none_or(|state| state.phase == Phase::Closing)
            {
                return bytes.clear();
            }
            let result = match frame::decode(bytes) {
                Ok(Decoded::Partial) => return,
                Ok(Decoded::Frame(frame)) => self.apply(carrier, frame, now),
                Err(code) => Err(code),
            };
            if let Err(code) = result {
                bytes.clear();
                return self.violated(carrier, code);
            }
        }
    }

    fn apply(&mut self, carrier: CarrierId, frame: Frame, now: Instant) -> Result<(), Code> {
        let Some(state) = self.carriers.get_mut(&carrier) else { return Ok(()) };
        match (state.phase, frame) {
            (Phase::Resuming | Phase::Attached, Frame::Ping(token)) => state.pong = Some(token),
            (Phase::Resuming | Phase::Attached, Frame::Pong(token)) => self.on_pong(carrier, token, now),
            (_, Frame::Skipped) => return self.on_skipped(now),
            (_, Frame::Detach(farewell)) => self.on_detach(carrier, farewell.code, now),
            // Whoever has not resumed costs its carrier only (§5).
            (Phase::Resuming, Frame::Close(_)) if self.settings.role == Role::Gateway => state.drop_quietly(),
            // Neither has an attempt of the page's while another carrier serves.
            (Phase::Hello, Frame::Close(farewell)) if self.active.is_some() => {
                self.on_detach(carrier, farewell.code, now);
            }
            (_, Frame::Close(farewell)) => self.end(farewell, false),
            (Phase::Hello, Frame::Welcome(payload)) => return self.on_welcome(carrier, &payload, now),
            (Phase::Resuming, Frame::Resume(resume)) => return self.on_resume(carrier, resume, now),
            (Phase::Attached, Frame::Data(data)) => {
                let overtakes = state.native.is_some();
                return self.on_data(data, overtakes, now);
            }
            (Phase::Attached, Frame::Ack(entries)) => {
                return entries.into_iter().try_for_each(|entry| self.on_ack(entry, now));
            }
            (Phase::Attached, Frame::Reset { stream, code, last }) => {
                return self.on_reset(stream, code, last, now);
            }
            (Phase::Attached, Frame::Stop { stream, code }) => return self.on_stop(stream, code, now),
            (Phase::Attached, Frame::GoAway(away)) => self.on_go_away(away),
            (Phase::Attached, Frame::Datagram { flow, bytes }) => self.on_datagram(flow, &bytes),
            _ => return Err(Code::ERR_ATTACH_ORDER),
        }
        Ok(())
    }

    /// Whether the stream exists, after opening what its id opens (§3).
    pub(super) fn see(&mut self, id: StreamId, now: Instant) -> Result<bool, Code> {
        if id.opener() == self.settings.role {
            return if id >= self.next_id {
                Err(Code::ERR_STREAM_ID)
            } else {
                Ok(self.streams.contains_key(&id))
            };
        }
        if id.get() <= self.highest_peer {
            return Ok(self.streams.contains_key(&id));
        }
        if self.goaway_sent.is_some_and(|away| id.get() > away.last) {
            return Ok(false);
        }
        let first = self.settings.role.peer().first_id();
        let mut next = StreamId::new(self.highest_peer).map_or(first, StreamId::next);
        let opened = (id.get() - next.get()) / 2 + 1;
        if self.peer_streams() + opened > self.settings.limits.streams {
            return Err(Code::ERR_STREAM_LIMIT);
        }
        self.peer_open += opened;
        self.highest_peer = id.get();
        while next <= id {
            self.insert(next, now);
            self.consider_ack(next, now);
            next = next.next();
        }
        Ok(true)
    }

    /// With `overtakes` a frame without bytes may have overtaken bytes on a native stream.
    pub(super) fn on_data(&mut self, data: Data, overtakes: bool, now: Instant) -> Result<(), Code> {
        let id = data.stream;
        if !self.see(id, now)? {
            self.stats.ignored += 1;
            return Ok(());
        }
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        let before = stream.receive.prefix.held();
        let accepted = stream.receive.accept(data, overtakes, self.arriving)?;
        self.prefixes = self.prefixes + stream.receive.prefix.held() - before;
        let wake = accepted.unread > 0 || stream.receive.last.is_some();
        if wake && std::mem::take(&mut stream.flags.reading) {
            self.events.push_back(Event::Readable(id));
        }
        let headless =
            stream.receive.ended() && !stream.receive.prefix.over() && stream.receive.stopped.is_none();
        self.stats.unread += accepted.unread;
        self.stats.received += accepted.fresh;
        match accepted.prefix {
            Some(Ok(json)) if id.opener() == self.settings.role => {
                self.events.push_back(Event::Replied(id, json));
            }
            Some(Ok(json)) => self.events.push_back(Event::Opened(id, json)),
            Some(Err(code)) => self.refuse(id, code, now),
            None if headless => self.headless(id, None),
            None => {}
        }
        if accepted.fresh > 0 {
            self.fill_gap(id);
        }
        self.count_unacked(accepted.fresh);
        self.after_receive(id, now);
        Ok(())
    }

    pub(super) fn on_ack(&mut self, ack: Ack, now: Instant) -> Result<(), Code> {
        let id = ack.stream;
        if !self.see(id, now)? {
            self.stats.ignored += 1;
            return Ok(());
        }
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        let freed = stream.send.acknowledge(ack.received).ok_or(Code::ERR_ACK_INVALID)?;
        if ack.limit > stream.send.limit {
            stream.send.limit = ack.limit;
            if stream.send.blocked && stream.send.room() > 0 {
                self.events.push_back(Event::Writable(id));
            }
        }
        self.release_retained(freed);
        self.make_ready(id);
        self.settle(id);
        Ok(())
    }

    pub(super) fn on_reset(&mut self, id: StreamId, code: Code, last: u64, now: Instant) -> Result<(), Code> {
        if !self.see(id, now)? {
            self.stats.ignored += 1;
            return Ok(());
        }
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        let headless = !stream.receive.prefix.over() && stream.receive.stopped.is_none();
        let prefix = stream.receive.prefix.held();
        if let Some(dropped) = stream.receive.reset(code, last)? {
            self.prefixes -= prefix;
            self.stats.unread -= dropped;
            let stopped = stream.receive.stopped.is_some();
            if headless {
                self.headless(id, Some(code));
            }
            if !stopped && (!headless || id.opener() == self.settings.role) {
                self.events.push_back(Event::Reset(id, code));
            }
            self.fill_gap(id);
        }
        self.ack_now(id);
        self.after_receive(id, now);
        Ok(())
    }

    pub(super) fn on_stop(&mut self, id: StreamId, code: Code, now: Instant) -> Result<(), Code> {
        if !self.see(id, now)? {
            self.stats.ignored += 1;
            return Ok(());
        }
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        if !stream.send.fin_sent && stream.send.reset.is_none() && !stream.send.done {
            self.reset(id, code);
            self.events.push_back(Event::Stopped(id, code));
        }
        Ok(())
    }

    fn on_go_away(&mut self, away: GoAway) {
        // What was refused stays so. Said again it refuses nothing more: whoever repeats it must not have all streams looked at each time.
        let known = self.goaway_received.map_or(u64::MAX, |known| known.last);
        self.goaway_received = Some(GoAway { last: away.last.min(known), ..away });
        let first = StreamId::new(away.last + 1).filter(|_| away.last < known);
        let refused: Vec<StreamId> = first.map_or_else(Vec::new, |first| {
            self.streams
                .range(first..)
                .map(|(id, _)| *id)
                .filter(|id| id.opener() == self.settings.role)
                .collect()
        });
        for id in refused {
            self.forget_refused(id);
        }
        self.events.push_back(Event::GoingAway(away));
    }

    /// A stream that the peer never served: nothing of it is ever confirmed.
    fn forget_refused(&mut self, id: StreamId) {
        self.wake_native(id);
        let Some(mut stream) = self.streams.remove(&id) else { return };
        self.own_open -= 1;
        self.stats.unread -= stream.receive.queue.len() as u64;
        self.prefixes -= stream.receive.prefix.held();
        self.credit.release(&mut stream.receive);
        self.release_retained(stream.send.queue.len() as u64);
        self.events.push_back(Event::Reset(id, Code::ERR_GOING_AWAY));
        self.events.push_back(Event::Stopped(id, Code::ERR_GOING_AWAY));
    }

    pub(super) fn on_datagram(&mut self, flow: u64, bytes: &[u8]) {
        if self.datagrams_in.len() == limits::DATAGRAM_QUEUE {
            self.datagrams_in.pop_front();
            self.stats.datagrams_dropped += 1;
        }
        // A copy, so that a datagram does not keep a whole carrier message.
        self.datagrams_in.push_back((flow, Bytes::copy_from_slice(bytes)));
        if self.datagrams_in.len() == 1 {
            self.events.push_back(Event::Datagram);
        }
    }

    fn on_skipped(&mut self, now: Instant) -> Result<(), Code> {
        if self.skipped.len() == limits::SKIPPED_PER_MINUTE {
            let oldest = self.skipped.pop_front();
            if oldest.is_some_and(|at| now.saturating_duration_since(at) < Duration::from_secs(60)) {
                return Err(Code::ERR_FRAME_FLOOD);
            }
        }
        self.skipped.push_back(now);
        Ok(())
    }

    /// The peer's prefix cannot be used: this costs the stream.
    fn refuse(&mut self, id: StreamId, code: Code, now: Instant) {
        if id.opener() == self.settings.role {
            self.events.push_back(Event::NoReply(id, Some(code)));
            self.events.push_back(Event::Reset(id, code));
        }
        self.stop(id, code, now);
        self.reset(id, code);
    }

    /// The peer's direction ended inside its prefix.
    fn headless(&mut self, id: StreamId, code: Option<Code>) {
        if id.opener() == self.settings.role {
            self.events.push_back(Event::NoReply(id, code));
        } else {
            self.reset(id, Code::ERR_ABORTED);
        }
    }

    pub(super) fn violated(&mut self, carrier: CarrierId, code: Code) {
        let Some(state) = self.carriers.get(&carrier) else { return };
        if state.phase == Phase::Hello && self.active.is_some() {
            self.retire(carrier, code);
        } else {
            self.end(frame::Farewell::new(code, ""), true);
        }
    }
}
