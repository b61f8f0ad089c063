//! WebSocket peers that break the carrier's rules: each gets its code, and nobody else notices.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use pageport_proto::frame::{Decoded, Frame, Resume, decode};
use pageport_proto::hello::{Hello, Secret, SessionId, Welcome};
use pageport_proto::{Code, Limits};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, Config, Message, WebSocketStream};

use crate::support::{Gateway, guard};

type Socket = WebSocketStream<TcpStream>;

#[tokio::test]
async fn a_text_message_is_malformed() {
    let gateway = Gateway::start().await;
    let (mut socket, ..) = attached(&gateway).await;
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(farewell(&mut socket).await, Some((true, Code::ERR_FRAME_MALFORMED)));
    assert_eq!(guard(gateway.newest().await.closed()).await, Code::ERR_FRAME_MALFORMED);

    let mut first = connect(gateway.address, Config::default()).await;
    first.send(Message::text("hello")).await.unwrap();
    assert_eq!(farewell(&mut first).await, Some((true, Code::ERR_FRAME_MALFORMED)));
}

#[tokio::test]
async fn what_was_read_behind_the_request_is_not_lost() {
    // A HELLO and some thousand bytes of PONGs that nobody asked for, sent before the upgrade was answered.
    let gateway = Gateway::start().await;
    let mut ahead = masked(0x82, &encoded(&hello(1, None)));
    for n in 0..40_u8 {
        ahead.extend_from_slice(&masked(0x8a, &[n; 100]));
    }
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let request = "GET /link HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        sec-websocket-protocol: pageport.v1\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, &[request.as_bytes(), &ahead].concat()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(guard(tokio::io::AsyncReadExt::read_u8(&mut stream)).await.unwrap());
    }
    let mut socket = ClientBuilder::new().take_over(stream);
    assert!(matches!(frames(&mut socket).await.unwrap()[0], Frame::Welcome(_)));
    let resume = Frame::Resume(Resume { end: true, highest: 0, entries: Vec::new() });
    socket.send(Message::binary(encoded(&resume))).await.unwrap();
    assert!(guard(gateway.newest().await.attached()).await);
}

#[tokio::test]
async fn an_empty_message_is_malformed() {
    let gateway = Gateway::start().await;
    let (mut socket, ..) = attached(&gateway).await;
    socket.send(Message::binary(Bytes::new())).await.unwrap();
    assert_eq!(farewell(&mut socket).await, Some((true, Code::ERR_FRAME_MALFORMED)));
}

#[tokio::test]
async fn a_message_over_its_limit_is_too_large() {
    let gateway = Gateway::start().await;
    let (mut socket, ..) = attached(&gateway).await;
    socket.send(Message::binary(vec![0x21; 262_145])).await.unwrap();
    assert_eq!(farewell(&mut socket).await, Some((true, Code::ERR_FRAME_TOO_LARGE)));
    assert_eq!(guard(gateway.newest().await.closed()).await, Code::ERR_FRAME_TOO_LARGE);

    for (len, code) in [(5_000, Code::ERR_FRAME_MALFORMED), (70_000, Code::ERR_FRAME_TOO_LARGE)] {
        let mut first = connect(gateway.address, Config::default()).await;
        first.send(Message::binary(vec![0; len])).await.unwrap();
        assert_eq!(farewell(&mut first).await, Some((true, code)), "{len} bytes in place of HELLO");
    }
}

#[tokio::test]
async fn a_message_in_many_frames_is_one_message() {
    let gateway = Gateway::start().await;
    let mut socket = connect(gateway.address, Config::default().frame_size(7)).await;
    begin(&mut socket).await;
    // Afterwards the quiet connection must not have lost its place.
    for _ in 0..3 {
        socket.send(Message::binary(encoded(&Frame::Ping(*b"12345678")))).await.unwrap();
        loop {
            if frames(&mut socket).await.unwrap().contains(&Frame::Pong(*b"12345678")) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn pings_of_the_websocket_are_answered_and_a_flood_of_them_costs_the_carrier() {
    let gateway = Gateway::start().await;
    let (mut socket, ..) = attached(&gateway).await;
    socket.send(Message::ping(Bytes::from_static(b"are you there"))).await.unwrap();
    loop {
        let message = guard(socket.next()).await.unwrap().unwrap();
        if message.is_pong() {
            assert_eq!(&message.as_payload()[..], b"are you there");
            break;
        }
    }
    // Never reading, so that no answer can leave once the buffers are full.
    let session = gateway.newest().await;
    let flood = async {
        loop {
            let ping = Message::ping(Bytes::from_static(&[7; 125]));
            if socket.feed(ping).await.is_err() || socket.flush().await.is_err() {
                return;
            }
        }
    };
    guard(flood).await;
    assert_eq!(session.stats().carrier, None);
    assert!(!matches!(session.state(), pageport_link::SessionState::Closed(_)), "the session itself waits");
}

#[tokio::test]
async fn a_broken_websocket_costs_its_carrier_and_the_session_returns() {
    let gateway = Gateway::start().await;
    let (mut socket, id, secret) = attached(&gateway).await;
    // A frame without a mask, which no client may send (RFC 6455 §5.1).
    tokio::io::AsyncWriteExt::write_all(socket.get_mut(), &[0x82, 0x01, 0x00]).await.unwrap();
    while guard(socket.next()).await.is_some_and(|message| message.is_ok()) {}
    let mut again = connect(gateway.address, Config::default()).await;
    again.send(Message::binary(encoded(&hello(2, Some((id, secret)))))).await.unwrap();
    assert!(matches!(frames(&mut again).await.unwrap()[0], Frame::Welcome(_)));
}

#[tokio::test]
async fn hostile_carriers_do_not_disturb_another_session() {
    let gateway = Gateway::start().await;
    let (page, _) = gateway.connect(pageport_link::CarrierKind::WebSocket).await;
    let mut echo = page.open(&json!({ "do": "echo" })).unwrap();
    for n in 0..20_u8 {
        let mut socket = connect(gateway.address, Config::default()).await;
        begin(&mut socket).await;
        let garbage: Vec<u8> = (0..200).map(|byte: u8| byte.wrapping_mul(n).wrapping_add(n)).collect();
        socket.send(Message::binary(garbage)).await.unwrap();
        assert!(farewell(&mut socket).await.is_some_and(|(close, _)| close), "{n}");
        echo.write_chunk(Bytes::from(vec![n])).await.unwrap();
        assert_eq!(guard(echo.read_chunk()).await.unwrap().unwrap(), [n][..]);
    }
}

async fn connect(gateway: SocketAddr, config: Config) -> Socket {
    let stream = TcpStream::connect(gateway).await.unwrap();
    let builder = ClientBuilder::new().uri(&format!("ws://{gateway}/link")).unwrap().config(config);
    let protocol = HeaderValue::from_static("pageport.v1");
    let builder = builder.add_header(SEC_WEBSOCKET_PROTOCOL, protocol).unwrap();
    builder.connect_on(stream).await.unwrap().0
}

async fn attached(gateway: &Gateway) -> (Socket, SessionId, Secret) {
    let mut socket = connect(gateway.address, Config::default()).await;
    let welcome = begin(&mut socket).await;
    (socket, welcome.session, welcome.secret.unwrap())
}

async fn begin(socket: &mut Socket) -> Welcome {
    socket.send(Message::binary(encoded(&hello(1, None)))).await.unwrap();
    let frames = frames(socket).await.unwrap();
    let Frame::Welcome(payload) = &frames[0] else { panic!("{frames:?}") };
    let resume = Frame::Resume(Resume { end: true, highest: 0, entries: Vec::new() });
    socket.send(Message::binary(encoded(&resume))).await.unwrap();
    Welcome::parse(payload).unwrap()
}

fn hello(n: u64, session: Option<(SessionId, Secret)>) -> Frame {
    let hello = Hello { session, n, limits: Limits::default(), features: Vec::new(), credential: None };
    Frame::Hello(hello.to_payload().into())
}

/// A frame of RFC 6455 with a mask of zeroes.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let header = match payload.len() {
        len @ 0..=125 => vec![first, 0x80 | len as u8],
        len => vec![first, 0xfe, (len >> 8) as u8, len as u8],
    };
    [&header, &[0; 4][..], payload].concat()
}

fn encoded(frame: &Frame) -> Bytes {
    let mut bytes = BytesMut::new();
    frame.encode(&mut bytes);
    bytes.freeze()
}

/// The frames of the next binary message; `None` when there is none any more.
async fn frames(socket: &mut Socket) -> Option<Vec<Frame>> {
    loop {
        let message = guard(socket.next()).await?.ok()?;
        if message.is_close() {
            return None;
        }
        if message.is_binary() {
            let mut bytes: Bytes = message.into_payload().into();
            let mut frames = Vec::new();
            while let Decoded::Frame(frame) = decode(&mut bytes).unwrap() {
                frames.push(frame);
            }
            return Some(frames);
        }
    }
}

/// The frame that ends carrier or session: whether it is CLOSE, and its code.
async fn farewell(socket: &mut Socket) -> Option<(bool, Code)> {
    loop {
        for frame in frames(socket).await? {
            match frame {
                Frame::Close(farewell) => return Some((true, farewell.code)),
                Frame::Detach(farewell) => return Some((false, farewell.code)),
                _ => {}
            }
        }
    }
}
