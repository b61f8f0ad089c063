//! The task of one carrier: reads and writes in one loop, and neither ever waits for the other.
//!
//! Writing is corked: when something wants to leave, every other task that is ready runs first, so that what they write leaves in
//! the same message. One message is on its way at a time; the next is gathered when it has left.

use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pageport_proto::session::{CarrierId, Message};

use super::native::Natives;
use super::patience::Patience;
use super::{Carrier, CarrierKind, FAREWELL, Input};
use crate::session::{Next, Shared, Wakes};

/// How many messages are read at most before those whom they concern are woken, and before writing gets its turn.
const BATCH: usize = 4;
const READS: usize = 32;
/// How long a message may wait for a page over requests once nothing else does: a hidden one asks every five seconds.
const FAREWELL_HTTP: Duration = Duration::from_secs(15);

/// A carrier that belongs to a session. It moves only while this is awaited, and is lost when this is dropped.
#[must_use = "a carrier moves only while this is awaited"]
pub struct Carried(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Future for Carried {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl std::fmt::Debug for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Carried")
    }
}

/// Drives a carrier that the session already knows by this number.
pub(crate) fn drive(shared: Arc<Shared>, id: CarrierId, carrier: Carrier) -> Carried {
    let natives = match &carrier {
        Carrier::WebTransport(carrier) => Some(Natives::new(Arc::clone(&shared), id, carrier.grant())),
        Carrier::Http(carrier) => {
            carrier.meter().into_iter().for_each(|meter| shared.meter(id, meter.clone()));
            None
        }
        Carrier::WebSocket(_) | Carrier::Bytes(_) => None,
    };
    let driver = Driver {
        known: Known { shared, id },
        natives,
        carrier,
        message: Message::default(),
        sending: false,
        corked: true,
        farewell: None,
    };
    Carried(Box::pin(driver.run()))
}

struct Driver {
    known: Known,
    carrier: Carrier,
    /// What moves beside messages.
    natives: Option<Natives>,
    message: Message,
    /// A message is on its way out.
    sending: bool,
    /// Other tasks have not yet had their turn since something wanted to leave.
    corked: bool,
    /// How long the message on its way may still take to leave, once the session is done with the carrier.
    farewell: Option<Patience>,
}

/// Why a carrier ends.
enum End {
    /// The session wants nothing more of it.
    Finished,
    /// It was cut on purpose, without a word.
    Cut,
    /// The connection broke, or the peer ended it.
    Lost(Option<io::Error>),
    /// The peer said that it goes.
    Left,
}

impl Driver {
    async fn run(mut self) {
        let end = poll_fn(|cx| self.poll(cx)).await;
        let Driver { known, carrier, natives, .. } = self;
        drop(natives);
        match end {
            End::Finished => {
                tracing::debug!(carrier = known.id, "finished");
                carrier.close().await;
            }
            End::Left => {
                tracing::debug!(carrier = known.id, "left");
                known.shared.left(known.id);
            }
            End::Cut => tracing::debug!(carrier = known.id, "cut"),
            End::Lost(error) => {
                tracing::debug!(carrier = known.id, error = error.map(tracing::field::display), "lost");
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Poll::Ready(end) = self.poll_reading(cx) {
            return Poll::Ready(end);
        }
        match self.natives.as_mut().map_or(Poll::Pending, |natives| natives.poll(cx)) {
            Poll::Ready(error) => Poll::Ready(End::Lost(Some(error))),
            Poll::Pending => match self.poll_writing(cx) {
                Poll::Ready(Ok(end)) => Poll::Ready(end),
                Poll::Ready(Err(error)) => Poll::Ready(End::Lost(Some(error))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn poll_reading(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        for _ in 0..READS / BATCH {
            // A reader that is woken for every frame would run after each of them; a few frames at a time cost it one run.
            let mut wakes = Wakes::default();
            let read = self.read_batch(cx, &mut wakes);
            self.known.shared.wake(&mut wakes);
            if let ControlFlow::Break(end) = read {
                return end;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Goes on when there may be more.
    fn read_batch(&mut self, cx: &mut Context<'_>, wakes: &mut Wakes) -> ControlFlow<Poll<End>> {
        let Known { shared, id } = &self.known;
        for _ in 0..BATCH {
            match self.carrier.poll_receive(cx, |received| shared.receive(*id, received, wakes)) {
                Poll::Ready(Ok(Input::Some)) => {}
                Poll::Ready(Ok(Input::Left)) => return ControlFlow::Break(Poll::Ready(End::Left)),
                Poll::Ready(Ok(Input::End)) => return ControlFlow::Break(Poll::Ready(End::Lost(None))),
                Poll::Ready(Err(error)) => return ControlFlow::Break(Poll::Ready(End::Lost(Some(error)))),
                Poll::Pending => return ControlFlow::Break(Poll::Pending),
            }
        }
        ControlFlow::Continue(())
    }

    fn poll_writing(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<End>> {
        loop {
            if self.sending {
                if self.carrier.poll_flush(cx)?.is_pending() {
                    return self.poll_farewell(cx).map(Ok);
                }
                self.sending = false;
                self.farewell = None;
            }
            let room = self.carrier.room();
            match self.known.shared.next(self.known.id, room, &mut self.message, self.corked, cx.waker()) {
                Next::Message => {
                    // A message that took everything leaves the next one to those who write meanwhile.
                    self.corked = self.message.len() < room;
                    self.carrier.start_send(&mut self.message);
                    self.sending = true;
                }
                Next::Wanted => {
                    self.corked = false;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Next::Idle => {
                    self.corked = true;
                    self.carrier.rest();
                    return Poll::Pending;
                }
                Next::Finished => return Poll::Ready(Ok(End::Finished)),
                Next::Cut => return Poll::Ready(Ok(End::Cut)),
            }
        }
    }
}

impl Driver {
    /// A message does not leave. Nobody waits for that for ever: a peer that reads nothing, or asks for nothing, may never come back.
    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        match self.known.shared.while_sending(self.known.id, cx.waker()) {
            Next::Cut => Poll::Ready(End::Cut),
            Next::Finished => {
                let still = if self.carrier.kind() == CarrierKind::Http { FAREWELL_HTTP } else { FAREWELL };
                let written = self.carrier.written();
                let farewell = self.farewell.get_or_insert_with(|| Patience::new(still, written));
                farewell.poll(cx, written).map(|()| End::Cut)
            }
            Next::Message | Next::Wanted | Next::Idle => Poll::Pending,
        }
    }
}

/// Whatever ends the task, also a panic or an abort, the session learns that its carrier is gone.
struct Known {
    shared: Arc<Shared>,
    id: CarrierId,
}

impl Drop for Known {
    fn drop(&mut self) {
        self.shared.lost(self.id);
    }
}
