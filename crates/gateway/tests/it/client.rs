//! The plainest client: a socket, and just enough HTTP to read an answer.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No wait in these tests comes near it unless something is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits, but not for ever.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("happens soon")
}

/// A connection.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    read: Vec<u8>,
}

/// An answer, head and body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Client {
        Client { socket: soon(TcpStream::connect(address)).await.expect("connects"), read: Vec::new() }
    }

    /// `None` when nobody listens there.
    pub(crate) async fn try_connect(address: SocketAddr) -> Option<TcpStream> {
        soon(TcpStream::connect(address)).await.ok()
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.socket.write_all(bytes.as_ref())).await.expect("is sent");
    }

    /// Sends a request and reads one answer.
    pub(crate) async fn ask(&mut self, request: &str) -> Answer {
        self.send(request).await;
        self.answer().await
    }

    /// Reads one answer: a head, and as many bytes as it announces.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await;
        let length = answer.header("content-length").map_or(0, |length| length.parse().expect("a number"));
        answer.body = String::from_utf8(self.bytes(length).await).expect("text");
        answer
    }

    /// Reads the head of an answer.
    pub(crate) async fn head(&mut self) -> Answer {
        let head = String::from_utf8(self.head_in_bytes().await).expect("text");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head, body: String::new() }
    }

    /// The same as it came.
    pub(crate) async fn head_in_bytes(&mut self) -> Vec<u8> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.fill().await > 0, "an answer, not {:?}", String::from_utf8_lossy(&self.read));
        };
        self.read.drain(..end).collect()
    }

    /// Reads exactly so many bytes.
    pub(crate) async fn bytes(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            assert!(self.fill().await > 0, "{length} bytes, not {}", self.read.len());
        }
        self.read.drain(..length).collect()
    }

    /// The next chunk of a chunked body (RFC 9112 §7.1); empty at its end, `None` when the connection ends before.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = loop {
            if let Some(at) = self.read.windows(2).position(|two| two == b"\r\n") {
                break String::from_utf8(self.read.drain(..at + 2).collect()).expect("text");
            }
            if self.try_fill().await == 0 {
                return None;
            }
        };
        let length = usize::from_str_radix(line.trim_end(), 16).expect("a chunk size");
        while self.read.len() < length + 2 {
            if self.try_fill().await == 0 {
                return None;
            }
        }
        let mut chunk: Vec<u8> = self.read.drain(..length + 2).collect();
        chunk.truncate(length);
        Some(chunk)
    }

    /// A whole chunked body; `Err` has what came before it was cut short.
    pub(crate) async fn chunked(&mut self) -> Result<Vec<u8>, Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match self.chunk().await {
                None => return Err(body),
                Some(chunk) if chunk.is_empty() => return Ok(body),
                Some(chunk) => body.extend(chunk),
            }
        }
    }

    /// A second handle of the connection, for sending while this one reads.
    pub(crate) fn sender(&self) -> TcpStream {
        let socket = socket2::SockRef::from(&self.socket).try_clone().expect("a descriptor");
        TcpStream::from_std(socket.into()).expect("a connection")
    }

    /// So many bytes, or what there is when the connection ends before.
    pub(crate) async fn at_most(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length && self.try_fill().await > 0 {}
        self.read.drain(..length.min(self.read.len())).collect()
    }

    /// Everything until the connection ends, in order or not.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.try_fill().await > 0 {}
        std::mem::take(&mut self.read)
    }

    /// Whether the connection ends now, in order or not, with nothing more to read.
    pub(crate) async fn ends(&mut self) -> bool {
        let mut rest = [0; 1];
        self.read.is_empty() && matches!(soon(self.socket.read(&mut rest)).await, Ok(0) | Err(_))
    }

    /// Whether the connection ends in order: a FIN, not a reset.
    pub(crate) async fn ends_cleanly(&mut self) -> bool {
        let mut rest = [0; 1];
        self.read.is_empty() && matches!(soon(self.socket.read(&mut rest)).await, Ok(0))
    }

    /// 0 at any end.
    async fn try_fill(&mut self) -> usize {
        soon(self.socket.read_buf(&mut self.read)).await.unwrap_or(0)
    }

    async fn fill(&mut self) -> usize {
        soon(self.socket.read_buf(&mut self.read)).await.expect("is read")
    }
}

impl Answer {
    /// The value of a field.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Fails unless this is a refusal with this status and code, in header and body.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.header("pageport-error")),
            (status, Some(code)),
            "{}{}",
            self.head,
            self.body
        );
        assert!(self.body.contains(code), "{}", self.body);
        assert_eq!(self.header("cache-control"), Some("no-store"));
    }
}
