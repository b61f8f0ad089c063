//! Connections between pages: one stream of each session, joined; and bytes for measuring.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pageport_link::{ReadHalf, Session, Stream, StreamError};
use pageport_proto::Code;
use pageport_proto::head::{Accepted, Headers, Kind, PageVisit, Ready, Refusal, Reply, Visit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep};

use crate::client::soon;
use crate::door::{self, Door, token_section};
use crate::page::{Page, RawCarrier, attach_with, hello, listen_for, respond};

const CALLER: &str = "a-token-that-may-connect";

fn open(lines: &str) -> Door {
    door::open(&format!("{lines}\n{}", token_section("caller", CALLER, "[\"listen\", \"connect\"]")))
}

/// A listener, a caller, and the caller's stream to it, which waits.
async fn knock(door: &Door, page: &Page, fields: serde_json::Value) -> (Session, Stream) {
    let session = attach_with(door, CALLER).await;
    let stream = call(&session, &page.listening.name, fields);
    (session, stream)
}

fn call(session: &Session, name: &str, fields: serde_json::Value) -> Stream {
    let mut head = fields;
    head["connect"] = format!("page:{name}").into();
    session.open(&head).expect("opens")
}

async fn visit(page: &Page) -> (Stream, PageVisit) {
    let stream = soon(page.session.accept()).await.expect("a visitor");
    let Ok(Visit::Page(visit)) = Visit::parse(stream.head()) else { panic!("not a page") };
    (stream, visit)
}

/// Both ends of a connection.
async fn joined(door: &Door) -> (Page, Session, Stream, Stream) {
    let page = listen_for(door, Kind::Page).await;
    let (session, mut caller) = knock(door, &page, serde_json::json!({})).await;
    let (mut listener, _) = visit(&page).await;
    listener.respond(&Reply::Ok(Ready {})).expect("is sent");
    assert_eq!(soon(caller.reply()).await.expect("a reply"), "{\"ok\":true}");
    (page, session, caller, listener)
}

async fn refused(stream: &mut Stream) -> Refusal {
    let reply = soon(stream.reply()).await.expect("a reply");
    match Reply::<Ready>::parse(&reply).expect("a good reply") {
        Reply::Refused(refusal) => refusal,
        Reply::Ok(_) => panic!("{reply:?}"),
    }
}

#[tokio::test]
async fn two_pages_have_bytes_both_ways_and_each_way_ends_by_itself() {
    let door = open("");
    let page = listen_for(&door, Kind::Page).await;
    let name = &page.listening.name;
    assert_eq!(
        (&page.listening.url, &page.listening.path_url),
        (&format!("page:{name}"), &format!("page:{name}"))
    );
    let (_session, mut caller) = knock(&door, &page, serde_json::json!({ "url": "/room?id=1" })).await;
    let (mut listener, visit) = visit(&page).await;
    assert_eq!((visit.listener.as_str(), visit.url), (name.as_str(), format!("page:{name}/room?id=1")));
    assert!(visit.headers.is_empty(), "a program has no origin");
    listener.respond(&Reply::Ok(Ready {})).expect("is sent");
    soon(caller.reply()).await.expect("a reply");
    caller.write_all(b"question").await.expect("is sent");
    caller.shutdown().await.expect("ends its half");
    let mut question = String::new();
    soon(listener.read_to_string(&mut question)).await.expect("an end in order");
    listener.write_all(b"answer").await.expect("is sent");
    listener.shutdown().await.expect("ends its half");
    let mut answer = String::new();
    soon(caller.read_to_string(&mut answer)).await.expect("an end in order");
    assert_eq!((question.as_str(), answer.as_str()), ("question", "answer"));
    door.until("pageport_connects_total{kind=\"page\",outcome=\"connected\"} 1").await;
    door.until("pageport_connect_page_bytes_total 14").await;
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn a_page_learns_the_origin_of_another_and_tells_its_sessions_apart() {
    let door = open("[link]\norigins = [\"https://app.example\"]");
    let page = listen_for(&door, Kind::Page).await;
    let mut peers = Vec::new();
    for _ in 0..2 {
        let mut caller = RawCarrier::websocket(&door, "Origin: https://app.example\r\n").await;
        caller.welcome(&hello()).await;
        let head = format!("{{\"connect\":\"page:{}\"}}", page.listening.name);
        let asking = caller.request(&head);
        let answering = async {
            let (mut stream, visit) = visit(&page).await;
            stream.respond(&Reply::Ok(Ready {})).expect("is sent");
            visit
        };
        let (_, visit) = tokio::join!(asking, answering);
        assert_eq!(visit.headers.iter().collect::<Vec<_>>(), [("origin", "https://app.example")]);
        peers.push(visit.peer);
    }
    assert_ne!(peers[0], peers[1]);
}

#[tokio::test]
async fn resets_and_stops_pass_with_their_codes() {
    let door = open("");
    let (_page, _session, mut caller, mut listener) = joined(&door).await;
    let code = Code::from_number(0x1_0007);
    caller.reset(code);
    assert_eq!(soon(listener.read_chunk()).await, Err(StreamError::Reset(code)));
    listener.write_all(b"still open").await.expect("the other direction goes on");
    let mut text = [0; 10];
    soon(caller.read_exact(&mut text)).await.expect("is read");
    caller.stop(code);
    let (_, mut to_caller) = listener.into_split();
    assert_eq!(soon(to_caller.stopped()).await, StreamError::Stopped(code));
}

#[tokio::test]
async fn a_reset_passes_a_reader_that_does_not_read() {
    let door = open("");
    let (_page, _session, caller, listener) = joined(&door).await;
    let (mut from_caller, _to_caller) = listener.into_split();
    let (_from_listener, mut to_listener) = caller.into_split();
    let piece = bytes::Bytes::from(vec![7; 64 << 10]);
    // Until nothing more is taken for a while.
    while tokio::time::timeout(Duration::from_millis(300), to_listener.write_chunk(piece.clone()))
        .await
        .is_ok()
    {}
    to_listener.reset(Code::ERR_ABORTED);
    assert_eq!(soon(from_caller.broken()).await, StreamError::Reset(Code::ERR_ABORTED));
}

#[tokio::test]
async fn a_page_that_reads_slowly_holds_only_its_own_caller_back() {
    let door = open("");
    let (page, session, caller, listener) = joined(&door).await;
    let (_unread, mut to_listener) = caller.into_split();
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let sending = tokio::spawn(async move {
        let piece = bytes::Bytes::from(vec![7; 64 << 10]);
        for _ in 0..512 {
            to_listener.write_chunk(piece.clone()).await.expect("is taken");
            counter.fetch_add(piece.len(), Ordering::Relaxed);
        }
        to_listener.finish();
    });
    let mut before = usize::MAX;
    while sent.load(Ordering::Relaxed) != before {
        before = sent.load(Ordering::Relaxed);
        sleep(Duration::from_millis(300)).await;
    }
    assert!(before < 24 << 20, "{before} bytes left without a reader");

    let mut sibling = call(&session, &page.listening.name, serde_json::json!({}));
    let (mut other, _) = visit(&page).await;
    other.respond(&Reply::Ok(Ready {})).expect("is sent");
    soon(sibling.reply()).await.expect("a reply");
    sibling.write_all(b"passes").await.expect("is sent");
    let mut text = [0; 6];
    soon(other.read_exact(&mut text)).await.expect("is not held back");

    let (from_caller, _to_caller) = listener.into_split();
    assert_eq!(soon(count(from_caller)).await, 32 << 20);
    soon(sending).await.expect("ends");
}

async fn count(mut from: ReadHalf) -> usize {
    let mut all = 0;
    while let Some(chunk) = from.read_chunk().await.expect("an end in order") {
        all += chunk.len();
    }
    all
}

#[tokio::test]
async fn the_end_of_either_session_ends_the_connection() {
    let door = open("");
    let (page, _session, mut caller, _listener) = joined(&door).await;
    page.session.close(Code::NO_ERROR, "");
    let end = soon(caller.read_chunk()).await;
    assert_eq!(end, Err(StreamError::Reset(Code::ERR_TARGET_UNREACHABLE)));
    let (_page, session, _caller, mut listener) = joined(&door).await;
    session.close(Code::NO_ERROR, "");
    assert_eq!(soon(listener.read_chunk()).await, Err(StreamError::Reset(Code::ERR_VISITOR_GONE)));
}

#[tokio::test]
async fn a_page_may_connect_to_itself() {
    let door = open("");
    let page = listen_for(&door, Kind::Page).await;
    let mut caller = call(&page.session, &page.listening.name, serde_json::json!({}));
    let refusal = refused(&mut caller).await;
    assert_eq!(refusal.error, "ERR_TARGET_FORBIDDEN", "its token may listen only");
    let session = attach_with(&door, CALLER).await;
    let mut listening = session.open(&serde_json::json!({ "listen": "page" })).expect("opens");
    let reply = soon(listening.reply()).await.expect("a reply");
    let name = serde_json::from_slice::<serde_json::Value>(&reply).expect("JSON")["name"].clone();
    let mut caller = call(&session, name.as_str().expect("a name"), serde_json::json!({}));
    let mut listener = soon(session.accept()).await.expect("a visitor");
    listener.respond(&Reply::Ok(Ready {})).expect("is sent");
    soon(caller.reply()).await.expect("a reply");
    caller.write_all(b"to myself").await.expect("is sent");
    let mut text = [0; 9];
    soon(listener.read_exact(&mut text)).await.expect("is read");
    assert_eq!(&text, b"to myself");
}

#[tokio::test]
async fn a_websocket_listener_is_reached_without_a_socket_and_without_a_rule() {
    let door = open("");
    let page = crate::page::listen(&door).await;
    let name = page.listening.name.clone();
    let session = attach_with(&door, CALLER).await;
    let port = door.address.port();
    let targets = [
        serde_json::json!({ "connect": format!("page:{name}"), "kind": "websocket", "url": "/a?b", "protocols": ["v1"] }),
        serde_json::json!({ "connect": format!("ws://{name}.localhost:{port}/a?b"), "protocols": ["v1"] }),
        serde_json::json!({ "connect": format!("ws://localhost:{port}/@{name}/a?b"), "protocols": ["v1"] }),
    ];
    for head in targets {
        let mut caller = session.open(&head).expect("opens");
        let (mut listener, visit) = page.admit(Some("v1")).await;
        assert_eq!((visit.method.as_str(), visit.url), ("GET", format!("ws://{name}.localhost:{port}/a?b")));
        assert_eq!(visit.headers.iter().collect::<Vec<_>>(), [("sec-websocket-protocol", "v1")]);
        let reply = soon(caller.reply()).await.expect("a reply");
        let Ok(Reply::Ok(accepted)) = Reply::<Accepted>::parse(&reply) else { panic!("{reply:?}") };
        assert_eq!(accepted.headers.get("sec-websocket-protocol"), Some("v1"));
        caller.write_all(b"\x81\x80mask").await.expect("is sent");
        let mut frame = [0; 6];
        soon(listener.read_exact(&mut frame)).await.expect("is passed on as it is");
        assert_eq!(&frame, b"\x81\x80mask");
    }
}

#[tokio::test]
async fn what_a_page_says_to_a_handshake_is_what_its_caller_gets() {
    let door = open("");
    let page = crate::page::listen(&door).await;
    let session = attach_with(&door, CALLER).await;
    let socket = || call(&session, &page.listening.name, serde_json::json!({ "kind": "websocket" }));

    let mut caller = socket();
    page.refuse(Some(418), "short and stout").await;
    let refusal = refused(&mut caller).await;
    let told = (refusal.error.as_str(), refusal.status, refusal.message.as_str());
    assert_eq!(told, ("ERR_REJECTED", Some(418), "short and stout"));

    let mut caller = socket();
    let _held = page.admit(Some("never-offered")).await;
    assert_eq!(refused(&mut caller).await.error, "ERR_BAD_REPLY");

    let mut caller = socket();
    let (mut stream, _) = page.visitor().await;
    respond(&mut stream, 404, &[]);
    let refusal = refused(&mut caller).await;
    assert_eq!((refusal.error.as_str(), refusal.status), ("ERR_REJECTED", Some(404)));

    let mut caller = socket();
    let (mut stream, _) = page.visitor().await;
    let unreachable = Refusal { retry_after: Some(9), ..Refusal::new(Code::ERR_TARGET_UNREACHABLE, "") };
    stream.respond(&Reply::<Ready>::Refused(unreachable)).expect("is sent");
    let refusal = refused(&mut caller).await;
    assert_eq!((refusal.error.as_str(), refusal.retry_after), ("ERR_TARGET_UNREACHABLE", Some(9)));

    let mut caller = socket();
    let (mut stream, _) = page.visitor().await;
    let steering = Refusal { message: "\u{1b}[2J".to_owned(), ..Refusal::new(Code::ERR_REJECTED, "") };
    stream.respond(&Reply::<Ready>::Refused(steering)).expect("is sent");
    let refusal = refused(&mut caller).await;
    assert_eq!((refusal.error.as_str(), refusal.message.as_str()), ("ERR_BAD_REPLY", ""));

    let mut caller = socket();
    let (mut stream, _) = page.visitor().await;
    let headers = Headers::default();
    stream.respond(&Reply::Ok(Accepted { status: 101, headers })).expect("is sent");
    assert!(soon(caller.reply()).await.is_ok(), "control");
}

#[tokio::test]
async fn who_is_not_there_is_told_apart() {
    let limits = "[limits]\naccept_timeout = \"300ms\"\nparked_wait = \"200ms\"\n";
    let door = open(&format!("[link]\norigins = [\"https://app.example\"]\n{limits}"));
    let session = attach_with(&door, CALLER).await;
    let unknown = async |name: &str| refused(&mut call(&session, name, serde_json::json!({}))).await.error;
    assert_eq!(unknown("nobody").await, "ERR_LISTENER_UNKNOWN");
    let page = crate::page::listen(&door).await;
    assert_eq!(unknown(&page.listening.name).await, "ERR_LISTENER_UNKNOWN", "it listens for WebSockets only");
    let page = listen_for(&door, Kind::Page).await;
    assert_eq!(unknown(&page.listening.name).await, "ERR_ACCEPT_TIMEOUT", "it never answers");
    let mut caller = call(&session, &page.listening.name, serde_json::json!({ "kind": "websocket" }));
    assert_eq!(refused(&mut caller).await.error, "ERR_LISTENER_UNKNOWN", "it listens for pages only");

    // A page whose carrier is gone.
    let mut away = RawCarrier::websocket(&door, "Origin: https://app.example\r\n").await;
    away.welcome(&hello()).await;
    let name = listen_by_hand(&mut away).await;
    drop(away);
    let refusal = loop {
        let refusal = refused(&mut call(&session, &name, serde_json::json!({}))).await;
        if refusal.error != "ERR_ACCEPT_TIMEOUT" {
            break refusal;
        }
    };
    assert_eq!((refusal.error.as_str(), refusal.retry_after), ("ERR_LISTENER_AWAY", Some(1)));
}

#[tokio::test]
async fn a_call_that_cannot_be_told_or_is_broken_off_says_so() {
    let door = open("");
    let page = listen_for(&door, Kind::Page).await;
    let session = attach_with(&door, CALLER).await;
    let wish = |length| serde_json::json!({ "connect": format!("page:{}", page.listening.name), "url": format!("/{}", "a".repeat(length)) });
    let empty = serde_json::to_vec(&wish(0)).expect("JSON").len();
    let mut caller =
        session.open(&wish(pageport_proto::limits::HEAD - empty)).expect("as long as a head may be");
    assert_eq!(refused(&mut caller).await.error, "ERR_HEADERS_TOO_LARGE");

    let mut caller = session.open(&wish(0)).expect("opens");
    let (mut listener, _) = visit(&page).await;
    listener.reset(Code::ERR_ABORTED);
    assert_eq!(refused(&mut caller).await.error, "ERR_PAGE_ABORTED");
}

/// The name that a page made by hand gets for listening to other pages.
async fn listen_by_hand(carrier: &mut RawCarrier) -> String {
    let reply = carrier.request("{\"listen\":\"page\"}").await;
    let (_, rest) = reply.split_once("\"name\":\"").expect("a name");
    rest.split('"').next().expect("a name").to_owned()
}

#[tokio::test]
async fn a_name_has_one_listener_of_each_kind_and_a_token_says_which() {
    let limited = token_section("limited", "pages-only", "[\"listen\"]") + "kinds = [\"page\"]\n";
    let door = open(&limited);
    let session = attach_with(&door, "pages-only").await;
    let ask = async |head: serde_json::Value| {
        let mut stream = session.open(&head).expect("opens");
        let reply = soon(stream.reply()).await.expect("a reply");
        (stream, serde_json::from_slice::<serde_json::Value>(&reply).expect("JSON"))
    };
    let (_listener, reply) = ask(serde_json::json!({ "listen": "page" })).await;
    let name = reply["name"].clone();
    let (_, again) = ask(serde_json::json!({ "listen": "page", "name": name })).await;
    assert_eq!(again["error"], "ERR_LISTENER_EXISTS");
    for kind in ["websocket", "http", "tcp"] {
        let (_, reply) = ask(serde_json::json!({ "listen": kind })).await;
        assert_eq!(reply["error"], "ERR_LISTEN_FORBIDDEN", "{kind}");
    }
    let other = attach_with(&door, CALLER).await;
    let mut stream = other.open(&serde_json::json!({ "listen": "page" })).expect("opens");
    assert!(soon(stream.reply()).await.is_ok(), "control: without `kinds` all of them");
}

#[tokio::test]
async fn measurements_move_bytes_and_have_an_end() {
    let door = open("[limits]\nmeasure_bytes = \"1MiB\"\nmeasures_per_session = 2\n");
    let session = attach_with(&door, CALLER).await;
    let measure = |what: &str, bytes: Option<u64>| {
        let mut head = serde_json::json!({ "measure": what });
        if let Some(bytes) = bytes {
            head["bytes"] = bytes.into();
        }
        session.open(&head).expect("opens")
    };
    let mut source = measure("source", Some(1 << 20));
    soon(source.reply()).await.expect("a reply");
    let mut all = Vec::new();
    soon(source.read_to_end(&mut all)).await.expect("an end in order");
    assert_eq!(all.len(), 1 << 20);

    let mut echo = measure("echo", None);
    soon(echo.reply()).await.expect("a reply");
    echo.write_all(b"there and back").await.expect("is sent");
    echo.shutdown().await.expect("ends");
    let mut text = String::new();
    soon(echo.read_to_string(&mut text)).await.expect("an end in order");
    assert_eq!(text, "there and back");

    let mut sink = measure("sink", None);
    soon(sink.reply()).await.expect("a reply");
    sink.write_all(&vec![7; 1 << 20]).await.expect("is sent");
    sink.shutdown().await.expect("ends");
    assert_eq!(soon(sink.read_chunk()).await, Ok(None), "its end answers");

    assert_eq!(refused(&mut measure("source", Some((1 << 20) + 1))).await.error, "ERR_CONNECT_LIMIT");
    let mut sink = measure("sink", None);
    soon(sink.reply()).await.expect("a reply");
    let started = Instant::now();
    while sink.write_all(&[7; 4096]).await.is_ok() {
        assert!(started.elapsed() < Duration::from_secs(20), "nobody counts");
    }
    assert_eq!(soon(sink.read_chunk()).await, Err(StreamError::Reset(Code::ERR_CONNECT_LIMIT)));

    let mut first = measure("echo", None);
    let mut second = measure("sink", None);
    soon(first.reply()).await.expect("a reply");
    soon(second.reply()).await.expect("a reply");
    assert_eq!(refused(&mut measure("echo", None)).await.error, "ERR_CONNECT_LIMIT");
}
