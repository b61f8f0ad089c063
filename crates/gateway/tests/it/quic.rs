//! A page over WebTransport by another implementation of it (the crate `wtransport`), made of raw frames and native streams.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{BufMut as _, Bytes, BytesMut};
use pageport_proto::frame::{Data, Decoded, Frame, Mark, Resume, decode};
use pageport_proto::hello::{Hello, Welcome};
use pageport_proto::{Limits, StreamId, varint};
use serde_json::Value;
use wtransport::endpoint::ConnectOptions;
use wtransport::error::StreamWriteError;
use wtransport::tls::Sha256Digest;
use wtransport::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};

use crate::client::soon;
use crate::door::Door;

pub(crate) struct QuicPage {
    pub(crate) connection: Connection,
    frames: SendStream,
    incoming: RecvStream,
    read: BytesMut,
}

/// What the gateway says of the carrier.
pub(crate) async fn offer(door: &Door) -> Value {
    let document: Value = serde_json::from_str(&door.get("/.well-known/pageport").await.body).expect("JSON");
    let carriers = document["carriers"].as_array().expect("a list").clone();
    carriers.into_iter().find(|carrier| carrier["kind"] == "webtransport").unwrap_or_default()
}

/// The hash of the certificate that the gateway shows.
pub(crate) async fn hash(door: &Door) -> [u8; 32] {
    let offer = offer(door).await;
    let text = offer["hashes"][0].as_str().expect("a hash").to_owned();
    URL_SAFE_NO_PAD.decode(text).expect("base64url").try_into().expect("32 bytes")
}

/// Asks for a session with these header fields.
pub(crate) async fn ask(
    address: SocketAddr,
    hash: [u8; 32],
    path: &str,
    fields: &[(&str, &str)],
) -> Result<Connection, wtransport::error::ConnectingError> {
    let config = ClientConfig::builder()
        .with_bind_default()
        .with_server_certificate_hashes([Sha256Digest::new(hash)])
        .build();
    let endpoint = Endpoint::client(config).expect("a socket");
    let options = ConnectOptions::builder(format!("https://{address}{path}"));
    let options = fields.iter().fold(options, |options, (name, value)| options.add_header(*name, *value));
    soon(endpoint.connect(options.build())).await
}

impl QuicPage {
    /// A page of `dev`'s own machine, attached.
    pub(crate) async fn attach(door: &Door) -> QuicPage {
        let mut page = QuicPage::open(door).await;
        page.hello().await;
        page
    }

    /// The same before HELLO.
    pub(crate) async fn open(door: &Door) -> QuicPage {
        let fields = [("origin", "http://localhost")];
        let connection = ask(door.address, hash(door).await, "/link", &fields).await.expect("a session");
        let (frames, incoming) = connection.open_bi().await.expect("a stream").await.expect("a stream");
        QuicPage { connection, frames, incoming, read: BytesMut::new() }
    }

    pub(crate) async fn hello(&mut self) -> Welcome {
        let hello =
            Hello { session: None, n: 1, limits: Limits::default(), features: Vec::new(), credential: None };
        self.send(&Frame::Hello(hello.to_payload().into())).await;
        let Frame::Welcome(payload) = self.next().await else { panic!("no WELCOME") };
        self.send(&Frame::Resume(Resume { end: true, highest: 0, entries: Vec::new() })).await;
        Welcome::parse(&payload).expect("a good WELCOME")
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        let mut bytes = BytesMut::new();
        frame.encode(&mut bytes);
        self.frames.write_all(&bytes).await.expect("is sent");
    }

    pub(crate) async fn data(&mut self, id: u64, offset: u64, mark: Mark, bytes: &[u8]) {
        let stream = StreamId::new(id).expect("an id");
        self.send(&Frame::Data(Data { stream, offset, mark, bytes: Bytes::copy_from_slice(bytes) })).await;
    }

    /// A native stream with bytes of a stream from an offset on.
    pub(crate) async fn native(&self, id: u64, offset: u64, bytes: &[u8]) -> SendStream {
        let mut stream = self.connection.open_uni().await.expect("credit").await.expect("a stream");
        let mut all = BytesMut::new();
        varint::put(&mut all, id);
        varint::put(&mut all, offset);
        all.put_slice(bytes);
        // The gateway may have seen enough before the last byte.
        match stream.write_all(&all).await {
            Ok(()) | Err(StreamWriteError::Stopped(_)) => stream,
            Err(error) => panic!("{error}"),
        }
    }

    /// The next frame; PINGs are answered on the way.
    pub(crate) async fn next(&mut self) -> Frame {
        loop {
            let frame = soon(self.try_next()).await.expect("a frame");
            match frame {
                Frame::Ping(token) => self.send(&Frame::Pong(token)).await,
                frame => return frame,
            }
        }
    }

    /// The next frame that is like this.
    pub(crate) async fn until<T>(&mut self, wanted: impl Fn(Frame) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.next().await) {
                return found;
            }
        }
    }

    /// `None` at the end of the carrier.
    pub(crate) async fn try_next(&mut self) -> Option<Frame> {
        loop {
            let mut bytes = self.read.split().freeze();
            let decoded = decode(&mut bytes).expect("frames");
            self.read = BytesMut::from(&bytes[..]);
            if let Decoded::Frame(frame) = decoded {
                return Some(frame);
            }
            let mut more = vec![0; 65_536];
            let len = self.incoming.read(&mut more).await.ok()??;
            self.read.put_slice(&more[..len]);
        }
    }

    /// The next native stream of the gateway: whose bytes, from which offset on, the rest of it, and the first of them.
    pub(crate) async fn accept_native(&self) -> (u64, u64, RecvStream, BytesMut) {
        let mut stream = soon(self.connection.accept_uni()).await.expect("a native stream");
        let mut read = BytesMut::new();
        loop {
            let mut more = vec![0; 65_536];
            let len = soon(stream.read(&mut more)).await.expect("bytes").expect("a head");
            read.put_slice(&more[..len]);
            if let varint::Peek::Value(id, at) = varint::peek(&read)
                && let varint::Peek::Value(offset, len) = varint::peek(&read[at..])
            {
                let rest = read.split_off(at + len);
                return (id, offset, stream, rest);
            }
        }
    }
}
