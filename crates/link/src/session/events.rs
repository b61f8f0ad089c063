//! What the state machine reports, and what becomes of it.

use std::time::Instant;

use bytes::Bytes;
use pageport_proto::session::Event;
use pageport_proto::{Code, StreamId};

use super::shared::State;
use super::slot::Slot;
use super::wakes::Wakes;

impl State {
    /// Drains what happened, remembers it for those who hold streams, and collects whom to wake.
    pub(super) fn happened(&mut self, now: Instant, wakes: &mut Wakes) {
        while let Some(event) = self.proto.event() {
            match event {
                Event::Opened(id, head) => self.on_opened(id, head, now, wakes),
                Event::Replied(id, reply) => self.slot(id, |slot| {
                    slot.prefix = Some(reply);
                    wakes.add(slot.reader.take());
                }),
                Event::NoReply(id, code) => self.on_no_reply(id, code, wakes),
                Event::Readable(id) => self.slot(id, |slot| wakes.add(slot.reader.take())),
                Event::Writable(id) => self.slot(id, |slot| wakes.add(slot.writer.take())),
                Event::Reset(id, code) => self.slot(id, |slot| {
                    slot.reset = Some(code);
                    wakes.add(slot.reader.take());
                }),
                Event::Stopped(id, code) => self.on_stopped(id, code, now, wakes),
                Event::Datagram if self.takes_datagrams => wakes.datagram = true,
                // Nobody takes them; they may get lost.
                Event::Datagram => self.proto.drop_datagrams(),
                Event::NativeWanted => self.native_wanted(wakes),
                Event::NativeOut(id) => self.native_may_leave(id, wakes),
                Event::NativeIn(id) => self.native_may_come(id, wakes),
                other => {
                    tracing::debug!(event = ?other, "session");
                    self.on_session_event(&other, now);
                    if let Event::Attached(carrier) = other {
                        self.native_attached(carrier, wakes);
                    }
                    wakes.changed = true;
                }
            }
        }
    }

    fn on_session_event(&mut self, event: &Event, now: Instant) {
        match *event {
            Event::Attached(carrier) => {
                self.attached = true;
                self.parked = None;
                self.carrier_decided(carrier, Ok(()));
            }
            Event::Detached(carrier, code) => {
                self.carrier_decided(carrier, Err(code));
                if std::mem::take(&mut self.attached) {
                    self.parked = Some(now);
                }
            }
            Event::AttemptFailed(carrier, code) => self.attempt_failed(carrier, code),
            Event::Closed(ref farewell) => {
                self.attached = false;
                self.no_more_attempts(farewell.code);
                self.waiting.clear();
                self.waiting_bytes = 0;
            }
            _ => {}
        }
    }

    fn on_opened(&mut self, id: StreamId, head: Bytes, now: Instant, wakes: &mut Wakes) {
        let stats = self.proto.stats();
        if self.proto.room(id) == 0 && stats.retained < self.unreceived {
            // It was stopped before its head came: nobody can answer it.
            return self.proto.stop(id, Code::ERR_ABORTED, now);
        }
        self.waiting_bytes += head.len() as u64;
        self.waiting.insert(id);
        self.slots.insert(id, Slot { prefix: Some(head), ..Slot::default() });
        wakes.accepted += 1;
    }

    fn on_no_reply(&mut self, id: StreamId, code: Option<Code>, wakes: &mut Wakes) {
        self.slot(id, |slot| {
            slot.no_reply = true;
            slot.reset = slot.reset.or(code);
            wakes.add(slot.reader.take());
            // When the reply could not be read, the own direction has ended with it.
            wakes.add(slot.writer.take());
        });
    }

    fn on_stopped(&mut self, id: StreamId, code: Code, now: Instant, wakes: &mut Wakes) {
        self.slot(id, |slot| {
            slot.stopped = Some(code);
            wakes.add(slot.writer.take());
        });
        if self.waiting.remove(&id) {
            // Nobody can answer it any more. Left to wait, such streams would pile up, since they count against no limit.
            let head = self.slots.remove(&id).and_then(|slot| slot.prefix);
            self.waiting_bytes -= head.map_or(0, |head| head.len() as u64);
            self.proto.stop(id, Code::ERR_ABORTED, now);
        }
    }
}
