//! To a UDP server: datagrams whose flow is the stream's id, for as long as the stream is open (§7.5).
//!
//! Must never send anywhere but to the address that was judged, nor pass on what came from another one.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use pageport_link::relay::{Broken, Moved};
use pageport_link::{ReadHalf, Session, WriteHalf};
use pageport_proto::Code;
use pageport_proto::head::{Ready, Reply};
use pageport_proto::limits::DATAGRAM;
use pageport_proto::target::{Endpoint, Protocol, Target};
use tokio::net::UdpSocket;

use super::attempt::attempt;
use super::datagrams::Queue;
use crate::egress::{Flow, Pace, Wanted};
use crate::lifetime::Slot;
use crate::metrics::{Metrics, Undelivered};
use crate::reach::{ReachedUdp, code_of, reach_udp};
use crate::relay::Open;
use crate::requests::asked::Asked;
use crate::sessions::Entry;
use crate::shared::Shared;

/// How many datagrams of a target are taken at once: what carries them must have its turn before their queue is full.
const AT_ONCE: usize = 16;

/// Connects, answers, and relays to the end.
pub(super) async fn connect(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    to: Endpoint,
    slot: Slot,
    asked: Asked,
) {
    let wanted = Wanted::from(Target { protocol: Protocol::Udp, endpoint: to });
    let reaching = reach_udp(shared, entry.seeker(), &wanted, slot);
    let Some((reached, asked)) = attempt(shared, entry, &wanted, asked, reaching).await else { return };
    let ReachedUdp { socket, mut begun } = reached;
    let Ok(address) = socket.peer_addr() else { return asked.end(Code::ERR_TARGET_UNREACHABLE) };
    let stream = asked.id();
    // Before the reply leaves: what comes behind it may be the first of them.
    let listed = entry.datagrams.list(shared, entry, stream);
    let Some((mut read, mut write)) = asked.accept(&Reply::Ok(Ready {})) else { return };
    begun.flows();
    let _open = Open::new(&shared.metrics.connects_open);
    let flow = Arc::clone(begun.flow());
    let pace = Pace::new(flow.bytes_per_second());
    let way = Way { socket, address, wanted: &wanted, pace, flow: &flow, metrics: &shared.metrics };

    let relayed = async {
        let outward = way.outward(&listed.queue);
        tokio::pin!(outward);
        tokio::select! {
            ended = end_of(&mut read, &mut write) => ended?,
            failed = &mut outward => failed?,
            failed = way.inward(&entry.session, stream) => return Err(failed),
        }
        // What came before the end may still wait.
        entry.datagrams.hand_over(shared, entry).await;
        listed.queue.close();
        tokio::select! {
            sent = outward => sent,
            // Who gives up, or is gone, does not wait for a rule that is slow.
            _ = write.stopped() => Err(Broken::Stream),
        }
    };
    let ended = tokio::select! {
        ended = relayed => ended,
        code = flow.over() => Err(Broken::Over(code)),
    };
    match ended {
        Ok(()) => write.finish(),
        // Dropping the halves tells the page what it does not know yet.
        Err(Broken::Stream) => {}
        Err(Broken::Socket) => end(&mut read, &mut write, Code::ERR_TARGET_UNREACHABLE),
        Err(Broken::Over(code)) => end(&mut read, &mut write, code),
    }
    begun.ended(ended);
    entry.tell_datagrams(&shared.metrics);
}

/// Waits until the page ends the stream, on which nothing else may come.
async fn end_of(read: &mut ReadHalf, write: &mut WriteHalf) -> Result<(), Broken> {
    tokio::select! {
        chunk = read.read_chunk() => match chunk {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(Broken::Over(Code::ERR_UNEXPECTED_DATA)),
            Err(_) => Err(Broken::Stream),
        },
        _ = write.stopped() => Err(Broken::Stream),
    }
}

fn end(read: &mut ReadHalf, write: &mut WriteHalf, code: Code) {
    write.reset(code);
    read.stop(code);
}

/// The way to a target and back.
struct Way<'a> {
    socket: UdpSocket,
    address: SocketAddr,
    wanted: &'a Wanted,
    pace: Pace,
    flow: &'a Flow,
    metrics: &'a Metrics,
}

impl Way<'_> {
    /// Sends what the page does, until no more comes.
    async fn outward(&self, queue: &Queue) -> Result<(), Broken> {
        while let Some(bytes) = queue.next().await {
            self.pace.ready().await;
            self.socket.send(&bytes).await.map_err(|error| self.broken(&error))?;
            self.moved(Moved::Out(bytes.len() as u64), bytes.len());
        }
        Ok(())
    }

    /// Passes on what the target sends. Ends only when something is wrong.
    async fn inward(&self, session: &Session, stream: u64) -> Broken {
        // One more than may pass shows that a datagram was longer.
        let mut buffer = [0; DATAGRAM + 1];
        loop {
            for _ in 0..AT_ONCE {
                self.pace.ready().await;
                match self.socket.recv_from(&mut buffer).await {
                    // What came before the socket was connected: nobody has asked for it.
                    Ok((_, from)) if (from.ip(), from.port()) != (self.address.ip(), self.address.port()) => {
                        self.metrics.undelivered(Undelivered::Unsolicited, 1);
                    }
                    Ok((length, _)) if length > DATAGRAM => {
                        self.metrics.undelivered(Undelivered::Oversize, 1);
                    }
                    Ok((length, _)) => {
                        self.moved(Moved::In(length as u64), length);
                        session.send_datagram(stream, Bytes::copy_from_slice(&buffer[..length]));
                    }
                    Err(error) => return self.broken(&error),
                }
            }
            tokio::task::yield_now().await;
        }
    }

    fn moved(&self, moved: Moved, bytes: usize) {
        self.pace.moved(bytes);
        self.flow.count(self.metrics, moved);
    }

    /// What ICMP, or the network below, says.
    fn broken(&self, error: &io::Error) -> Broken {
        Broken::Over(code_of(self.wanted, error))
    }
}
