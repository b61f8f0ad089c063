//! Connections to servers: which may be, what the server sees, and how each failure is told.

use std::net::SocketAddr;

use pageport_link::{Session, Stream, StreamError, websocket_accept};
use pageport_proto::Code;
use pageport_proto::head::{Accepted, Refusal, Reply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::client::soon;
use crate::door::{self, Door, token_section};
use crate::page::{RawCarrier, attach, attach_with, hello};
use crate::ports::free_ports;
use crate::secure::Authority;

pub(crate) const CALLER: &str = "a-token-that-may-connect";
/// `ACCEPT` stands for the right value.
pub(crate) const GOOD: &str =
    "HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ACCEPT\r\n";

/// A gateway with these rules and limits, and a token that may connect.
pub(crate) fn open(rules: &str) -> Door {
    door::open(&format!("{rules}\n{}", token_section("caller", CALLER, "[\"connect\"]")))
}

fn allow(address: SocketAddr) -> String {
    format!("[[allow]]\nto = \"{address}\"\nprotocol = \"ws\"\n")
}

/// Asks to be connected, and says what the gateway answers.
pub(crate) async fn ask(session: &Session, head: serde_json::Value) -> (Stream, Reply<Accepted>) {
    let mut stream = session.open(&head).expect("opens");
    let reply = soon(stream.reply()).await.expect("a reply");
    (stream, Reply::parse(&reply).expect("a good reply"))
}

pub(crate) async fn refusal(session: &Session, url: &str) -> Refusal {
    match ask(session, serde_json::json!({ "connect": url })).await.1 {
        Reply::Refused(refusal) => refusal,
        Reply::Ok(accepted) => panic!("{url}: {accepted:?}"),
    }
}

/// A server that answers one handshake, and hands over the connection and what it was asked.
async fn server(answer: &str) -> (SocketAddr, JoinHandle<(TcpStream, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    (listener.local_addr().expect("an address"), serve(listener, answer))
}

/// The same at a given place.
pub(crate) fn serve(listener: TcpListener, answer: &str) -> JoinHandle<(TcpStream, String)> {
    let answer = answer.to_owned();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a client");
        let request = head(&mut socket).await;
        let key = request.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).expect("a key");
        let answer = answer.replace("ACCEPT", &websocket_accept(key));
        socket.write_all(answer.as_bytes()).await.expect("is sent");
        (socket, request)
    })
}

async fn head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(socket.read_u8()).await.expect("a request"));
    }
    String::from_utf8(head).expect("text")
}

#[tokio::test]
async fn a_caller_and_a_server_have_a_connection_with_half_close() {
    let (address, task) = server(&format!("{GOOD}sec-websocket-protocol: v2\r\n\r\nfirst ")).await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let url = format!("ws://{address}/path?query");
    let (mut stream, reply) =
        ask(&session, serde_json::json!({ "connect": url, "protocols": ["v1", "v2"] })).await;
    let Reply::Ok(accepted) = reply else { panic!("{reply:?}") };
    assert_eq!(accepted.status, 101);
    assert_eq!(accepted.headers.iter().collect::<Vec<_>>(), [("sec-websocket-protocol", "v2")]);
    let (mut socket, request) = soon(task).await.expect("answers");
    let (line, fields) = request.split_once("\r\n").expect("lines");
    assert_eq!(line, "GET /path?query HTTP/1.1");
    let mut names: Vec<_> = fields.lines().filter_map(|line| line.split_once(": ")).collect();
    names.retain(|(name, _)| *name != "sec-websocket-key");
    let host = address.to_string();
    assert_eq!(
        names,
        [
            ("host", host.as_str()),
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "v1, v2"),
            ("user-agent", "pageport"),
        ],
        "nothing else"
    );

    stream.write_all(b"question").await.expect("is sent");
    stream.shutdown().await.expect("ends its half");
    let mut question = String::new();
    soon(socket.read_to_string(&mut question)).await.expect("an end in order");
    socket.write_all(b"answer").await.expect("is sent");
    drop(socket);
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.expect("an end in order");
    assert_eq!((question.as_str(), answer.as_str()), ("question", "first answer"));
    door.until("pageport_connects_total{kind=\"ws\",outcome=\"connected\"} 1").await;
    door.until("pageport_connect_sent_bytes_total 8").await;
    door.until("pageport_connect_received_bytes_total 12").await;
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn a_server_sees_the_origin_of_the_page() {
    let (address, task) = server(&format!("{GOOD}\r\n")).await;
    let door = open(&format!("[link]\norigins = [\"https://app.example\"]\n{}", allow(address)));
    let mut page =
        RawCarrier::websocket(&door, "Origin: https://app.example\r\nCookie: session=secret\r\n").await;
    page.welcome(&hello()).await;
    let reply = page.request(&format!("{{\"connect\":\"ws://{address}/\"}}")).await;
    assert!(reply.contains("\"ok\":true"), "{reply}");
    let (_, request) = soon(task).await.expect("answers");
    assert!(request.contains("\r\norigin: https://app.example\r\n"), "{request}");
    assert!(!request.contains("cookie") && !request.contains("secret"), "{request}");
}

#[tokio::test]
async fn what_no_rule_allows_is_forbidden_and_nobody_is_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let port = address.port();
    let other = if port == 1 { 2 } else { 1 };
    let rules = format!(
        "[link]\norigins = [\"https://app.example\"]\n[[allow]]\nto = \"127.0.0.1:{other}\"\nprotocol = \"ws\"\n\
         [[allow]]\nto = \"127.0.0.1:{port}\"\nprotocol = \"wss\"\n\
         [[allow]]\nto = \"127.0.0.1:{port}\"\nprotocol = \"ws\"\norigins = [\"https://app.example\"]\ntokens = [\"other\"]\n{}",
        token_section("other", "another-token", "[\"connect\"]"),
    );
    let door = open(&rules);
    let session = attach_with(&door, CALLER).await;
    for url in [format!("ws://{address}/"), format!("ws://localhost:{port}/"), format!("ws://[::1]:{port}/")]
    {
        assert_eq!(refusal(&session, &url).await.error, "ERR_TARGET_FORBIDDEN", "{url}");
    }
    let nobody = soon(attach(&door)).await;
    assert_eq!(
        refusal(&nobody, &format!("ws://{address}/")).await.error,
        "ERR_TARGET_FORBIDDEN",
        "may not connect"
    );
    assert_eq!(refusal(&nobody, "page:nobody").await.error, "ERR_TARGET_FORBIDDEN", "may not connect");
    assert!(futures_ready(listener.accept()).await.is_none(), "nobody was asked");

    // Control: whom a rule names gets through to the same server.
    let named = attach_with(&door, "another-token").await;
    let stream = named.open(&serde_json::json!({ "connect": format!("ws://{address}/") })).expect("opens");
    assert!(soon(listener.accept()).await.is_ok());
    drop(stream);
    door.until("pageport_connects_total{kind=\"ws\",outcome=\"ERR_TARGET_FORBIDDEN\"} 4").await;
}

/// What is there already.
async fn futures_ready<T>(what: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = what => Some(done),
        () = tokio::task::yield_now() => None,
    }
}

#[tokio::test]
async fn the_gateway_never_connects_to_itself() {
    let rules = "[[allow]]\nto = \"localhost:PORT\"\nprotocol = \"ws\"\n[[allow]]\nto = \"127.0.0.1:PORT\"\nprotocol = \"ws\"\n";
    // The ports are known only once it runs.
    let (public, range) = free_ports(2);
    let door = open(&format!("[tcp]\nports = \"{range}\"\n"));
    let (front, admin) = (door.address.port(), door.admin.port());
    for (host, port) in [
        ("localhost", front),
        ("127.0.0.1", front),
        ("127.0.0.1", admin),
        ("localhost", public),
        ("127.0.0.1", public + 1),
    ] {
        let rules = rules.replace("PORT", &port.to_string());
        let config = door::config(&format!("{rules}{}", token_section("caller", CALLER, "[\"connect\"]")));
        door.handle.reload(config.policy);
        let session = attach_with(&door, CALLER).await;
        let refused = refusal(&session, &format!("ws://{host}:{port}/metrics")).await;
        assert_eq!(refused.error, "ERR_TARGET_FORBIDDEN", "{host}:{port}");
    }
}

#[tokio::test]
async fn every_failure_has_its_own_code() {
    let (_kept, closed) = door::nobody();
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let silent_at = silent.local_addr().expect("an address");
    let (refusing, _a) = server("HTTP/1.1 403 x\r\ncontent-length: 0\r\n\r\n").await;
    let (moved, _b) = server("HTTP/1.1 302 x\r\nlocation: ws://elsewhere.example/\r\n\r\n").await;
    let (wrong, _c) = server(&(GOOD.replace("ACCEPT", "AAAA") + "\r\n")).await;
    let (chooser, _d) = server(&format!("{GOOD}sec-websocket-protocol: other\r\n\r\n")).await;
    let (extended, _e) = server(&format!("{GOOD}sec-websocket-extensions: permessage-deflate\r\n\r\n")).await;
    let mut rules: String =
        [closed, silent_at, refusing, moved, wrong, chooser, extended].map(allow).concat();
    rules.push_str("[[allow]]\nto = \"no-such-host.invalid:80\"\nprotocol = \"ws\"\n");
    rules.push_str(&format!("[[allow]]\nto = \"{silent_at}\"\nprotocol = \"wss\"\n"));
    let door = open(&format!("{rules}[limits]\nconnect_timeout = \"700ms\"\n"));
    let session = attach_with(&door, CALLER).await;
    for (target, code, status) in [
        (format!("ws://{closed}/"), "ERR_TARGET_UNREACHABLE", None),
        (format!("ws://{silent_at}/"), "ERR_TARGET_TIMEOUT", None),
        (format!("wss://{silent_at}/"), "ERR_TARGET_TIMEOUT", None),
        (format!("ws://{refusing}/"), "ERR_TARGET_REFUSED", Some(403)),
        (format!("ws://{moved}/"), "ERR_TARGET_REFUSED", None),
        (format!("ws://{wrong}/"), "ERR_TARGET_HANDSHAKE", None),
        (format!("ws://{chooser}/"), "ERR_TARGET_HANDSHAKE", None),
        (format!("ws://{extended}/"), "ERR_TARGET_HANDSHAKE", None),
        ("ws://no-such-host.invalid/".to_owned(), "ERR_TARGET_UNRESOLVED", None),
        ("gopher://a.example/".to_owned(), "ERR_UNSUPPORTED", None),
        ("page:-".to_owned(), "ERR_NAME_INVALID", None),
    ] {
        let refused = refusal(&session, &target).await;
        assert_eq!((refused.error.as_str(), refused.status), (code, status), "{target}: {}", refused.message);
    }
}

#[tokio::test]
async fn tls_is_for_whoever_the_rule_or_the_system_trusts() {
    let authority = Authority::new();
    let files = authority.sign("server", &["localhost"]);
    let target = door::open(&format!("{files}[link]\norigins = []\n"));
    let port = target.address.port();
    let ca = authority.file("ca.pem", &authority.certificate());
    let rule = |ca: &str| format!("[[allow]]\nto = \"localhost:{port}\"\nprotocol = \"wss\"\n{ca}");
    let trusting = open(&rule(&format!("ca = {ca:?}\n")));
    // Its handshake is through when it answers by HTTP: this is another gateway, which knows no such listener.
    let refused =
        refusal(&attach_with(&trusting, CALLER).await, &format!("wss://localhost:{port}/@nobody/")).await;
    assert_eq!(
        (refused.error.as_str(), refused.status),
        ("ERR_TARGET_REFUSED", Some(404)),
        "{}",
        refused.message
    );

    let strict = open(&rule(""));
    let refused =
        refusal(&attach_with(&strict, CALLER).await, &format!("wss://localhost:{port}/@nobody/")).await;
    assert_eq!(refused.error, "ERR_TARGET_TLS", "{}", refused.message);
}

#[tokio::test]
async fn of_what_is_wrong_with_tls_its_class_is_told_and_nothing_of_the_certificate() {
    let authority = Authority::new();
    let good = door::open(&authority.sign("good", &["localhost", "secret.internal.example"]));
    let late = door::open(&authority.sign_expired("late", &["localhost", "secret.internal.example"]));
    let plain = door::open("");
    let ca = format!("ca = {:?}\n", authority.file("ca.pem", &authority.certificate()));
    for (host, target, ca, message) in [
        ("localhost", &late, ca.as_str(), "The target's certificate has expired."),
        ("localhost", &good, "", "Nobody who is trusted vouches for the target's certificate."),
        ("127.0.0.1", &good, ca.as_str(), "The target's certificate is for another name."),
        ("localhost", &plain, ca.as_str(), "There is no TLS connection with the target."),
    ] {
        let to = format!("{host}:{}", target.address.port());
        let door = open(&format!("[[allow]]\nto = \"{to}\"\nprotocol = \"wss\"\n{ca}"));
        let refused = refusal(&attach_with(&door, CALLER).await, &format!("wss://{to}/")).await;
        assert_eq!((refused.error.as_str(), refused.message.as_str()), ("ERR_TARGET_TLS", message), "{to}");
    }
}

#[tokio::test]
async fn what_breaks_off_is_a_reset_on_the_other_side() {
    let (address, task) = server(&format!("{GOOD}\r\n")).await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let head = serde_json::json!({ "connect": format!("ws://{address}/") });
    let (mut stream, reply) = ask(&session, head.clone()).await;
    assert!(matches!(reply, Reply::Ok(_)), "{reply:?}");
    let (socket, _) = soon(task).await.expect("answers");
    socket2::SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO)).expect("is set");
    drop(socket);
    let end = soon(stream.read_chunk()).await;
    assert_eq!(end, Err(StreamError::Reset(Code::ERR_TARGET_UNREACHABLE)));

    let (address, task) = server(&format!("{GOOD}\r\n")).await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let (mut stream, reply) =
        ask(&session, serde_json::json!({ "connect": format!("ws://{address}/") })).await;
    assert!(matches!(reply, Reply::Ok(_)), "{reply:?}");
    let (mut socket, _) = soon(task).await.expect("answers");
    stream.reset(Code::ERR_ABORTED);
    assert!(soon(socket.read_u8()).await.is_err());
    let end = soon(socket.read(&mut [0; 1])).await;
    assert!(!matches!(end, Ok(1..)), "{end:?}");
}

#[tokio::test]
async fn whoever_gives_up_frees_the_place() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = silent.local_addr().expect("an address");
    let door = open(&format!("{}[limits]\nconnects_per_session = 1\n", allow(address)));
    let session = attach_with(&door, CALLER).await;
    let head = serde_json::json!({ "connect": format!("ws://{address}/") });
    let mut waiting = session.open(&head).expect("opens");
    let (mut socket, _) = soon(silent.accept()).await.expect("a client");
    head_of(&mut socket).await;
    assert_eq!(refusal(&session, &format!("ws://{address}/")).await.error, "ERR_CONNECT_LIMIT");
    waiting.reset(Code::ERR_ABORTED);
    waiting.stop(Code::ERR_ABORTED);
    assert!(soon(socket.read_u8()).await.is_err(), "the gateway has hung up");
    let again = session.open(&head).expect("opens");
    assert!(soon(silent.accept()).await.is_ok(), "the place is free again");
    drop(again);
}

async fn head_of(socket: &mut TcpStream) {
    head(socket).await;
}

#[tokio::test]
async fn a_server_that_reads_slowly_holds_its_caller_back() {
    let (address, task) = server(&format!("{GOOD}\r\n")).await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let (mut stream, _) = ask(&session, serde_json::json!({ "connect": format!("ws://{address}/") })).await;
    let (mut socket, _) = soon(task).await.expect("answers");
    const ALL: usize = 64 << 20;
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&sent);
    let sending = tokio::spawn(async move {
        let piece = vec![7; 64 << 10];
        while counter.load(std::sync::atomic::Ordering::Relaxed) < ALL {
            stream.write_all(&piece).await.expect("is sent");
            counter.fetch_add(piece.len(), std::sync::atomic::Ordering::Relaxed);
        }
        stream.finish();
        stream
    });
    let mut stood = 0;
    loop {
        let before = sent.load(std::sync::atomic::Ordering::Relaxed);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        stood = if sent.load(std::sync::atomic::Ordering::Relaxed) == before { stood + 1 } else { 0 };
        if stood == 3 {
            break;
        }
    }
    let held = sent.load(std::sync::atomic::Ordering::Relaxed);
    assert!(held < 32 << 20, "{held} bytes left without a reader");
    let mut read = 0;
    let mut buffer = vec![0; 1 << 20];
    while let Ok(length @ 1..) = soon(socket.read(&mut buffer)).await {
        read += length;
    }
    assert_eq!(read, ALL);
    soon(sending).await.expect("ends");
}
