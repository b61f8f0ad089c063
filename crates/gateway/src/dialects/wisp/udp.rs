//! Datagrams between a client and a target, each in a packet of its own. What finds no room on its way is lost, as on any network.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use pageport_link::relay::Moved;
use pageport_proto::Code;
use tokio::net::UdpSocket;

use super::job::Job;
use super::line::Out;
use super::packet::{HEADER, begin_data};
use super::reason::Reason;
use super::stream::Next;
use crate::dialects::connect::over;
use crate::egress::{Flow, Pace, Wanted};
use crate::metrics::Undelivered;
use crate::reach::{ReachedUdp, unreachable};
use crate::relay::Open;

/// The longest datagram that there is (RFC 768, with the header of IPv4).
const LONGEST: usize = 65_507;
/// Datagrams that are taken from the client at a time.
const BATCH: usize = 16;

impl Job {
    /// Lets datagrams pass to the end; `None`: the client has ended it.
    pub(super) async fn exchange(
        &self,
        ReachedUdp { socket, mut begun }: ReachedUdp,
        wanted: &Wanted,
    ) -> Option<Reason> {
        begun.flows();
        let _open = Open::new(&self.shared.metrics.connects_open);
        let flow = Arc::clone(begun.flow());
        let pace = Pace::new(flow.bytes_per_second());
        let code_of = |error: &io::Error| {
            Code::from_name(&unreachable(wanted, error).error).unwrap_or(Code::ERR_TARGET_UNREACHABLE)
        };
        let failed = tokio::select! {
            biased;
            () = self.stream.given_up() => Some(Code::ERR_ABORTED),
            error = self.receive(&socket, &flow, &pace) => Some(code_of(&error)),
            ended = self.transmit(&socket, &flow, &pace) => ended.err().map(|error| code_of(&error)),
            code = over(&self.shared, &flow) => Some(code),
        };
        match failed {
            Some(code) => begun.failed(code),
            None => begun.ended(Ok(())),
        }
        failed.map(Code::into)
    }

    /// From the target to the client, until the target is not there.
    async fn receive(&self, socket: &UdpSocket, flow: &Flow, pace: &Pace) -> io::Error {
        let target = match socket.peer_addr() {
            Ok(target) => target,
            Err(error) => return error,
        };
        loop {
            pace.ready().await;
            if let Err(error) = poll_fn(|cx| socket.poll_recv_ready(cx)).await {
                return error;
            }
            let mut packet = BytesMut::with_capacity(HEADER + LONGEST);
            begin_data(&mut packet, self.stream.id);
            let read = match socket.try_recv_buf_from(&mut (&mut packet).limit(LONGEST)) {
                // What came before the socket was connected: nobody has asked for it.
                Ok((_, from)) if (from.ip(), from.port()) != (target.ip(), target.port()) => {
                    self.shared.metrics.undelivered(Undelivered::Unsolicited, 1);
                    continue;
                }
                Ok((read, _)) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return error,
            };
            flow.count(&self.shared.metrics, Moved::In(read as u64));
            pace.moved(read);
            if let Some(room) = self.line.try_room(u32::try_from(packet.len()).unwrap_or(u32::MAX)) {
                let packet = bytes::Bytes::copy_from_slice(&packet);
                self.line.send(Out::Data(Arc::clone(&self.stream), packet, room));
            }
        }
    }

    /// From the client to the target, until the client has ended.
    async fn transmit(&self, socket: &UdpSocket, flow: &Flow, pace: &Pace) -> io::Result<()> {
        loop {
            let Next::Packets(datagrams) = self.stream.next(BATCH).await else { return Ok(()) };
            let sent = async {
                // What is longer is no datagram.
                for datagram in datagrams.iter().filter(|datagram| datagram.len() <= LONGEST) {
                    pace.ready().await;
                    match socket.send(datagram).await {
                        Ok(sent) => {
                            flow.count(&self.shared.metrics, Moved::Out(sent as u64));
                            pace.moved(sent);
                        }
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            };
            let sent = sent.await;
            self.stream.done(&self.line);
            sent?;
        }
    }
}
