//! Bytes between a client and a target.
//!
//! Must never end a connection in order when something that was taken for it did not go there.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::pin;
use std::sync::Arc;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use pageport_link::relay::{Broken, Moved};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::job::Job;
use super::line::Out;
use super::packet::{HEADER, begin_data};
use super::reason::Reason;
use super::stream::{Direct, End, LINGER, Next};
use crate::dialects::connect::over;
use crate::egress::{Flow, Pace};
use crate::front::accept::UNSENT;
use crate::reach::Reached;
use crate::relay::{Open, Unfinished, broken, tear};

/// What one read takes: with its header the longest message whose length fits into 16 bits (RFC 6455 §5.2). A target that says little gets little.
const READ_MAX: usize = 64 * 1024 - 1 - HEADER;
const READ_MIN: usize = 2 * 1024;
/// Packets that one write hands to the kernel.
const BATCH: usize = 16;

impl Job {
    /// Carries to the end; `None`: the client has ended it.
    pub(super) async fn carry(&self, Reached { tcp, mut begun, .. }: Reached) -> Option<Reason> {
        begun.flows();
        let _open = Open::new(&self.shared.metrics.connects_open);
        // What waits in the kernel is in nobody's budget.
        let _ = SockRef::from(&tcp).set_tcp_notsent_lowat(UNSENT);
        let (tcp, flow) = (Arc::new(tcp), Arc::clone(begun.flow()));
        let unfinished = Unfinished::new(&*tcp);
        let pace = Pace::new(flow.bytes_per_second());
        if flow.bytes_per_second().is_none() {
            self.stream.connected(Direct { tcp: Arc::clone(&tcp), flow: Arc::clone(&flow) });
        }
        if self.confirm {
            self.line.send(Out::Grant(Arc::clone(&self.stream), self.stream.grant()));
        }
        let ended = tokio::select! {
            ended = self.both(&tcp, &flow, &pace) => ended,
            () = broken(&tcp) => Err(Broken::Socket),
            code = over(&self.shared, &flow) => Err(Broken::Over(code)),
        };
        let ended = unfinished.ended(ended);
        begun.ended(ended.map(|_| ()));
        match ended {
            Ok(reason) => reason,
            Err(Broken::Socket) => Some(Reason::Network),
            Err(Broken::Over(code)) => Some(code.into()),
            Err(Broken::Stream) => None,
        }
    }

    /// Until either end has ended it, and what the client sent before is there. `None`: the client has.
    async fn both(&self, tcp: &TcpStream, flow: &Flow, pace: &Pace) -> Result<Option<Reason>, Broken> {
        let mut upload = pin!(self.upload(tcp, flow, pace));
        tokio::select! {
            biased;
            _ = self.stream.ended() => {}
            ended = upload.as_mut() => return ended.map(|()| None),
            ended = self.download(tcp, flow, pace) => {
                ended?;
                // It may still listen: what waits for it has its time, and else this is no end in order.
                self.stream.end(End::Order);
                return match upload.await {
                    Ok(()) => Ok(Some(Reason::Voluntary)),
                    Err(_) => {
                        tear(tcp);
                        Err(Broken::Socket)
                    }
                };
            }
        }
        // Nobody wants to hear more. But closing over bytes that were not read would be a reset, which takes along what is on its way there.
        let mut discarded = pin!(self.discard(tcp, flow, pace));
        tokio::select! {
            ended = upload.as_mut() => {
                ended?;
                let _ = timeout(LINGER, discarded).await;
            }
            ended = discarded.as_mut() => {
                ended?;
                upload.await?;
            }
        }
        Ok(None)
    }

    /// From the target to nobody, until the target has ended.
    async fn discard(&self, tcp: &TcpStream, flow: &Flow, pace: &Pace) -> Result<(), Broken> {
        loop {
            pace.ready().await;
            poll_fn(|cx| tcp.poll_read_ready(cx)).await.map_err(|_| Broken::Socket)?;
            match tcp.try_read(&mut [0; READ_MIN]) {
                Ok(0) => return Ok(()),
                Ok(read) => {
                    flow.count(&self.shared.metrics, Moved::In(read as u64));
                    pace.moved(read);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(Broken::Socket),
            }
        }
    }

    /// From the target to the client, until the target has ended.
    async fn download(&self, tcp: &TcpStream, flow: &Flow, pace: &Pace) -> Result<(), Broken> {
        let mut size = READ_MIN;
        loop {
            pace.ready().await;
            poll_fn(|cx| tcp.poll_read_ready(cx)).await.map_err(|_| Broken::Socket)?;
            size = size.min(pace.piece());
            let room = self.line.room(u32::try_from(size).unwrap_or(u32::MAX)).await;
            let mut room = room.map_err(|_| Broken::Stream)?;
            // The buffer lives from here to the next line that waits: an idle stream has none.
            let mut packet = BytesMut::with_capacity(HEADER + size);
            begin_data(&mut packet, self.stream.id);
            let read = match tcp.try_read_buf(&mut (&mut packet).limit(size)) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => return Err(Broken::Socket),
            };
            flow.count(&self.shared.metrics, Moved::In(read as u64));
            pace.moved(read);
            drop(room.split(size - read));
            // A few bytes must not keep a large buffer for as long as the client does not read.
            let packet = if read * 2 < size { Bytes::copy_from_slice(&packet) } else { packet.freeze() };
            self.line.send(Out::Data(Arc::clone(&self.stream), packet, room));
            size = if read == size { (size * 2).min(READ_MAX) } else { (read * 2).clamp(READ_MIN, READ_MAX) };
        }
    }

    /// From the client to the target, until the client has ended.
    async fn upload(&self, tcp: &TcpStream, flow: &Flow, pace: &Pace) -> Result<(), Broken> {
        let writing = async {
            loop {
                match self.stream.next(BATCH).await {
                    Next::Packets(packets) => {
                        let written = self.write(packets, tcp, flow, pace).await;
                        if let Some(more) = self.stream.done(&self.line) {
                            self.line.send(Out::Grant(Arc::clone(&self.stream), more));
                        }
                        written.map_err(|_| Broken::Socket)?;
                    }
                    Next::End(End::Order) => {
                        // An end that is gone already shows when it is read from.
                        let _ = SockRef::from(tcp).shutdown(Shutdown::Write);
                        return Ok(());
                    }
                    Next::End(End::Broken) => return Err(Broken::Stream),
                }
            }
        };
        tokio::select! {
            ended = writing => ended,
            () = self.stream.given_up() => Err(Broken::Stream),
        }
    }

    async fn write(
        &self,
        mut packets: VecDeque<Bytes>,
        tcp: &TcpStream,
        flow: &Flow,
        pace: &Pace,
    ) -> io::Result<()> {
        while !packets.is_empty() {
            pace.ready().await;
            poll_fn(|cx| tcp.poll_write_ready(cx)).await?;
            let mut slices = [IoSlice::new(&[]); BATCH];
            let mut left = pace.piece();
            let mut count = 0;
            for (slice, packet) in slices.iter_mut().zip(&packets) {
                let part = packet.len().min(left);
                *slice = IoSlice::new(&packet[..part]);
                left -= part;
                count += 1;
            }
            match tcp.try_write_vectored(&slices[..count]) {
                Ok(written) => {
                    flow.count(&self.shared.metrics, Moved::Out(written as u64));
                    pace.moved(written);
                    advance(&mut packets, written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn advance(packets: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(packet) = packets.front_mut() {
        if written < packet.len() {
            return packet.advance(written);
        }
        written -= packet.len();
        packets.pop_front();
    }
}
