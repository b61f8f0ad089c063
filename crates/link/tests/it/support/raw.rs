//! A page made of raw frames over the carrier `bytes`, which can break every rule.

use std::net::SocketAddr;

use bytes::{Buf as _, Bytes, BytesMut};
use pageport_proto::frame::{self, Decoded, Frame, Resume};
use pageport_proto::hello::{Hello, Secret, SessionId, Welcome};
use pageport_proto::{Code, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One carrier of such a page.
pub(crate) struct RawPage {
    stream: TcpStream,
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
        RawPage { stream, read }
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
