//! Native streams of a carrier: what their owner does, with bytes that overtake each other and the frames.

use bytes::BytesMut;
use pageport_proto::Role;
use pageport_proto::session::{CarrierId, Message, NativeIn, NativeOut};

use super::World;
use crate::simulation::pipe::{Lane, at};

impl World {
    pub(super) fn native_out(&mut self, role: Role) -> bool {
        let Some(id) = self.pick_native() else { return false };
        let (session, pipe) = (&mut self.sessions[at(role)], self.pipes.get_mut(&id));
        let Some(pipe) = pipe.filter(|pipe| !pipe.is_cut()) else { return false };
        let lanes = pipe.lanes(role);
        let opened = session.take_native(id);
        lanes.extend(opened.map(|stream| Lane { stream, offset: None, way: BytesMut::new(), over: false }));
        let nth = self.random.below(lanes.len());
        let Some(lane) = lanes.get_mut(nth).filter(|lane| !lane.over && lane.way.len() < 200_000) else {
            return opened.is_some();
        };
        let mut message = Message::default();
        match session.native_out(id, lane.stream, 1 + self.random.skewed(70_000), &mut message) {
            NativeOut::Bytes(offset) => {
                let bytes = message.take_whole();
                let next = *lane.offset.get_or_insert(offset) + lane.way.len() as u64;
                lane.way.extend_from_slice(&bytes);
                if next != offset || bytes.is_empty() {
                    self.fail(format!("a native stream goes on at {offset}, not at {next}"));
                }
                self.native_bytes += 1;
                true
            }
            NativeOut::Wait => opened.is_some(),
            NativeOut::Finish => std::mem::replace(&mut lane.over, true) != lane.over,
            NativeOut::Reset => {
                lanes.remove(nth);
                true
            }
        }
    }

    pub(super) fn native_in(&mut self, from: Role) -> bool {
        let Some(id) = self.pick_native() else { return false };
        let Some(pipe) = self.pipes.get_mut(&id).filter(|pipe| !pipe.is_cut()) else { return false };
        let lanes = pipe.lanes(from);
        let nth = self.random.below(lanes.len());
        let Some(lane) = lanes.get_mut(nth) else { return false };
        let Some(offset) = lane.offset.filter(|_| !lane.way.is_empty()) else {
            return lane.over && lanes.swap_remove(nth).over;
        };
        let size = (1 + self.random.skewed(40_000)).min(lane.way.len());
        let wanted = self.sessions[at(from.peer())].native_in(id, lane.stream, offset);
        if wanted == NativeIn::Wanted && (lane.over || !self.random.once_in(400)) {
            let bytes = lane.way.split_to(size).freeze();
            lane.offset = Some(offset + size as u64);
            self.sessions[at(from.peer())].receive_native(id, lane.stream, offset, bytes, self.now);
            return true;
        }
        // A receiver stops a native stream whose stream is over. One that stops another is forgiven until the sender has ended it.
        if wanted != NativeIn::Later {
            let lane = lanes.swap_remove(nth);
            self.sessions[at(from)].native_lost(id, lane.stream);
            return true;
        }
        false
    }

    fn pick_native(&mut self) -> Option<CarrierId> {
        let id = self.pick_carrier()?;
        self.pipes.get(&id)?.native.as_ref().map(|_| id)
    }
}
