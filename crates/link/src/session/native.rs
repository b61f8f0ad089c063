//! What native streams and datagrams of a carrier ask of the session (§9 of the protocol).

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use pageport_proto::session::{CarrierId, Message, NativeIn, NativeOut};
use pageport_proto::{Code, StreamId};

use super::shared::{Shared, State};
use super::slot::wait;
use super::wakes::Wakes;

/// Who waits, on one carrier.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    attached: Option<Waker>,
    opener: Option<Waker>,
    datagram: Option<Waker>,
    outbound: BTreeMap<StreamId, Waker>,
    inbound: BTreeMap<StreamId, Vec<Waker>>,
}

impl Shared {
    /// Whether bytes of a stream from an offset on may come now; `None` when not yet.
    pub(crate) fn native_in(&self, carrier: CarrierId, id: StreamId, offset: u64) -> Option<bool> {
        self.with(Some(carrier), |state, _| state.native_in(carrier, id, offset))
    }

    pub(crate) fn poll_native_in(
        &self,
        carrier: CarrierId,
        id: StreamId,
        offset: u64,
        cx: &Context<'_>,
    ) -> Poll<bool> {
        self.with(Some(carrier), |state, _| match state.native_in(carrier, id, offset) {
            Some(wanted) => Poll::Ready(wanted),
            None => {
                let Some(waiting) = state.native(carrier) else { return Poll::Ready(false) };
                let places = waiting.inbound.entry(id).or_default();
                if !places.iter().any(|waker| waker.will_wake(cx.waker())) {
                    places.push(cx.waker().clone());
                }
                Poll::Pending
            }
        })
    }

    /// Ready when the carrier carries the session.
    pub(crate) fn poll_native_attached(&self, carrier: CarrierId, cx: &Context<'_>) -> Poll<()> {
        self.with(Some(carrier), |state, _| {
            state.unchanged = true;
            if state.proto.carries(carrier) {
                return Poll::Ready(());
            }
            if let Some(waiting) = state.native(carrier) {
                wait(&mut waiting.attached, cx.waker());
            }
            Poll::Pending
        })
    }

    /// Takes in pieces that follow each other; false when nobody wants more of them.
    pub(crate) fn receive_native(
        &self,
        carrier: CarrierId,
        id: StreamId,
        offset: &mut u64,
        pieces: &mut [Bytes],
    ) -> bool {
        self.with(Some(carrier), |state, now| {
            pieces.iter_mut().map(std::mem::take).all(|piece| {
                let at = *offset;
                *offset += piece.len() as u64;
                state.proto.receive_native(carrier, id, at, piece, now) == NativeIn::Wanted
            })
        })
    }

    pub(crate) fn native_invalid(&self, carrier: CarrierId, code: Code) {
        self.with(None, |state, _| state.proto.native_invalid(carrier, code));
    }

    /// When the last byte came on a carrier.
    pub(crate) fn heard(&self, carrier: CarrierId) -> Option<Instant> {
        self.look(|state| state.proto.heard(carrier))
    }

    pub(crate) fn native_lost(&self, carrier: CarrierId, id: StreamId) {
        self.with(Some(carrier), |state, _| state.proto.native_lost(carrier, id));
    }

    /// Ready when some stream wants a native one.
    pub(crate) fn poll_native_wanted(&self, carrier: CarrierId, cx: &Context<'_>) -> Poll<()> {
        self.with(Some(carrier), |state, _| {
            state.unchanged = true;
            if state.proto.wants_native(carrier) {
                return Poll::Ready(());
            }
            state.native_opener(carrier, cx);
            Poll::Pending
        })
    }

    /// The stream that gets the native one that was opened.
    pub(crate) fn poll_take_native(&self, carrier: CarrierId, cx: &Context<'_>) -> Poll<StreamId> {
        self.with(Some(carrier), |state, _| match state.proto.take_native(carrier) {
            Some(id) => Poll::Ready(id),
            None => {
                state.unchanged = true;
                state.native_opener(carrier, cx);
                Poll::Pending
            }
        })
    }

    /// What the native stream of a stream writes next.
    pub(crate) fn poll_native_out(
        &self,
        carrier: CarrierId,
        id: StreamId,
        max: usize,
        message: &mut Message,
        cx: &Context<'_>,
    ) -> Poll<NativeOut> {
        self.with(Some(carrier), |state, _| match state.proto.native_out(carrier, id, max, message) {
            NativeOut::Wait => {
                state.unchanged = true;
                let Some(waiting) = state.native(carrier) else { return Poll::Ready(NativeOut::Reset) };
                waiting.outbound.insert(id, cx.waker().clone());
                Poll::Pending
            }
            next => Poll::Ready(next),
        })
    }

    pub(crate) fn poll_native_datagram(&self, carrier: CarrierId, cx: &Context<'_>) -> Poll<(u64, Bytes)> {
        self.with(Some(carrier), |state, _| {
            state.unchanged = true;
            match state.proto.native_datagram(carrier) {
                Some(datagram) => Poll::Ready(datagram),
                None => {
                    if let Some(waiting) = state.native(carrier) {
                        wait(&mut waiting.datagram, cx.waker());
                    }
                    Poll::Pending
                }
            }
        })
    }

    pub(super) fn send_datagram(&self, flow: u64, bytes: Bytes) {
        let waker = self.with(None, |state, _| {
            state.proto.send_datagram(flow, bytes);
            state.native_active().and_then(|waiting| waiting.datagram.take())
        });
        waker.into_iter().for_each(Waker::wake);
    }

    pub(super) async fn datagram(&self) -> Option<(u64, Bytes)> {
        loop {
            let mut notified = std::pin::pin!(self.datagram.notified());
            notified.as_mut().enable();
            let (next, closed) = self.with(None, |state, _| {
                state.unchanged = true;
                state.takes_datagrams = true;
                (state.proto.take_datagram(), state.closed())
            });
            match (next, closed) {
                (None, None) => notified.await,
                (next, _) => return next,
            }
        }
    }

    /// How many bytes native streams may have to keep until those before them come.
    pub(crate) fn native_window(&self) -> u64 {
        self.look(|state| state.proto.native_window())
    }

    pub(crate) fn receive_datagram(&self, carrier: CarrierId, flow: u64, bytes: &[u8]) {
        self.with(Some(carrier), |state, now| state.proto.receive_datagram(carrier, flow, bytes, now));
    }
}

impl State {
    fn native_in(&mut self, carrier: CarrierId, id: StreamId, offset: u64) -> Option<bool> {
        match self.proto.native_in(carrier, id, offset) {
            NativeIn::Wanted => {
                self.unchanged = true;
                Some(true)
            }
            NativeIn::Unwanted => Some(false),
            NativeIn::Later => {
                self.unchanged = true;
                None
            }
        }
    }

    fn native(&mut self, carrier: CarrierId) -> Option<&mut Waiting> {
        self.carriers.iter_mut().find(|line| line.id == carrier).map(|line| &mut line.native)
    }

    fn native_opener(&mut self, carrier: CarrierId, cx: &Context<'_>) {
        if let Some(waiting) = self.native(carrier) {
            wait(&mut waiting.opener, cx.waker());
        }
    }

    /// Whoever waits on the active carrier.
    fn native_active(&mut self) -> Option<&mut Waiting> {
        let active = self.proto.active()?;
        self.native(active)
    }

    pub(super) fn native_wanted(&mut self, wakes: &mut Wakes) {
        if let Some(waiting) = self.native_active() {
            wakes.add(waiting.opener.take());
        }
    }

    pub(super) fn native_may_leave(&mut self, id: StreamId, wakes: &mut Wakes) {
        if let Some(waiting) = self.native_active() {
            wakes.add(waiting.outbound.remove(&id));
        }
    }

    pub(super) fn native_may_come(&mut self, id: StreamId, wakes: &mut Wakes) {
        let places = self.native_active().and_then(|waiting| waiting.inbound.remove(&id));
        places.into_iter().flatten().for_each(|waker| wakes.add(Some(waker)));
    }

    /// A carrier has taken over: what came on it too early may come now.
    pub(super) fn native_attached(&mut self, carrier: CarrierId, wakes: &mut Wakes) {
        let Some(waiting) = self.native(carrier) else { return };
        let inbound = std::mem::take(&mut waiting.inbound);
        wakes.add(waiting.attached.take());
        wakes.add(waiting.opener.take());
        wakes.add(waiting.datagram.take());
        inbound.into_values().flatten().for_each(|waker| wakes.add(Some(waker)));
    }

    /// Says what a new carrier has beside messages.
    pub(super) fn tell_native(&mut self, carrier: CarrierId, datagram: Option<usize>) {
        if let Some(size) = datagram {
            self.proto.has_native(carrier, size);
        }
    }
}
