//! One stream of a client's: a connection to a target, made and carried by a task of its own. What the client sends goes to the target at once
//! where that takes it, and waits here otherwise; what the target sends is read only when there is room for it on the way to the client.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use pageport_link::relay::Moved;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::credit::{Credit, Overrun};
use super::line::Line;
use super::packet::{Kind, StreamId};
use crate::egress::Flow;
use crate::metrics::Metrics;

/// How long each may take: what was sent before a stream was closed, and the target's own end behind it.
pub(super) const LINGER: Duration = Duration::from_secs(5);

/// A stream, for whoever reads the client and for its own task.
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) kind: Kind,
    upload: Mutex<Upload>,
    /// There is something to write, or nothing will come any more.
    changed: Notify,
}

/// A target without a limit of speed.
pub(super) struct Direct {
    pub(super) tcp: Arc<TcpStream>,
    pub(super) flow: Arc<Flow>,
}

struct Upload {
    queue: VecDeque<Bytes>,
    credit: Credit,
    /// What takes bytes at once; `None` while it is not connected, and when it is to be slow.
    direct: Option<Direct>,
    /// What the task has taken and is not through with.
    taken: Option<Taken>,
    end: Option<End>,
}

/// Packets and their bytes together.
#[derive(Clone, Copy)]
struct Taken {
    packets: usize,
    bytes: usize,
}

/// How the client's side has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// What it sent is to arrive.
    Order,
    /// Nothing is.
    Broken,
}

/// What is to be written next.
pub(super) enum Next {
    Packets(VecDeque<Bytes>),
    End(End),
}

impl Stream {
    pub(super) fn new(id: StreamId, kind: Kind, line: &Line) -> Stream {
        let credit = Credit::new(line.buffer);
        let upload = Upload { queue: VecDeque::new(), credit, direct: None, taken: None, end: None };
        Stream { id, kind, upload: Mutex::new(upload), changed: Notify::new() }
    }

    /// From now on bytes may go to the target without waiting for the task.
    pub(super) fn connected(&self, direct: Direct) {
        self.lock().direct = Some(direct);
    }

    /// Takes a packet of the client's, and says what the client is to be told.
    ///
    /// # Errors
    /// The client sends more than it may.
    pub(super) fn push(
        &self,
        mut bytes: Bytes,
        line: &Line,
        metrics: &Metrics,
    ) -> Result<Option<u32>, Overrun> {
        let mut upload = self.lock();
        // What comes behind the end is for nobody.
        if upload.end.is_some() {
            return Ok(None);
        }
        if self.kind == Kind::Udp {
            upload.push_datagram(&bytes, line);
            drop(upload);
            self.changed.notify_waiters();
            return Ok(None);
        }
        upload.credit.receive()?;
        if upload.taken.is_none()
            && upload.queue.is_empty()
            && let Some(direct) = &upload.direct
            && let Ok(written) = direct.tcp.try_write(&bytes)
        {
            direct.flow.count(metrics, Moved::Out(written as u64));
            bytes.advance(written);
        }
        if bytes.is_empty() {
            return Ok(upload.credit.consume(1));
        }
        upload.push(&bytes, line);
        drop(upload);
        self.changed.notify_waiters();
        Ok(None)
    }

    /// The client's side has ended. What it said first counts.
    pub(super) fn end(&self, end: End) {
        self.lock().end.get_or_insert(end);
        self.changed.notify_waiters();
    }

    /// Waits for packets, at most `most`, or the end behind them.
    pub(super) async fn next(&self, most: usize) -> Next {
        loop {
            let changed = self.changed.notified();
            {
                let mut upload = self.lock();
                if upload.end == Some(End::Broken) {
                    return Next::End(End::Broken);
                }
                let count = upload.queue.len().min(most);
                if count > 0 {
                    let packets: VecDeque<_> = upload.queue.drain(..count).collect();
                    let bytes = packets.iter().map(Bytes::len).sum();
                    upload.taken = Some(Taken { packets: count, bytes });
                    return Next::Packets(packets);
                }
                if let Some(end) = upload.end {
                    return Next::End(end);
                }
            }
            changed.await;
        }
    }

    /// Waits until it has ended.
    pub(super) async fn ended(&self) -> End {
        loop {
            let changed = self.changed.notified();
            let end = self.lock().end;
            if let Some(end) = end {
                return end;
            }
            changed.await;
        }
    }

    /// Waits until nothing more is to arrive: what was sent before an end in order has its time.
    pub(super) async fn given_up(&self) {
        if self.ended().await == End::Order {
            sleep(LINGER).await;
        }
    }

    /// Waits until nobody needs the connection that is being made.
    pub(super) async fn unwanted(&self) {
        let waits = self.ended().await == End::Order && !self.lock().queue.is_empty();
        if waits {
            sleep(LINGER).await;
        }
    }

    /// The task is through with the packets that it took; says what the client is to be told.
    pub(super) fn done(&self, line: &Line) -> Option<u32> {
        let mut upload = self.lock();
        let packets = upload.let_go(line);
        // Nobody accounts for datagrams, nor for what has ended.
        let counts = self.kind == Kind::Tcp && upload.end.is_none();
        if counts { upload.credit.consume(packets as u64) } else { None }
    }

    /// What the client is told when the stream is connected.
    pub(super) fn grant(&self) -> u32 {
        self.lock().credit.grant()
    }

    /// Nothing that waits will be written any more.
    pub(super) fn discard(&self, line: &Line) {
        let mut upload = self.lock();
        upload.end = Some(End::Broken);
        // The connection ends now, not when the last packet of it has left.
        upload.direct = None;
        upload.let_go(line);
        for packet in std::mem::take(&mut upload.queue) {
            line.release(1, packet.len());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Upload> {
        self.upload.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upload {
    /// What was taken waits no more; how many packets it was.
    fn let_go(&mut self, line: &Line) -> usize {
        let Some(Taken { packets, bytes }) = self.taken.take() else { return 0 };
        line.release(packets, bytes);
        packets
    }

    fn push(&mut self, bytes: &[u8], line: &Line) {
        // As it came it would keep all that was read with it, of which nobody counts but this part.
        let bytes = Bytes::copy_from_slice(bytes);
        line.hold(&bytes);
        self.queue.push_back(bytes);
    }

    /// Datagrams may get lost: the oldest goes first.
    fn push_datagram(&mut self, bytes: &[u8], line: &Line) {
        if self.queue.len() >= line.buffer as usize
            && let Some(oldest) = self.queue.pop_front()
        {
            line.release(1, oldest.len());
        }
        self.push(bytes, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;

    #[test]
    fn what_waits_keeps_nothing_of_what_was_read_with_it() {
        let line = Line::new(&Limits::default());
        let stream = Stream::new(StreamId::new(1).expect("is one"), Kind::Tcp, &line);
        let read = Bytes::from(vec![7; 65_536]);
        let told = stream.push(read.slice(..8_192), &line, &Metrics::new()).expect("is granted");
        assert!(told.is_none() && read.is_unique());
    }
}
