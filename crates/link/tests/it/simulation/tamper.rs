//! Faults that are planted between a page and its network, to see that the checks can fail.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use pageport_proto::frame::{self, Decoded, Frame, Mark};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// One bit of the byte at this offset of what comes is another.
    Flip { at: u64 },
    /// The ACK that says that the end of the page's first stream has been read does not come. For the carrier `bytes` only.
    LoseFinalAck,
}

/// A connection with a fault in it.
pub(crate) struct Tampered<I> {
    io: I,
    fault: Fault,
    /// How many bytes have come.
    came: u64,
    /// The HTTP part is over.
    upgraded: bool,
    /// What came and is not a whole frame, and what is to be handed over.
    unfinished: BytesMut,
    ready: BytesMut,
    /// What leaves, to know where the first stream ends.
    leaving: BytesMut,
    end: Option<u64>,
    lost: bool,
}

impl<I> Tampered<I> {
    pub(crate) fn new(io: I, fault: Fault) -> Tampered<I> {
        Tampered {
            io,
            fault,
            came: 0,
            upgraded: false,
            unfinished: BytesMut::new(),
            ready: BytesMut::new(),
            leaving: BytesMut::new(),
            end: None,
            lost: false,
        }
    }

    fn take(&mut self, mut bytes: Vec<u8>) {
        if let Fault::Flip { at } = self.fault {
            let index = at.checked_sub(self.came).and_then(|index| usize::try_from(index).ok());
            if let Some(byte) = index.and_then(|index| bytes.get_mut(index)) {
                *byte ^= 1;
            }
        }
        self.came += bytes.len() as u64;
        self.unfinished.extend_from_slice(&bytes);
        match self.fault {
            Fault::Flip { .. } => self.ready.unsplit(self.unfinished.split()),
            Fault::LoseFinalAck => self.filter(),
        }
    }

    fn filter(&mut self) {
        if !self.upgraded {
            let Some(at) = self.unfinished.windows(4).position(|end| end == b"\r\n\r\n") else { return };
            self.upgraded = true;
            self.ready.unsplit(self.unfinished.split_to(at + 4));
        }
        while let Some((frame, raw)) = next(&mut self.unfinished) {
            let is_it = matches!((&frame, self.end), (Frame::Ack(list), Some(end))
                if list.iter().any(|ack| ack.stream.get() == 1 && ack.received > end));
            if is_it && !self.lost {
                self.lost = true;
            } else {
                self.ready.extend_from_slice(&raw);
            }
        }
    }

    fn watch(&mut self, bytes: &[u8]) {
        self.leaving.extend_from_slice(bytes);
        if self.leaving.starts_with(b"GET ") {
            let Some(at) = self.leaving.windows(4).position(|end| end == b"\r\n\r\n") else { return };
            self.leaving.advance(at + 4);
        }
        while let Some((frame, _)) = next(&mut self.leaving) {
            if let Frame::Data(data) = frame
                && data.stream.get() == 1
                && data.mark == Mark::Fin
            {
                self.end = Some(data.offset + data.bytes.len() as u64);
            }
        }
    }
}

/// The next whole frame, and its bytes.
fn next(bytes: &mut BytesMut) -> Option<(Frame, Bytes)> {
    let mut rest = Bytes::copy_from_slice(bytes);
    let before = rest.len();
    let Ok(Decoded::Frame(frame)) = frame::decode(&mut rest) else { return None };
    Some((frame, bytes.split_to(before - rest.len()).freeze()))
}

impl<I: AsyncRead + Unpin> AsyncRead for Tampered<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.ready.is_empty() {
            let mut chunk = [0; 16 * 1024];
            let mut read = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut this.io).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.take(read.filled().to_vec());
        }
        let len = this.ready.len().min(buf.remaining());
        buf.put_slice(&this.ready.split_to(len));
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Tampered<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        self.watch(&buf[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
