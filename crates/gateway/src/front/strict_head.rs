//! What hyper leaves open about request heads. Lines end in CR LF: a bare LF, which RFC 9112 §2.2 lets a recipient take for a line's
//! end, is what request smuggling is made of. And every refusal has a code: hyper's own bare 400 and 431 get one.
//!
//! It sits between hyper and the socket, looks at heads only, and is gone once a connection was upgraded.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use pageport_proto::Code;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::respond::{PAGEPORT_ERROR, Refusal};
use super::transport::Transport;

/// A connection whose request heads are looked at before hyper sees them.
#[derive(Debug)]
pub(crate) struct StrictHead {
    inner: Transport,
    /// What was read already to tell HTTP/1.1 from HTTP/2.
    ahead: Bytes,
    scan: Scan,
    /// What is sent in place of hyper's own answer, and so what is left of it.
    answer: Option<Bytes>,
}

/// Hyper's own answers begin like this; ours have their code behind it.
const BARE: [(&[u8], Code); 3] = [
    (b"HTTP/1.1 400 ", Code::ERR_HEADER_INVALID),
    (b"HTTP/1.1 414 ", Code::ERR_HEADERS_TOO_LARGE),
    (b"HTTP/1.1 431 ", Code::ERR_HEADERS_TOO_LARGE),
];

/// What a bare LF is replaced by: hyper answers it with 400 and closes.
const REFUSED: u8 = 0;
/// Fields that end the looking: behind such a head come a body or another protocol, and the front door closes the
/// connection unless it upgrades it.
const LAST: [&[u8]; 3] = [b"upgrade:", b"content-length:", b"transfer-encoding:"];
const LONGEST: usize = LAST[2].len();

#[derive(Debug, Default)]
struct Scan {
    line: [u8; LONGEST],
    length: usize,
    after_cr: bool,
    begun: bool,
    last: bool,
    done: bool,
}

impl StrictHead {
    pub(crate) fn new(inner: Transport, ahead: Bytes) -> StrictHead {
        StrictHead { inner, ahead, scan: Scan::default(), answer: None }
    }

    pub(crate) fn into_inner(self) -> Transport {
        self.inner
    }

    /// Sends our answer in place of hyper's, when `head` begins one of these. False when it does not.
    fn poll_replace(&mut self, head: &[u8], cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.answer.is_none() {
            let Some((_, code)) = BARE.iter().find(|(start, _)| head.starts_with(start)) else {
                return Poll::Ready(Ok(false));
            };
            if head.windows(PAGEPORT_ERROR.len()).any(|name| name == PAGEPORT_ERROR.as_bytes()) {
                return Poll::Ready(Ok(false));
            }
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

impl Scan {
    fn bytes(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.done {
                return;
            }
            if *byte == b'\n' && !self.after_cr {
                *byte = REFUSED;
                self.done = true;
            } else if *byte == b'\n' {
                self.line_end();
            } else {
                if let Some(place) = self.line.get_mut(self.length) {
                    *place = byte.to_ascii_lowercase();
                }
                self.length += 1;
                self.after_cr = *byte == b'\r';
            }
        }
    }

    /// `length` counts the CR.
    fn line_end(&mut self) {
        if self.length == 1 {
            // Empty lines before a request line are allowed (RFC 9112 §2.2); the one behind the fields ends the head.
            self.done = self.begun && self.last;
            self.begun = false;
        } else {
            let line = &self.line[..self.length.min(LONGEST)];
            self.last |= self.begun && LAST.iter().any(|field| line.starts_with(field));
            self.begun = true;
        }
        self.length = 0;
        self.after_cr = false;
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
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a text in pieces of every size: the result must not depend on how the network cuts it.
    fn check(input: &str, expected: &str) {
        for piece in 1..=input.len() {
            let mut scan = Scan::default();
            let mut bytes = input.as_bytes().to_vec();
            bytes.chunks_mut(piece).for_each(|chunk| scan.bytes(chunk));
            assert_eq!(String::from_utf8_lossy(&bytes), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn whole_heads_pass_also_in_a_row() {
        let heads = "\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n";
        check(heads, heads);
    }

    #[test]
    fn a_bare_lf_is_refused_wherever_it_stands() {
        check("GET / HTTP/1.1\nhost: a\r\n\r\n", "GET / HTTP/1.1\0host: a\r\n\r\n");
        check("GET / HTTP/1.1\r\nhost: a\n\r\n", "GET / HTTP/1.1\r\nhost: a\0\r\n");
        check("GET / HTTP/1.1\r\nhost: a\r\n\n", "GET / HTTP/1.1\r\nhost: a\r\n\0");
        check("\nGET / HTTP/1.1\r\n\r\n", "\0GET / HTTP/1.1\r\n\r\n");
        let second = "GET / HTTP/1.1\r\na: b\r\n\r\nGET / HTTP/1.1\n\r\n";
        check(second, &second.replace("1.1\n", "1.1\0"));
    }

    #[test]
    fn nothing_behind_an_upgrade_or_a_body_is_touched() {
        for field in ["Upgrade: x", "CONTENT-LENGTH: 3", "Transfer-Encoding: chunked"] {
            let text = format!("GET / HTTP/1.1\r\n{field}\r\n\r\n\n\nanything\n");
            check(&text, &text);
        }
    }
}
