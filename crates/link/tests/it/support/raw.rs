//! A page made of raw frames over the carrier `bytes`, which can break every rule.

use std::net::SocketAddr;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use pageport_link::Io;
use pageport_proto::frame::{self, Decoded, Frame, Resume};
use pageport_proto::hello::{Hello, Secret, SessionId, Welcome};
use pageport_proto::{Code, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One carrier of such a page.
pub(crate) struct RawPage {
    stream: Box<dyn Io>,
    read: BytesMut,
}

impl RawPage {
    /// After the upgrade, before HELLO.
    pub(crate) async fn connect(gateway: SocketAddr) -> RawPage {
        let mut stream = TcpStream::connect(gateway).await.unwrap();
        stream
            .write_all(
                b"GET /link HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: pageport.v1\r\n\r\n",
            )
            .await
            .unwrap();
        let mut read = BytesMut::new();
        let end = loop {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "no answer");
            if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
        };
        assert!(read.starts_with(b"HTTP/1.1 101 "), "{read:?}");
        read.advance(end);
        RawPage { stream: Box::new(stream), read }
    }

    /// Where frames are all there is.
    pub(crate) fn over(stream: impl Io) -> RawPage {
        RawPage { stream: Box::new(stream), read: BytesMut::new() }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        let mut bytes = BytesMut::new();
        frame.encode(&mut bytes);
        self.write(&bytes).await;
    }

    pub(crate) async fn hello(&mut self, n: u64, session: Option<(SessionId, Secret)>) {
        let hello = Hello { session, n, limits: Limits::default(), features: Vec::new(), credential: None };
        self.send(&Frame::Hello(hello.to_payload().into())).await;
    }

    /// HELLO, WELCOME, and an empty RESUME; the session's name and secret.
    pub(crate) async fn begin(&mut self) -> (SessionId, Secret) {
        self.hello(1, None).await;
        let welcome = self.welcome().await;
        self.resume().await;
        (welcome.session, welcome.secret.expect("a new session has a secret"))
    }

    pub(crate) async fn resume(&mut self) {
        self.send(&Frame::Resume(Resume { end: true, highest: 0, entries: Vec::new() })).await;
    }

    pub(crate) async fn welcome(&mut self) -> Welcome {
        match self.receive().await {
            Some(Frame::Welcome(payload)) => Welcome::parse(&payload).unwrap(),
            other => panic!("{other:?} in place of WELCOME"),
        }
    }

    /// Skips to the end of the gateway's RESUME.
    pub(crate) async fn resumed(&mut self) {
        while !matches!(self.receive().await.unwrap(), Frame::Resume(Resume { end: true, .. })) {}
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) async fn receive(&mut self) -> Option<Frame> {
        loop {
            let mut bytes = Bytes::copy_from_slice(&self.read);
            if let Decoded::Frame(frame) = frame::decode(&mut bytes).unwrap() {
                self.read.advance(self.read.len() - bytes.len());
                return Some(frame);
            }
            if self.stream.read_buf(&mut self.read).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// Takes so many bytes at most, and looks at none of them yet; 0 at the end of the connection.
    pub(crate) async fn take(&mut self, most: usize) -> usize {
        self.read.reserve(most);
        let mut part = (&mut self.read).limit(most);
        self.stream.read_buf(&mut part).await.unwrap_or(0)
    }

    /// Skips to the frame that ends the carrier or the session: whether it is CLOSE, and its code.
    pub(crate) async fn farewell(&mut self) -> Option<(bool, Code)> {
        loop {
            match self.receive().await? {
                Frame::Close(farewell) => return Some((true, farewell.code)),
                Frame::Detach(farewell) => return Some((false, farewell.code)),
                _ => {}
            }
        }
    }
}

/// A page in a browser: attaches a new session over a WebSocket, then closes that with a code (RFC 6455 §7.4), and the session
/// at the gateway.
pub(crate) async fn close_websocket(gateway: &super::Gateway, code: u16) -> pageport_link::Session {
    gateway.expect_newer();
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let request = "GET /link HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: pageport.v1\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let hello =
        Hello { session: None, n: 1, limits: Limits::default(), features: Vec::new(), credential: None };
    let resume = Frame::Resume(Resume { end: true, highest: 0, entries: Vec::new() });
    for frame in [Frame::Hello(hello.to_payload().into()), resume] {
        let mut payload = BytesMut::new();
        frame.encode(&mut payload);
        stream.write_all(&masked(0x82, &payload)).await.unwrap();
        // The answer to either comes before the next is due.
        assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
    }
    let session = gateway.newest().await;
    assert!(session.attached().await);
    stream.write_all(&masked(0x88, &code.to_be_bytes())).await.unwrap();
    session
}

/// A frame of a client, with a key of zeros.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let mut frame = vec![first];
    match length {
        0..126 => frame.push(0x80 | length.to_be_bytes()[1]),
        _ => frame.extend([&[0xfe][..], &length.to_be_bytes()].concat()),
    }
    [&frame[..], &[0; 4], payload].concat()
}
