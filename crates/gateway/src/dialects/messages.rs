//! One TCP connection over one WebSocket: what binary messages carry is what the connection carries, and where one message ends means nothing.
//!
//! Must never collect a message, nor read from one side what the other does not take.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use pageport_link::relay::{Broken, Moved};
use pageport_proto::Code;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::connect::over;
use super::end::{End, Reader, Writer};
use super::frames::{Control, Decoder, Event, HEAD_ROOM, Violation, put_head, reason};
use crate::egress::{Begun, Flow, Pace};
use crate::front::accept::UNSENT;
use crate::metrics::Metrics;
use crate::relay::Open;
use crate::shared::Shared;

/// What one read takes at most: with the head of a frame 64 KiB.
const READ_MAX: usize = 64 * 1024 - HEAD_ROOM;
/// How long either end may take to say goodbye.
const LINGER: Duration = Duration::from_secs(5);

/// How it came to an end.
enum Ended {
    /// The target said all, and the client took it and hung up.
    Complete,
    /// The target said all, and the client was told; but what the client still had to say is not all there.
    Half(Code),
    /// The client said goodbye, with this reason.
    Closed(Option<u16>),
    /// The client's connection ended without one.
    Gone,
    /// The client has broken the protocol.
    Broke(Violation),
    /// The target broke off.
    Target,
    /// It was ended from here.
    Over(Code),
}

/// What reads from the client tells what writes to it.
#[derive(Default)]
struct Pongs {
    owed: Mutex<Option<Box<Control>>>,
    changed: Notify,
}

/// Both directions of one connection.
struct Lane<'l> {
    metrics: &'l Metrics,
    flow: &'l Flow,
    pace: &'l Pace,
    pongs: &'l Pongs,
}

/// Relays to the end. `read_ahead` came from the client behind its handshake.
pub(super) async fn relay(
    shared: &Shared,
    mut client: End,
    read_ahead: Bytes,
    target: TcpStream,
    mut begun: Begun,
) {
    begun.flows();
    let open = Open::new(&shared.metrics.connects_open);
    let flow = Arc::clone(begun.flow());
    // What waits in the kernel is in nobody's budget.
    let _ = SockRef::from(&target).set_tcp_notsent_lowat(UNSENT);
    let mut target = End::from(target);
    // What of a frame the client has not taken yet. It is needed after all else is dropped: nothing may come in between.
    let mut unsent = BytesMut::new();
    let (pace, pongs) = (Pace::new(flow.bytes_per_second()), Pongs::default());
    let lane = Lane { metrics: &shared.metrics, flow: &flow, pace: &pace, pongs: &pongs };
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_target, to_target) = target.split();
        let up = lane.up(from_client, to_target, read_ahead);
        let down = lane.down(from_target, to_client, &mut unsent);
        tokio::select! {
            ended = both(up, down) => ended,
            code = over(shared, &flow) => Ended::Over(code),
        }
    };
    match ended.failed() {
        None => {
            let leaving = async {
                // To leave takes a while, and what may end a connection ends this, too.
                let left = tokio::select! {
                    () = lane.leave(&mut target) => Ok(()),
                    code = over(shared, &flow) => Err(Broken::Over(code)),
                };
                if left.is_ok() {
                    target.whole();
                }
                drop(target);
                begun.ended(left);
                drop((begun, open));
            };
            tokio::join!(leaving, farewell(client, &unsent, ended.last_word()));
        }
        Some(code) => {
            // What was cut short must not look complete, and what is forbidden ends now.
            drop(target);
            begun.failed(code);
            drop((begun, open));
            match ended {
                Ended::Gone => drop(client),
                _ => farewell(client, &unsent, ended.last_word()).await,
            }
        }
    }
}

/// When the target has said all, the client still may, until it has heard so: it answers with Close.
async fn both(up: impl Future<Output = Ended>, down: impl Future<Output = Result<(), Ended>>) -> Ended {
    let mut up = pin!(up);
    tokio::select! {
        ended = up.as_mut() => return ended,
        done = down => {
            if let Err(ended) = done {
                return ended;
            }
        }
    }
    match timeout(LINGER, up).await {
        Ok(Ended::Closed(_)) => Ended::Complete,
        Ok(Ended::Target) => Ended::Half(Code::ERR_TARGET_UNREACHABLE),
        Ok(_) | Err(_) => Ended::Half(Code::ERR_ABORTED),
    }
}

impl Lane<'_> {
    /// From the client to the target, until the client says goodbye.
    async fn up(&self, mut client: Reader<'_>, mut target: Writer<'_>, read_ahead: Bytes) -> Ended {
        let mut decoder = Decoder::default();
        let mut buffer = BytesMut::from(&read_ahead[..]);
        drop(read_ahead);
        loop {
            let mut at = 0;
            loop {
                match decoder.next(&mut buffer, &mut at) {
                    Ok(None) => break,
                    Ok(Some(Event::Data(place))) => {
                        if let Err(ended) = self.hand_on(&client, &mut target, &buffer[place]).await {
                            return ended;
                        }
                    }
                    Ok(Some(Event::Ping)) => self.pongs.owe(decoder.control()),
                    Ok(Some(Event::Pong)) => {}
                    Ok(Some(Event::Close(reason))) => return Ended::Closed(reason),
                    Err(violation) => return Ended::Broke(violation),
                }
            }
            self.pace.ready().await;
            match client.fill(&mut buffer, 0, READ_MAX.min(self.pace.piece())).await {
                Ok(0) | Err(_) => return Ended::Gone,
                Ok(_) => {}
            }
        }
    }

    async fn hand_on(
        &self,
        client: &Reader<'_>,
        target: &mut Writer<'_>,
        mut bytes: &[u8],
    ) -> Result<(), Ended> {
        while !bytes.is_empty() {
            self.pace.ready().await;
            let part = &bytes[..bytes.len().min(self.pace.piece())];
            let written = tokio::select! {
                biased;
                written = target.write(part) => written.map_err(|_| Ended::Target)?,
                // Who gives up must not wait for a target that does not read.
                () = client.broken() => return Err(Ended::Gone),
            };
            self.moved(Moved::Out(written as u64));
            self.pace.moved(written);
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// From the target to the client, until the target has said all and the client is told.
    async fn down(
        &self,
        mut target: Reader<'_>,
        mut client: Writer<'_>,
        unsent: &mut BytesMut,
    ) -> Result<(), Ended> {
        loop {
            let read = tokio::select! {
                biased;
                () = self.pongs.changed.notified() => None,
                read = async {
                    self.pace.ready().await;
                    target.fill(unsent, HEAD_ROOM, READ_MAX.min(self.pace.piece())).await
                } => Some(read),
            };
            match read {
                Some(Ok(length @ 1..)) => {
                    self.moved(Moved::In(length as u64));
                    self.pace.moved(length);
                    let start = put_head(unsent).unwrap_or_default();
                    unsent.advance(start);
                }
                Some(read) => {
                    unsent.clear();
                    read.map_err(|_| Ended::Target)?;
                    unsent.extend_from_slice(Control::close(reason::NORMAL, "").as_bytes());
                    return self.send(&target, &mut client, unsent).await;
                }
                None => {
                    if let Some(pong) = self.pongs.pay() {
                        unsent.extend_from_slice(pong.as_bytes());
                    }
                }
            }
            self.send(&target, &mut client, unsent).await?;
        }
    }

    async fn send(
        &self,
        target: &Reader<'_>,
        client: &mut Writer<'_>,
        unsent: &mut BytesMut,
    ) -> Result<(), Ended> {
        while !unsent.is_empty() {
            let written = tokio::select! {
                biased;
                written = client.write(unsent) => written.map_err(|_| Ended::Gone)?,
                () = target.broken() => return Err(Ended::Target),
            };
            unsent.advance(written);
        }
        client.flush().await.map_err(|_| Ended::Gone)
    }

    /// Closing over bytes that were not read would be a reset, and what is on its way to the target could be lost.
    async fn leave(&self, target: &mut End) {
        let (mut from_target, mut to_target) = target.split();
        if to_target.shutdown().await.is_err() {
            return;
        }
        let reading = async {
            let mut unwanted = BytesMut::new();
            loop {
                self.pace.ready().await;
                match from_target.fill(&mut unwanted, 0, READ_MAX.min(self.pace.piece())).await {
                    Ok(length @ 1..) => {
                        self.moved(Moved::In(length as u64));
                        self.pace.moved(length);
                    }
                    Ok(0) | Err(_) => return,
                }
            }
        };
        let _ = timeout(LINGER, reading).await;
    }

    fn moved(&self, moved: Moved) {
        self.flow.count(self.metrics, moved);
    }
}

impl Pongs {
    /// Only the newest ping has to be answered (RFC 6455 §5.5.3).
    fn owe(&self, payload: &[u8]) {
        *self.lock() = Some(Box::new(Control::pong(payload)));
        self.changed.notify_one();
    }

    fn pay(&self) -> Option<Box<Control>> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Control>>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ended {
    /// Why the connection counts as cut short; `None`: it is complete.
    fn failed(&self) -> Option<Code> {
        match self {
            Ended::Complete | Ended::Closed(_) => None,
            Ended::Gone | Ended::Broke(_) => Some(Code::ERR_ABORTED),
            Ended::Target => Some(Code::ERR_TARGET_UNREACHABLE),
            Ended::Half(code) | Ended::Over(code) => Some(*code),
        }
    }

    /// What the client is told; `None`: nothing more.
    fn last_word(&self) -> Option<Control> {
        let told = |why, code: Code| Some(Control::close(why, code.name().unwrap_or_default()));
        match self {
            Ended::Complete | Ended::Half(_) | Ended::Gone => None,
            Ended::Closed(None) => Some(Control::close_without_reason()),
            Ended::Closed(Some(reason)) => Some(Control::close(*reason, "")),
            Ended::Broke(violation) => Some(Control::close(violation.reason(), &violation.to_string())),
            Ended::Target => told(reason::FAILED, Code::ERR_TARGET_UNREACHABLE),
            Ended::Over(code @ Code::ERR_GOING_AWAY) => told(reason::GOING_AWAY, *code),
            Ended::Over(code) => told(reason::POLICY, *code),
        }
    }
}

/// The rest of a frame, the last word, and the end, for a client that may be slow to take them.
async fn farewell(mut client: End, unsent: &[u8], last: Option<Control>) {
    // A WebSocket without a Close says itself that it was cut short.
    client.whole();
    let (mut from_client, mut to_client) = client.split();
    let saying = async {
        to_client.write_all(unsent).await?;
        if let Some(last) = last {
            to_client.write_all(last.as_bytes()).await?;
        }
        to_client.shutdown().await
    };
    if let Ok(Ok(())) = timeout(LINGER, saying).await {
        let _ = timeout(LINGER, from_client.discard()).await;
    }
}
