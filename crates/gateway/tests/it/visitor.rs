//! Visitors: what a page sees of them, what it decides, and the bytes behind it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use pageport_link::StreamError;
use pageport_proto::head::{Accepted, Headers, Reply};
use pageport_proto::session::Settings;
use pageport_proto::{Code, Role};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{Client, soon};
use crate::door;
use crate::page;
use crate::wire::Wire;

#[tokio::test]
async fn a_page_sees_path_headers_and_origin_and_chooses_a_subprotocol() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let fields = "Origin: https://visitor.example\r\nSec-WebSocket-Protocol: chat, superchat\r\nCookie: a=b\r\n\
                  X-Latin: caf\u{e9}\r\nSec-WebSocket-Extensions: permessage-deflate\r\nX-Forwarded-For: 1.2.3.4\r\n\
                  Forwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nVia: 1.1 x\r\nTE: trailers\r\nX-Hop: 1\r\n\
                  Connection: X-Hop\r\nKeep-Alive: timeout=5\r\n";
    let mut client = Client::connect(door.address).await;
    let knock = page.knock(&door, "/room/1?x=%20y", fields);
    let (answer, (_stream, visit)) = tokio::join!(client.ask(&knock), page.admit(Some("superchat")));
    assert_eq!(answer.status, 101, "{}", answer.head);
    assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(answer.header("sec-websocket-protocol"), Some("superchat"));
    assert_eq!(visit.listener, page.listening.name);
    assert_eq!(visit.url, format!("{}room/1?x=%20y", page.listening.url));
    assert_eq!(visit.headers.get("origin"), Some("https://visitor.example"));
    assert_eq!(visit.headers.get("sec-websocket-protocol"), Some("chat, superchat"));
    assert_eq!(visit.headers.get("cookie"), Some("a=b"), "on its own origin a listener gets its cookies");
    assert_eq!(visit.headers.get("x-latin"), Some("caf\u{c3}\u{a9}"), "bytes, one character each");
    let names: Vec<_> = visit.headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["origin", "sec-websocket-protocol", "cookie", "x-latin"]);
    assert!(!visit.peer.contains("127"), "{}", visit.peer);
}

#[tokio::test]
async fn by_path_a_page_sees_no_credentials_and_its_own_url() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let fields =
        "Cookie: a=b\r\nAuthorization: Basic x\r\nProxy-Authorization: Basic x\r\nProxy-Anything: x\r\n";
    for (path, seen) in [("/", ""), ("", ""), ("/room?x=/@y", "room?x=/@y"), ("?q", "?q")] {
        let mut client = Client::connect(door.address).await;
        let knock = page.knock_by_path(&door, path, fields);
        let (answer, (_stream, visit)) = tokio::join!(client.ask(&knock), page.admit(None));
        assert_eq!(answer.status, 101, "{}", answer.head);
        assert_eq!(visit.url, format!("{}{seen}", page.listening.url), "{path}");
        let names: Vec<_> = visit.headers.iter().map(|(name, _)| name).collect();
        assert!(names.is_empty(), "{names:?}");
    }
}

#[tokio::test]
async fn a_peer_is_the_same_for_one_address_and_one_listener_only() {
    let door = door::open("");
    let (one, other) = (page::listen(&door).await, page::listen(&door).await);
    let mut peers = Vec::new();
    for page in [&one, &one, &other] {
        let mut client = Client::connect(door.address).await;
        let knock = page.knock(&door, "/", "");
        let (_, (_stream, visit)) = tokio::join!(client.ask(&knock), page.admit(None));
        peers.push(visit.peer);
    }
    assert!(peers[0] == peers[1] && peers[1] != peers[2], "{peers:?}");
}

#[tokio::test]
async fn nothing_of_a_visitor_flows_before_the_page_has_answered() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let mut client = Client::connect(door.address).await;
    client.send(format!("{}too early", page.knock(&door, "/", ""))).await;
    let (mut stream, _) = page.visitor().await;
    let early = tokio::time::timeout(Duration::from_millis(200), stream.read_chunk()).await;
    assert!(early.is_err(), "{early:?}");
    stream.respond(&Reply::Ok(Accepted { status: 101, headers: Headers::default() })).expect("is sent");
    assert_eq!(client.answer().await.status, 101);
    assert_eq!(soon(stream.read_chunk()).await.expect("bytes").as_deref(), Some(&b"too early"[..]));
}

#[tokio::test]
async fn a_page_refuses_with_its_own_status_and_words() {
    let door = door::open("");
    let page = page::listen(&door).await;
    for (status, message, seen) in
        [(Some(429), "slow <down>", 429), (None, "", 403), (Some(599), "odd", 599), (Some(400), "no", 400)]
    {
        let knock = page.knock(&door, "/", "Accept: text/html\r\n");
        let (answer, ()) = tokio::join!(door.ask(&knock), page.refuse(status, message));
        answer.refuses(seen, "ERR_REJECTED");
        let escaped = message.replace('<', "&lt;").replace('>', "&gt;");
        assert!(answer.body.contains(&escaped) && !answer.body.contains("<down>"), "{}", answer.body);
    }
    let knock = page.knock_by_path(&door, "/", "");
    let (answer, ()) = tokio::join!(door.ask(&knock), page.refuse(Some(410), "words of a stranger"));
    answer.refuses(410, "ERR_REJECTED");
    assert!(!answer.body.contains("stranger"), "{}", answer.body);
}

#[tokio::test]
async fn a_reply_that_cannot_be_passed_on_is_the_pages_fault() {
    let door = door::open("");
    let page = page::listen(&door).await;
    for (offered, reply) in [
        ("chat", serde_json::json!({ "ok": true, "status": 200 })),
        (
            "chat",
            serde_json::json!({ "ok": true, "status": 101, "headers": [["sec-websocket-protocol", "other"]] }),
        ),
        (
            "chat",
            serde_json::json!({ "ok": true, "status": 101, "headers": [["sec-websocket-protocol", "CHAT"]] }),
        ),
        (
            "chat, b",
            serde_json::json!({ "ok": true, "status": 101,
            "headers": [["sec-websocket-protocol", "chat"], ["sec-websocket-protocol", "b"]] }),
        ),
        ("chat", serde_json::json!({ "ok": true, "status": 101, "headers": [["x", "a\r\nset-cookie: b"]] })),
        ("chat", serde_json::json!({ "ok": false })),
        ("chat", serde_json::json!({ "error": "ERR_REJECTED", "status": 200 })),
    ] {
        let knock = page.knock(&door, "/", &format!("Sec-WebSocket-Protocol: {offered}\r\n"));
        let decide = async {
            let (mut stream, _) = page.visitor().await;
            stream.respond(&reply).expect("is sent");
            let end = soon(stream.read_chunk()).await;
            assert!(matches!(end, Err(StreamError::Reset(Code::ERR_BAD_REPLY))), "{end:?}");
        };
        let (answer, ()) = tokio::join!(door.ask(&knock), decide);
        answer.refuses(502, "ERR_BAD_REPLY");
        assert!(!answer.head.contains("set-cookie"));
    }
    let knock = page.knock(&door, "/", "");
    let silent = async {
        let (mut stream, _) = page.visitor().await;
        stream.finish();
    };
    let (answer, ()) = tokio::join!(door.ask(&knock), silent);
    answer.refuses(502, "ERR_BAD_REPLY");
}

#[tokio::test]
async fn a_page_that_does_not_answer_is_not_waited_for_for_ever() {
    let door = door::open("[limits]\naccept_timeout = \"300ms\"");
    let page = page::listen(&door).await;
    let knock = page.knock(&door, "/", "");
    let (answer, (mut stream, _)) = tokio::join!(door.ask(&knock), page.visitor());
    answer.refuses(504, "ERR_ACCEPT_TIMEOUT");
    let end = soon(stream.read_chunk()).await;
    assert!(matches!(end, Err(StreamError::Reset(Code::ERR_ACCEPT_TIMEOUT))), "{end:?}");
}

#[tokio::test]
async fn a_page_hears_of_a_visitor_that_leaves_before_the_answer() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let mut client = Client::connect(door.address).await;
    client.send(page.knock(&door, "/", "")).await;
    let (mut stream, _) = page.visitor().await;
    drop(client);
    let end = soon(stream.read_chunk()).await;
    assert!(matches!(end, Err(StreamError::Reset(Code::ERR_VISITOR_GONE))), "{end:?}");
}

#[tokio::test]
async fn plain_requests_to_a_listener_need_an_upgrade() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let host = format!("{}.localhost", page.listening.name);
    let plain = door.ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
    plain.refuses(426, "ERR_UPGRADE_REQUIRED");
    assert_eq!(plain.header("upgrade"), Some("websocket"));
    door.get(&format!("/@{}/", page.listening.name)).await.refuses(426, "ERR_UPGRADE_REQUIRED");
    // On a listener's origin the gateway has nothing of its own.
    let knock = page::handshake("/link", &host, "");
    let (answer, ()) = tokio::join!(door.ask(&knock), page.refuse(Some(418), ""));
    answer.refuses(418, "ERR_REJECTED");
}

#[tokio::test]
async fn a_head_that_no_page_could_take_is_refused() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let large = format!("X-Large: {}\r\n", "x".repeat(20_000));
    door.ask(&page.knock(&door, "/", &large)).await.refuses(431, "ERR_HEADERS_TOO_LARGE");
    let long_name = format!("{}: x\r\n", "n".repeat(200));
    door.ask(&page.knock(&door, "/", &long_name)).await.refuses(400, "ERR_HEADER_INVALID");
    let upper = page.listening.name.to_uppercase();
    let knock = page::handshake("/", &format!("{upper}.LOCALHOST"), "");
    let (answer, _) = tokio::join!(door.ask(&knock), page.admit(None));
    assert_eq!(answer.status, 101, "names have no case");
}

#[tokio::test]
async fn bytes_flow_both_ways_and_each_way_ends_on_its_own() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let mut client = Client::connect(door.address).await;
    let knock = page.knock(&door, "/", "");
    let (_, (stream, _)) = tokio::join!(client.ask(&knock), page.admit(None));
    let size = 16 << 20;
    let sent: Vec<u8> = (0..size).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (mut from_visitor, mut to_visitor) = stream.into_split();
    let echo = async {
        while let Some(chunk) = from_visitor.read_chunk().await.expect("bytes") {
            to_visitor.write_chunk(chunk).await.expect("is taken");
        }
        // The visitor has ended its direction; the page's still works.
        to_visitor.write_chunk(Bytes::from_static(b"and the end")).await.expect("is taken");
        to_visitor.finish();
    };
    let (mut read, mut write) = client.socket.split();
    let push = async {
        write.write_all(&sent).await.expect("is sent");
        write.shutdown().await.expect("ends");
    };
    let mut received = Vec::new();
    let (_, (), pulled) = soon(async { tokio::join!(echo, push, read.read_to_end(&mut received)) }).await;
    pulled.expect("ends in order");
    assert_eq!(received.len(), sent.len() + 11);
    assert!(received.starts_with(&sent) && received.ends_with(b"and the end"));
}

#[tokio::test]
async fn what_is_cut_short_never_looks_complete() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let knock = page.knock(&door, "/", "");

    let mut client = Client::connect(door.address).await;
    let (_, (mut stream, _)) = tokio::join!(client.ask(&knock), page.admit(None));
    stream.reset(Code::from_number(0x1_0001));
    assert!(!client.ends_cleanly().await, "a reset by the page tears the visitor's connection");

    let mut client = Client::connect(door.address).await;
    let (_, (mut stream, _)) = tokio::join!(client.ask(&knock), page.admit(None));
    stream.finish();
    assert!(client.ends_cleanly().await, "control: a clean end is one");

    let mut client = Client::connect(door.address).await;
    let (_, (mut stream, _)) = tokio::join!(client.ask(&knock), page.admit(None));
    client.socket.set_zero_linger().expect("an option");
    drop(client);
    let end = soon(stream.read_chunk()).await;
    assert!(matches!(end, Err(StreamError::Reset(Code::ERR_VISITOR_GONE))), "{end:?}");
}

#[tokio::test]
async fn a_page_that_wants_no_more_still_answers() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let mut client = Client::connect(door.address).await;
    let knock = page.knock(&door, "/", "");
    let (_, (mut stream, _)) = tokio::join!(client.ask(&knock), page.admit(None));
    stream.stop(Code::from_number(0x1_0002));
    for _ in 0..32 {
        client.send(vec![0; 65_536]).await;
    }
    soon(stream.write_chunk(Bytes::from_static(b"enough"))).await.expect("is taken");
    assert_eq!(client.bytes(6).await, b"enough");
    stream.finish();
    assert!(client.ends().await);
}

#[tokio::test]
async fn a_page_that_has_as_many_streams_as_it_takes_is_busy() {
    let door = door::open("");
    let mut settings = Settings::new(Role::Page);
    settings.limits.streams = 1;
    let page = page::listen_with(&door, door.address, settings).await;
    let knock = page.knock(&door, "/", "");
    let mut first = Client::connect(door.address).await;
    let (answer, (mut stream, _)) = tokio::join!(first.ask(&knock), page.admit(None));
    assert_eq!(answer.status, 101);
    let busy = door.ask(&knock).await;
    busy.refuses(503, "ERR_LISTENER_BUSY");
    assert!(busy.header("retry-after").is_some());
    stream.finish();
    assert!(first.ends().await);
    drop(first);
    assert!(soon(stream.read_chunk()).await.expect("ends in order").is_none());
    drop(stream);
    // The gateway forgets the stream once the end has been confirmed; every turn asks it anew.
    loop {
        let mut next = Client::connect(door.address).await;
        next.send(&knock).await;
        tokio::select! {
            answer = next.answer() => answer.refuses(503, "ERR_LISTENER_BUSY"),
            (_stream, _) = page.admit(None) => break,
        }
    }
}

#[tokio::test]
async fn a_page_that_is_away_is_waited_for_a_moment() {
    let door = door::open("[limits]\nparked_wait = \"500ms\"");
    let wire = Wire::to(door.address).await;
    let page = page::listen_with(&door, wire.address, Settings::new(Role::Page)).await;
    let mut client = Client::connect(door.address).await;
    let knock = page.knock(&door, "/", "");
    let (_, (mut stream, _)) = tokio::join!(client.ask(&knock), page.admit(None));

    wire.cut();
    door.until("pageport_sessions{state=\"parked\"} 1").await;
    let start = Instant::now();
    let away = door.ask(&knock).await;
    away.refuses(503, "ERR_LISTENER_AWAY");
    assert!(away.header("retry-after").is_some());
    assert!(start.elapsed() >= Duration::from_millis(490), "{:?}", start.elapsed());

    // What was open waits, and what is said meanwhile arrives once.
    client.send("while you were out").await;
    wire.mend();
    assert_eq!(soon(stream.read_chunk()).await.expect("bytes").as_deref(), Some(&b"while you were out"[..]));
    let (answer, _) = tokio::join!(door.ask(&knock), page.admit(None));
    assert_eq!(answer.status, 101);
}
