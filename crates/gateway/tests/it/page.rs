//! A page that listens: a native client in its place, and raw carriers for what no good client does.

use std::net::SocketAddr;

use pageport_link::{Connector, Session, Stream};
use pageport_proto::frame::{Data, Decoded, Frame, Mark, Resume, decode};
use pageport_proto::head::{Accepted, Headers, HttpVisit, Kind, Listening, Refusal, Reply, Request, Visit};
use pageport_proto::hello::{Hello, Secret, SessionId, Welcome};
use pageport_proto::session::Settings;
use pageport_proto::{Code, Limits, StreamId};

use tokio::io::AsyncWriteExt as _;

use crate::client::{Answer, Client, soon};
use crate::door::{Door, TOKEN};

/// A session with one name.
pub(crate) struct Page {
    pub(crate) session: Session,
    pub(crate) listener: Stream,
    pub(crate) listening: Listening,
}

/// A session of a program with the test token.
pub(crate) async fn attach(door: &Door) -> Session {
    attach_with(door, TOKEN).await
}

/// A session of a program with this token.
pub(crate) async fn attach_with(door: &Door, token: &str) -> Session {
    let connector = Connector::new(&format!("http://{}", door.host)).expect("an address");
    soon(connector.dial(door.address).credential(token.to_owned()).connect()).await.expect("attaches")
}

/// What the gateway answers to a request for a name.
pub(crate) async fn ask_to_listen(session: &Session) -> (Stream, Reply<Listening>) {
    let mut stream = session.open(&listen_request()).expect("opens");
    let reply = soon(stream.reply()).await.expect("a reply");
    (stream, Reply::parse(&reply).expect("a good reply"))
}

/// A page with a name.
pub(crate) async fn listen(door: &Door) -> Page {
    named(attach(door).await).await
}

/// The same over another address, with other settings.
pub(crate) async fn listen_with(door: &Door, address: SocketAddr, settings: Settings) -> Page {
    let connector = Connector::new(&format!("http://{}", door.host)).expect("an address");
    let connector = connector.dial(address).credential(TOKEN.to_owned()).settings(settings);
    named(soon(connector.connect()).await.expect("attaches")).await
}

/// A page that takes requests under a name of its own.
pub(crate) async fn serve(door: &Door) -> Page {
    named_for(attach(door).await, Kind::Http).await
}

/// A page with a name for visitors of a kind.
pub(crate) async fn listen_for(door: &Door, kind: Kind) -> Page {
    named_for(attach(door).await, kind).await
}

/// Gives a session a name.
pub(crate) async fn named(session: Session) -> Page {
    named_for(session, Kind::WebSocket).await
}

async fn named_for(session: Session, kind: Kind) -> Page {
    let mut listener = session.open(&Request::from(kind)).expect("opens");
    let reply = Reply::parse(&soon(listener.reply()).await.expect("a reply")).expect("a good reply");
    let Reply::Ok(listening) = reply else { panic!("{reply:?}") };
    Page { session, listener, listening }
}

fn listen_request() -> Request {
    Request::from(Kind::WebSocket)
}

impl Page {
    /// The next visitor.
    pub(crate) async fn visitor(&self) -> (Stream, HttpVisit) {
        let stream = soon(self.session.accept()).await.expect("a visitor");
        let Ok(Visit::WebSocket(visit)) = Visit::parse(stream.head()) else { panic!("not a handshake") };
        (stream, visit)
    }

    /// The next request.
    pub(crate) async fn request(&self) -> (Stream, HttpVisit) {
        let stream = soon(self.session.accept()).await.expect("a visitor");
        let Ok(Visit::Http(visit)) = Visit::parse(stream.head()) else { panic!("not a request") };
        (stream, visit)
    }

    /// Answers the next request with this head and body.
    pub(crate) async fn answer(
        &self,
        status: u16,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (Stream, HttpVisit) {
        let (mut stream, visit) = self.request().await;
        respond(&mut stream, status, headers);
        soon(stream.write_chunk(body.to_owned().into())).await.expect("is taken");
        stream.finish();
        (stream, visit)
    }

    /// The Host of the listener's own origin.
    pub(crate) fn host(&self, door: &Door) -> String {
        format!("{}.{}", self.listening.name, door.host)
    }

    /// A request to the listener's own origin.
    pub(crate) fn ask(&self, door: &Door, line: &str, fields: &str) -> String {
        format!("{line} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", self.host(door))
    }

    /// The next visitor, let in with a subprotocol.
    pub(crate) async fn admit(&self, protocol: Option<&str>) -> (Stream, HttpVisit) {
        let (mut stream, visit) = self.visitor().await;
        let mut headers = Headers::default();
        if let Some(protocol) = protocol {
            headers.push("sec-websocket-protocol", protocol).expect("a good header");
        }
        stream.respond(&Reply::Ok(Accepted { status: 101, headers })).expect("is sent");
        (stream, visit)
    }

    /// The next visitor, refused.
    pub(crate) async fn refuse(&self, status: Option<u16>, message: &str) {
        let (mut stream, _) = self.visitor().await;
        let refusal = Refusal { status, ..Refusal::new(Code::ERR_REJECTED, message) };
        stream.respond(&Reply::<Accepted>::Refused(refusal)).expect("is sent");
        stream.finish();
    }

    /// A visitor's handshake at the listener's own origin.
    pub(crate) fn knock(&self, door: &Door, path: &str, fields: &str) -> String {
        handshake(path, &format!("{}.{}", self.listening.name, door.host), fields)
    }

    /// The same by path.
    pub(crate) fn knock_by_path(&self, door: &Door, path: &str, fields: &str) -> String {
        handshake(&format!("/@{}{path}", self.listening.name), &door.host, fields)
    }
}

/// The head of an answer; whatever a test wants.
pub(crate) fn respond(stream: &mut Stream, status: u16, headers: &[(&str, &str)]) {
    let reply = serde_json::json!({ "ok": true, "status": status, "headers": headers });
    stream.respond(&reply).expect("is sent");
}

/// A WebSocket handshake.
pub(crate) fn handshake(target: &str, host: &str, fields: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{fields}\r\n"
    )
}

/// A carrier that says whatever a test wants: `bytes`, or `websocket` with an Origin.
pub(crate) struct RawCarrier {
    client: Client,
    websocket: bool,
}

impl RawCarrier {
    /// `Upgrade: pageport.v1` with these fields.
    pub(crate) async fn bytes(door: &Door, fields: &str) -> RawCarrier {
        let request = format!(
            "GET /link HTTP/1.1\r\nHost: {}\r\nUpgrade: pageport.v1\r\nConnection: Upgrade\r\n{fields}\r\n",
            door.host
        );
        RawCarrier { client: upgraded(door, &request).await, websocket: false }
    }

    /// A WebSocket with these fields, such as an Origin.
    pub(crate) async fn websocket(door: &Door, fields: &str) -> RawCarrier {
        let fields = format!("Sec-WebSocket-Protocol: pageport.v1\r\n{fields}");
        RawCarrier { client: upgraded(door, &handshake("/link", &door.host, &fields)).await, websocket: true }
    }

    /// Sends HELLO and reads what comes back: WELCOME, DETACH or CLOSE.
    pub(crate) async fn hello(&mut self, hello: &Hello) -> Frame {
        self.send(&Frame::Hello(hello.to_payload().into())).await;
        self.frame().await
    }

    /// The same, which must be welcome.
    pub(crate) async fn welcome(&mut self, hello: &Hello) -> Welcome {
        match self.hello(hello).await {
            Frame::Welcome(payload) => Welcome::parse(&payload).expect("a good WELCOME"),
            other => panic!("{other:?}"),
        }
    }

    /// The same, which must be refused; the code, and whether the carrier alone was.
    pub(crate) async fn refused(&mut self, hello: &Hello) -> (Code, bool) {
        match self.hello(hello).await {
            Frame::Close(farewell) => (farewell.code, false),
            Frame::Detach(farewell) => (farewell.code, true),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        assert!(self.try_send(frame).await, "the carrier is there");
    }

    /// False when the gateway has ended the carrier.
    pub(crate) async fn try_send(&mut self, frame: &Frame) -> bool {
        let mut payload = bytes::BytesMut::new();
        frame.encode(&mut payload);
        let bytes = if self.websocket { websocket_message(&payload) } else { payload.to_vec() };
        soon(self.client.socket.write_all(&bytes)).await.is_ok()
    }

    /// The next frame.
    pub(crate) async fn frame(&mut self) -> Frame {
        if self.websocket {
            return frame_of(&mut self.message().await).expect("a whole frame");
        }
        let mut read = Vec::new();
        loop {
            read.extend(self.client.bytes(1).await);
            if let Some(frame) = frame_of(&mut bytes::Bytes::from(read.clone())) {
                return frame;
            }
        }
    }

    /// The next carrier message of a WebSocket.
    async fn message(&mut self) -> bytes::Bytes {
        let head = self.client.bytes(2).await;
        let length = match head[1] {
            126 => {
                let long = self.client.bytes(2).await;
                usize::from(u16::from_be_bytes([long[0], long[1]]))
            }
            short => usize::from(short),
        };
        self.client.bytes(length).await.into()
    }

    /// Resumes with nothing, opens the first stream with this head, and waits for the reply. Over a WebSocket.
    pub(crate) async fn request(&mut self, head: &str) -> String {
        let first = StreamId::new(1).expect("an id");
        let resume = Resume { end: true, highest: 0, entries: Vec::new() };
        self.send(&Frame::Resume(resume)).await;
        let prefix = [&[0x40, u8::try_from(head.len()).expect("short")], head.as_bytes()].concat();
        let data = Data { stream: first, offset: 0, mark: Mark::None, bytes: prefix.into() };
        self.send(&Frame::Data(data)).await;
        loop {
            let mut message = self.message().await;
            while let Some(frame) = frame_of(&mut message) {
                if let Frame::Data(Data { stream, bytes, .. }) = frame
                    && stream == first
                {
                    return String::from_utf8_lossy(&bytes).into_owned();
                }
            }
        }
    }

    /// Whether the gateway ends the connection.
    pub(crate) async fn ends(&mut self) -> bool {
        self.client.ends().await
    }
}

/// A binary message with a mask of zeros (RFC 6455 §5.2).
pub(crate) fn websocket_message(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a small message").to_be_bytes();
    let mut message = vec![0x82, 0xfe, length[0], length[1], 0, 0, 0, 0];
    if payload.len() < 126 {
        message = vec![0x82, 0x80 | length[1], 0, 0, 0, 0];
    }
    message.extend_from_slice(payload);
    message
}

/// HELLO for a new session, as bytes.
pub(crate) fn hello_frame() -> Vec<u8> {
    let mut bytes = bytes::BytesMut::new();
    Frame::Hello(hello().to_payload().into()).encode(&mut bytes);
    bytes.to_vec()
}

fn frame_of(bytes: &mut bytes::Bytes) -> Option<Frame> {
    match decode(bytes).expect("a good frame") {
        Decoded::Frame(frame) => Some(frame),
        _ => None,
    }
}

async fn upgraded(door: &Door, request: &str) -> Client {
    let mut client = Client::connect(door.address).await;
    let answer: Answer = client.ask(request).await;
    assert_eq!(answer.status, 101, "{}", answer.head);
    client
}

/// A HELLO for a new session.
pub(crate) fn hello() -> Hello {
    Hello { session: None, n: 1, limits: Limits::default(), features: Vec::new(), credential: None }
}

/// A HELLO for a new session, with a credential in it.
pub(crate) fn hello_with(credential: Option<&str>) -> Hello {
    Hello { credential: credential.map(str::to_owned), ..hello() }
}

/// A HELLO for this session.
pub(crate) fn hello_again(session: &SessionId, secret: &Secret, n: u64) -> Hello {
    Hello { session: Some((session.clone(), secret.clone())), n, ..hello() }
}
