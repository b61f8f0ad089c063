//! Connections to TCP servers: bytes both ways, each end on its own, and a reason for every failure.

use std::net::SocketAddr;
use std::time::Duration;

use pageport_link::{Session, Stream, StreamError};
use pageport_proto::Code;
use pageport_proto::head::{Ready, Refusal, Reply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::client::soon;
use crate::connect::{CALLER, open};
use crate::door::nobody;
use crate::page::attach_with;

pub(crate) fn allow(to: impl std::fmt::Display) -> String {
    format!("[[allow]]\nto = \"{to}\"\nprotocol = \"tcp\"\n")
}

/// A server, and where it is.
pub(crate) async fn server() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Asks to be connected, and says what the gateway answers.
pub(crate) async fn ask(session: &Session, to: impl std::fmt::Display) -> (Stream, Reply<Ready>) {
    ask_at(session, format!("tcp://{to}")).await
}

/// The same for a whole target.
pub(crate) async fn ask_at(session: &Session, target: String) -> (Stream, Reply<Ready>) {
    let head = serde_json::json!({ "connect": target });
    let mut stream = session.open(&head).expect("opens");
    let reply = soon(stream.reply()).await.expect("a reply");
    (stream, Reply::parse(&reply).expect("a good reply"))
}

pub(crate) async fn connect(session: &Session, to: impl std::fmt::Display) -> Stream {
    let (stream, reply) = ask(session, to).await;
    assert!(matches!(reply, Reply::Ok(_)), "{reply:?}");
    stream
}

pub(crate) async fn refusal(session: &Session, to: impl std::fmt::Display) -> Refusal {
    match ask(session, &to).await.1 {
        Reply::Refused(refusal) => refusal,
        Reply::Ok(_) => panic!("{to}: connected"),
    }
}

/// Both ends of a connection.
pub(crate) async fn pair(session: &Session, listener: &TcpListener) -> (Stream, TcpStream) {
    let address = listener.local_addr().expect("an address");
    let (stream, accepted) = tokio::join!(connect(session, address), soon(listener.accept()));
    (stream, accepted.expect("a client").0)
}

#[tokio::test]
async fn bytes_pass_both_ways_and_each_way_ends_on_its_own() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let (mut stream, mut socket) = pair(&session, &listener).await;
    let every: Vec<u8> = (0..=255).collect();
    stream.write_all(&every).await.expect("is sent");
    stream.shutdown().await.expect("ends its half");
    let mut heard = Vec::new();
    soon(socket.read_to_end(&mut heard)).await.expect("an end in order");
    assert_eq!(heard, every);
    socket.write_all(b"and back").await.expect("is sent");
    drop(socket);
    let mut back = String::new();
    soon(stream.read_to_string(&mut back)).await.expect("an end in order");
    assert_eq!(back, "and back");
    door.until("pageport_connects_total{kind=\"tcp\",outcome=\"connected\"} 1").await;
    door.until("pageport_connect_sent_bytes_total 256").await;
    door.until("pageport_connect_received_bytes_total 8").await;
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn a_server_that_speaks_first_is_heard_and_one_that_hangs_up_at_once_has_ended() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let (mut stream, mut socket) = pair(&session, &listener).await;
    socket.write_all(b"220 ready\r\n").await.expect("is sent");
    let mut greeting = [0; 11];
    soon(stream.read_exact(&mut greeting)).await.expect("a greeting");
    assert_eq!(&greeting, b"220 ready\r\n");

    let (mut stream, socket) = pair(&session, &listener).await;
    drop(socket);
    assert_eq!(soon(stream.read_chunk()).await, Ok(None));
}

#[tokio::test]
async fn a_reset_passes_in_both_directions() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let (mut stream, socket) = pair(&session, &listener).await;
    socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("is set");
    drop(socket);
    let end = soon(stream.read_chunk()).await;
    assert_eq!(end, Err(StreamError::Reset(Code::ERR_TARGET_UNREACHABLE)));

    let (mut stream, mut socket) = pair(&session, &listener).await;
    stream.reset(Code::ERR_ABORTED);
    let end = soon(socket.read(&mut [0])).await.expect_err("no end in order");
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);

    let (stream, mut socket) = pair(&session, &listener).await;
    drop((stream, session));
    let end = soon(socket.read(&mut [0])).await.expect_err("no end in order");
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset, "the page has gone");
}

#[tokio::test]
async fn who_wants_no_more_of_a_server_may_go_on_speaking_to_it() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    for starttls in [false, true] {
        let head = serde_json::json!({ "connect": format!("tcp://{address}"), "starttls": starttls });
        let mut stream = session.open(&head).expect("opens");
        let (reply, accepted) = tokio::join!(soon(stream.reply()), soon(listener.accept()));
        reply.expect("a reply");
        let (mut socket, _) = accepted.expect("a client");
        stream.stop(Code::ERR_ABORTED);
        // More than any window has room for.
        soon(socket.write_all(&vec![1; 32 << 20])).await.expect("is thrown away");
        stream.write_all(b"still here").await.expect("is sent");
        stream.shutdown().await.expect("ends its half");
        let mut heard = String::new();
        soon(socket.read_to_string(&mut heard)).await.expect("an end in order");
        assert_eq!(heard, "still here", "{starttls}");
    }
}

#[tokio::test]
async fn a_caller_that_gives_up_is_not_held_by_a_server_that_does_not_read() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let (mut stream, socket) = pair(&session, &listener).await;
    let piece = bytes::Bytes::from(vec![7; 64 << 10]);
    // Until nothing moves any more: the kernels' buffers and the windows are full.
    while tokio::time::timeout(Duration::from_millis(500), stream.write_chunk(piece.clone())).await.is_ok() {}
    stream.reset(Code::ERR_ABORTED);
    stream.stop(Code::ERR_ABORTED);
    door.until("pageport_connects 0").await;
    drop(socket);
}

#[tokio::test]
async fn every_failure_has_its_own_code() {
    let (_kept, closed) = nobody();
    let full = TcpSocket::new_v4().expect("a socket");
    full.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let full_at = full.local_addr().expect("an address");
    let _queue = full.listen(0).expect("listens");
    let _last_one = TcpStream::connect(full_at).await.expect("connects");
    let rules = [closed.to_string(), full_at.to_string(), "no-such-host.invalid:80".to_owned()];
    let rules: String = rules.iter().map(allow).collect();
    let door = open(&format!("{rules}[limits]\nconnect_timeout = \"700ms\"\n"));
    let session = attach_with(&door, CALLER).await;
    for (to, code) in [
        (closed.to_string(), "ERR_TARGET_CONNECTION_REFUSED"),
        (full_at.to_string(), "ERR_TARGET_TIMEOUT"),
        ("no-such-host.invalid:80".to_owned(), "ERR_TARGET_UNRESOLVED"),
        ("127.0.0.1:9".to_owned(), "ERR_TARGET_FORBIDDEN"),
        (door.address.to_string(), "ERR_TARGET_FORBIDDEN"),
    ] {
        assert_eq!(refusal(&session, &to).await.error, code, "{to}");
    }
    let mut stream = session.open(&serde_json::json!({ "connect": "tcp://127.0.0.1" })).expect("opens");
    let invalid = soon(stream.reply()).await;
    assert_eq!(invalid, Err(StreamError::Reset(Code::ERR_HEAD_INVALID)));
}
