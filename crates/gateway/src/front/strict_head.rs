//! What hyper leaves open about request heads. Lines end in CR LF: a bare LF, which RFC 9112 §2.2 lets a recipient take for a line's
//! end, is what request smuggling is made of; and so are a body with two lengths, and transfer codings beside `chunked`. And every refusal
//! has a code: hyper's own bare 400 and 431 get one.
//!
//! It sits between hyper and the socket, looks at heads only (and at where bodies end), and is gone once a connection was upgraded.

mod answers;
mod scan;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use pageport_proto::Code;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) use self::answers::Answers;
use self::scan::Scan;
use super::respond::Refusal;
use super::transport::Transport;

/// A connection whose request heads are looked at before hyper sees them.
#[derive(Debug)]
pub(crate) struct StrictHead {
    inner: Transport,
    /// What was read already to tell HTTP/1.1 from HTTP/2.
    ahead: Bytes,
    scan: Scan,
    answers: Answers,
    /// How many answers had begun when all of them had left: what is written before the next one begins is hyper's own.
    settled: u64,
    /// What is sent in place of hyper's own answer, and so what is left of it.
    answer: Option<Bytes>,
}

/// Hyper's own answers begin like this.
const BARE: [(&[u8], Code); 3] = [
    (b"HTTP/1.1 400 ", Code::ERR_HEADER_INVALID),
    (b"HTTP/1.1 414 ", Code::ERR_HEADERS_TOO_LARGE),
    (b"HTTP/1.1 431 ", Code::ERR_HEADERS_TOO_LARGE),
];

impl StrictHead {
    /// `answers` counts what the service of the connection answers.
    pub(crate) fn new(inner: Transport, ahead: Bytes, answers: Answers) -> StrictHead {
        StrictHead { inner, ahead, scan: Scan::default(), answers, settled: 0, answer: None }
    }

    pub(crate) fn into_inner(self) -> Transport {
        self.inner
    }

    /// Sends our answer in place of hyper's own, when `head` begins one. False when it does not: what comes from the service may
    /// begin alike, be it the status of a page or a part of its body.
    fn poll_replace(&mut self, head: &[u8], cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.answer.is_none() {
            if self.answers.begun() != self.settled {
                return Poll::Ready(Ok(false));
            }
            let Some((_, code)) = BARE.iter().find(|(start, _)| head.starts_with(start)) else {
                return Poll::Ready(Ok(false));
            };
            let refusal = Refusal::from(*code);
            self.answer = Some(match *code {
                Code::ERR_HEADER_INVALID => {
                    refusal.message("The request's head breaks HTTP/1.1.").into_bytes()
                }
                _ => refusal.into_bytes(),
            });
        }
        while let Some(rest) = self.answer.as_mut().filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, rest))?;
            rest.advance(written);
        }
        self.answer = None;
        Poll::Ready(Ok(true))
    }
}

impl AsyncRead for StrictHead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.ahead.is_empty() {
            ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        } else {
            let part = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead.split_to(part));
        }
        self.scan.bytes(&mut buf.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for StrictHead {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if ready!(self.poll_replace(buf, cx))? {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let head = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        if ready!(self.poll_replace(head, cx))? {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Hyper flushes only what it has written: its own buffer is empty.
        if !self.answers.is_under_way() {
            self.settled = self.answers.begun();
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
