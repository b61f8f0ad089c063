//! The carrier `bytes`: frames back to back on a plain connection.
//!
//! Nothing large is copied in either direction, and nothing is held while nothing moves: the first read goes to the stack, and a
//! buffer exists only as long as the connection brings more than fits there, or a frame is unfinished.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use pageport_proto::limits;
use pageport_proto::varint::{self, Peek};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::{Input, Received, Wire};
use crate::block::Block;

/// What the first read of a quiet connection takes; PING, PONG and small messages need no more.
const SMALL: usize = 2 * 1024;
/// What a read takes while small frames stream in: doubled as long as reads come back full.
const FIRST: usize = 4 * 1024;
const LARGE: usize = 64 * 1024;
/// Frames from this size on are read to their border, so that the next one begins in a buffer of its own: the session keeps their
/// bytes where they are, and whatever else a buffer holds would be kept with them.
const BORDER: usize = 8 * 1024;
/// How far beyond the border: enough for type and length of a frame.
const HEADER: usize = 16;
/// The largest frame and its header; who sends a larger one is told so, and must not say what room is made for it.
const FRAME: usize = limits::FRAME + HEADER;
/// How many pieces one write hands to the kernel.
const PIECES: usize = 64;

/// Frames back to back; made by [`super::Carrier::bytes`].
#[derive(Debug)]
pub struct BytesCarrier {
    wire: Wire,
    /// The beginning of an unfinished frame, and room for more.
    unfinished: Block,
    /// What the next read takes; zero while the connection brings no more than the stack takes.
    size: usize,
    sending: VecDeque<Bytes>,
}

impl BytesCarrier {
    pub(super) fn new(wire: Wire) -> BytesCarrier {
        BytesCarrier { wire, unfinished: Block::default(), size: 0, sending: VecDeque::new() }
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        mut deliver: impl FnMut(Received<'_>),
    ) -> Poll<io::Result<Input>> {
        let block = if self.size > 0 || !self.unfinished.is_empty() {
            match self.poll_fill(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(Input::End)),
                Poll::Ready(Ok(_)) if self.is_partial() => {
                    // Nothing to take yet, but it proves life, and is judged by its header.
                    let header = &self.unfinished[..self.unfinished.len().min(HEADER)];
                    let mut header = Bytes::copy_from_slice(header);
                    deliver(Received::Frames(&mut header, HEADER));
                    if header.is_empty() {
                        self.unfinished = Block::default();
                    }
                    return Poll::Ready(Ok(Input::Some));
                }
                Poll::Ready(Ok(_)) => std::mem::take(&mut self.unfinished),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.cool_down();
                    return Poll::Pending;
                }
            }
        } else {
            let mut small = [0; SMALL];
            let mut buf = ReadBuf::new(&mut small);
            ready!(Pin::new(&mut self.wire).poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Ok(Input::End));
            }
            self.size = if buf.remaining() == 0 { FIRST } else { 0 };
            Block::copy_from(buf.filled())
        };
        let kept = block.capacity();
        let mut bytes = block.freeze();
        deliver(Received::Frames(&mut bytes, kept));
        if !bytes.is_empty() {
            self.unfinished = Block::copy_from(&bytes);
        }
        Poll::Ready(Ok(Input::Some))
    }

    pub(super) fn start_send(&mut self, parts: Vec<Bytes>) {
        debug_assert!(self.sending.is_empty());
        self.sending = parts.into();
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.sending.is_empty() {
            let mut slices = [IoSlice::new(&[]); PIECES];
            let count = self.sending.len().min(PIECES);
            for (slice, part) in slices.iter_mut().zip(&self.sending) {
                *slice = IoSlice::new(part);
            }
            let written = ready!(Pin::new(&mut self.wire).poll_write_vectored(cx, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        self.sending = VecDeque::new();
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    /// Says that nothing more comes, and waits for the peer to say the same: closing over unread bytes would tear what is still
    /// on its way there.
    pub(super) async fn close(mut self) {
        // Whatever was refused says nothing of what comes.
        self.unfinished = Block::default();
        let flushed = poll_fn(|cx| self.poll_flush(cx)).await;
        if flushed.is_ok() && self.wire.shutdown().await.is_ok() {
            let ignore = |received: Received<'_>| {
                if let Received::Frames(bytes, _) = received {
                    bytes.clear();
                }
            };
            while let Ok(Input::Some) = poll_fn(|cx| self.poll_receive(cx, ignore)).await {}
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let rest = match self.frame_len() {
            Some(len @ BORDER..=FRAME) => Some((len + HEADER).saturating_sub(self.unfinished.len())),
            _ => None,
        };
        let mut room = self.unfinished.room(rest.unwrap_or(self.size.max(FIRST)));
        let all = room.limit();
        let read = ready!(poll_read_buf(Pin::new(&mut self.wire), cx, &mut room))?;
        if rest.is_none() && read == all {
            self.size = (all * 2).clamp(FIRST, LARGE);
        }
        Poll::Ready(Ok(read))
    }

    /// It begins with a frame whose end is not here.
    fn is_partial(&self) -> bool {
        self.frame_len().is_some_and(|len| len > self.unfinished.len())
    }

    /// How long the unfinished frame is in all, once its header is here. What is no header is for the session to judge.
    fn frame_len(&self) -> Option<usize> {
        let Peek::Value(_, at) = varint::peek(&self.unfinished) else { return None };
        let Peek::Value(len, len_at) = varint::peek(&self.unfinished[at..]) else { return None };
        usize::try_from(len).ok()?.checked_add(at + len_at)
    }

    /// Nothing comes for now, so a few bytes of a frame need no more room than themselves.
    fn cool_down(&mut self) {
        if self.unfinished.len() <= SMALL && self.unfinished.capacity() > SMALL {
            self.size = if self.unfinished.is_empty() { 0 } else { FIRST };
            self.unfinished = Block::copy_from(&self.unfinished);
        }
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(part) = self.sending.front_mut() {
            if written < part.len() {
                part.advance(written);
                return;
            }
            written -= part.len();
            self.sending.pop_front();
        }
    }
}
