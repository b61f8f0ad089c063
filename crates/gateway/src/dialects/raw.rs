//! One TCP connection over what was an HTTP/1.1 connection: bytes, each direction to its own end. Within the kernel where both are plain TCP, nothing
//! slows them down, and more comes than one call takes.
//!
//! Must never look at a byte, nor make a connection look complete that was cut short.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use pageport_link::relay::{Broken, Moved};
use socket2::SockRef;
use tokio::net::TcpStream;

use super::connect::over;
use super::end::{End, Reader, Writer};
use super::splice::Pipes;
use crate::egress::{Begun, Flow, Pace};
use crate::front::accept::UNSENT;
use crate::relay::Open;
use crate::shared::Shared;

/// What one read takes at most.
const READ_MAX: usize = 64 * 1024;

/// One direction, which a flow counts and slows down.
struct Lane<'l> {
    shared: &'l Shared,
    flow: &'l Flow,
    pace: &'l Pace,
    moved: fn(u64) -> Moved,
    /// How it is called when the end breaks that is read from, and the one that is written to.
    broken: [Broken; 2],
}

/// Relays to the end. `read_ahead` came from the client behind its request.
pub(super) async fn relay(
    shared: &Shared,
    mut client: End,
    read_ahead: Bytes,
    target: TcpStream,
    mut begun: Begun,
) {
    begun.flows();
    let _open = Open::new(&shared.metrics.connects_open);
    let flow = Arc::clone(begun.flow());
    // What waits in the kernel is in nobody's budget.
    let _ = SockRef::from(&target).set_tcp_notsent_lowat(UNSENT);
    let mut target = End::from(target);
    let ended = {
        let pace = Pace::new(flow.bytes_per_second());
        let (from_client, to_client) = client.split();
        let (from_target, to_target) = target.split();
        let lane = |moved, broken| Lane { shared, flow: &flow, pace: &pace, moved, broken };
        let up = lane(Moved::Out, [Broken::Stream, Broken::Socket]);
        let down = lane(Moved::In, [Broken::Socket, Broken::Stream]);
        let both = async {
            let up = up.run(from_client, to_target, &read_ahead);
            tokio::try_join!(up, down.run(from_target, to_client, &[])).map(|_| ())
        };
        tokio::select! {
            ended = both => ended,
            code = over(shared, &flow) => Err(Broken::Over(code)),
        }
    };
    if ended.is_ok() {
        client.whole();
        target.whole();
    }
    drop((client, target));
    begun.ended(ended);
}

impl Lane<'_> {
    async fn run(&self, mut from: Reader<'_>, mut to: Writer<'_>, ahead: &[u8]) -> Result<(), Broken> {
        for piece in ahead.chunks(self.pace.piece()) {
            self.pace.ready().await;
            self.pace.moved(piece.len());
            self.write(&from, &mut to, piece).await?;
        }
        let mut buffer = BytesMut::new();
        loop {
            self.pace.ready().await;
            let most = READ_MAX.min(self.pace.piece());
            let read = tokio::select! {
                biased;
                read = from.fill(&mut buffer, 0, most) => read.map_err(|_| self.broken[0])?,
                () = to.broken() => return Err(self.broken[1]),
            };
            if read == 0 {
                return to.shutdown().await.map_err(|_| self.broken[1]);
            }
            self.pace.moved(read);
            self.write(&from, &mut to, &buffer).await?;
            // There is more than one call takes. Of less a copy is cheaper than the calls for a pipe.
            if read == READ_MAX {
                buffer = BytesMut::new();
                self.splice(&from, &to).await?;
            }
        }
    }

    /// For as long as much comes at once, unless something else than the kernel has to do it.
    async fn splice(&self, from: &Reader<'_>, to: &Writer<'_>) -> Result<(), Broken> {
        let (Some(from), Some(to), None) = (from.tcp(), to.tcp(), self.flow.bytes_per_second()) else {
            return Ok(());
        };
        let pipes: &Pipes = &self.shared.pipes;
        let most = self.shared.policy.load().limits.splice_pipes;
        loop {
            match pipes.load(from, most) {
                Ok(Some(load)) if load.left() > 0 => {
                    let left = load.left();
                    tokio::select! {
                        biased;
                        done = load.unload(to, |length| self.count(length)) => done.map_err(|_| self.broken[1])?,
                        () = pageport_link::relay::broken(from) => return Err(self.broken[0]),
                    }
                    if left < READ_MAX {
                        return Ok(());
                    }
                }
                // The end, which is to be read, nothing now, or no pipe.
                Ok(_) | Err(None) => return Ok(()),
                Err(Some(_)) => return Err(self.broken[0]),
            }
        }
    }

    async fn write(&self, from: &Reader<'_>, to: &mut Writer<'_>, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let written: io::Result<usize> = tokio::select! {
                biased;
                written = to.write(bytes) => written,
                () = from.broken() => return Err(self.broken[0]),
            };
            let written = written.map_err(|_| self.broken[1])?;
            self.count(written);
            bytes = &bytes[written..];
        }
        to.flush().await.map_err(|_| self.broken[1])
    }

    fn count(&self, bytes: usize) {
        self.flow.count(&self.shared.metrics, (self.moved)(bytes as u64));
    }
}
