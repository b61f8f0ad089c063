//! Requests to pages: what a page sees of them, and what of its answer its visitor sees.

use pageport_link::StreamError;
use pageport_proto::Code;
use pageport_proto::head::{Accepted, Refusal, Reply};

use crate::client::{Client, soon};
use crate::door;
use crate::page::{self, respond};

#[tokio::test]
async fn a_page_answers_a_request() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let port = door.address.port();
    assert_eq!(page.listening.url, format!("http://{}.localhost:{port}/", page.listening.name));
    let fields = "Accept: text/plain\r\nCookie: a=b\r\nAuthorization: Basic x\r\nRange: bytes=0-3\r\nX-Forwarded-For: 1.2.3.4\r\n\
                  TE: trailers\r\nX-Hop: 1\r\nConnection: X-Hop\r\nExpect: 100-continue\r\nUpgrade: h2c\r\n";
    let mut client = Client::connect(door.address).await;
    client.send(page.ask(&door, "GET /a%20b/?q=1", fields)).await;
    let headers =
        [("content-type", "text/plain"), ("content-range", "bytes 0-3/10"), ("content-length", "4")];
    let (_stream, visit) = page.answer(206, &headers, "four").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (206, "four"), "{}", answer.head);
    assert_eq!(answer.header("content-range"), Some("bytes 0-3/10"));
    assert_eq!(answer.header("x-robots-tag"), Some("noindex"));
    assert_eq!((visit.method.as_str(), visit.listener.as_str()), ("GET", page.listening.name.as_str()));
    assert_eq!(visit.url, format!("{}a%20b/?q=1", page.listening.url));
    let seen: Vec<_> = visit.headers.iter().collect();
    assert_eq!(
        seen,
        [("accept", "text/plain"), ("cookie", "a=b"), ("authorization", "Basic x"), ("range", "bytes=0-3")]
    );
    assert!(!visit.peer.contains("127"), "{}", visit.peer);
}

#[tokio::test]
async fn a_connection_serves_one_complete_exchange_after_the_other() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let mut client = Client::connect(door.address).await;
    for round in 0..3 {
        client.send(page.ask(&door, "GET /", "")).await;
        page.answer(200, &[("content-length", "5")], "known").await;
        assert_eq!(client.answer().await.body, "known");

        client.send(page.ask(&door, "GET /", "")).await;
        page.answer(200, &[], "unknown").await;
        let head = client.head().await;
        assert_eq!(head.header("transfer-encoding"), Some("chunked"), "{}", head.head);
        assert_eq!(client.chunked().await.expect("complete"), b"unknown");

        let sent = format!("body {round}");
        client.send(page.ask(&door, "POST /", &format!("Content-Length: {}\r\n", sent.len())) + &sent).await;
        let (mut stream, visit) = page.request().await;
        assert_eq!(visit.headers.get("content-length"), Some("6"));
        assert_eq!(read_all(&mut stream).await, sent.as_bytes());
        respond(&mut stream, 201, &[("content-length", "0")]);
        stream.finish();
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (201, None), "{}", answer.head);
    }
    door.until("pageport_requests_total{outcome=\"complete\"} 9").await;
}

#[tokio::test]
async fn a_request_behind_a_body_is_looked_at_like_the_first_one() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let bodies = [
        ("Content-Length: 4\r\n", "\n\n\n\n"),
        ("Transfer-Encoding: chunked\r\n", "4\r\n\n\n\n\n\r\n0\r\n\r\n"),
    ];
    for (framing, body) in bodies {
        for second in ["GET / HTTP/1.1\nHost: localhost\r\n\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\n\n"] {
            let mut client = Client::connect(door.address).await;
            client.send(page.ask(&door, "POST /", framing) + body + second).await;
            let (mut stream, _) = page.request().await;
            assert_eq!(read_all(&mut stream).await, b"\n\n\n\n");
            respond(&mut stream, 200, &[("content-length", "0")]);
            assert_eq!(client.answer().await.status, 200);
            client.answer().await.refuses(400, "ERR_HEADER_INVALID");
            assert!(client.ends().await);
        }
    }
    // An upgrade that was not made is the last request of its connection.
    let mut client = Client::connect(door.address).await;
    client
        .send(page.ask(&door, "GET /", "Upgrade: h2c\r\nConnection: Upgrade\r\n") + "GET /2 HTTP/1.1\n\n")
        .await;
    page.answer(200, &[("content-length", "2")], "ok").await;
    let answer = client.answer().await;
    assert_eq!((answer.body.as_str(), answer.header("connection")), ("ok", Some("close")));
    assert!(client.ends().await);
}

#[tokio::test]
async fn a_drain_lets_requests_finish() {
    let door = door::open("[limits]\ndrain = \"20s\"");
    let page = page::serve(&door).await;
    let mut client = Client::connect(door.address).await;
    client.send(page.ask(&door, "GET /", "")).await;
    let (mut stream, _) = page.request().await;
    respond(&mut stream, 200, &[]);
    assert_eq!(client.head().await.status, 200);
    let gone = door.close();
    soon(stream.write_chunk("last words".into())).await.expect("is taken");
    stream.finish();
    assert_eq!(client.chunked().await.expect("complete"), b"last words");
    assert!(client.ends_cleanly().await);
    drop(client);
    soon(gone).await.expect("ends well");
    assert_eq!(soon(page.session.closed()).await, Code::ERR_GOING_AWAY);
}

#[tokio::test]
async fn every_method_of_fetch_passes_and_the_others_do_not() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let mut client = Client::connect(door.address).await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "query", &"M".repeat(32)] {
        client.send(page.ask(&door, &format!("{method} /"), "")).await;
        let (_stream, visit) = page.answer(200, &[("content-length", "2")], "ok").await;
        assert_eq!((visit.method.as_str(), client.answer().await.body.as_str()), (method, "ok"));
    }
    for line in ["TRACE /", "TRACK /", &format!("{} /", "M".repeat(33))] {
        let answer = door.ask(&page.ask(&door, line, "")).await;
        answer.refuses(405, "ERR_METHOD_NOT_ALLOWED");
        assert!(answer.header("allow").is_some());
    }
    let tunnel = format!("CONNECT {0}:80 HTTP/1.1\r\nHost: {0}:80\r\n\r\n", page.host(&door));
    door.ask(&tunnel).await.refuses(405, "ERR_METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn answers_that_describe_a_body_have_none() {
    let door = door::open("");
    let page = page::serve(&door).await;
    for (line, status, headers, length) in [
        ("HEAD /", 200, &[("content-length", "1000")][..], Some("1000")),
        ("HEAD /", 200, &[], None),
        ("GET /", 204, &[], None),
        ("GET /", 204, &[("content-length", "9")], None),
        ("GET /", 304, &[("etag", "\"x\"")], None),
        ("GET /", 304, &[("content-length", "9")], None),
        ("GET /", 200, &[("content-length", "0")], Some("0")),
    ] {
        let mut client = Client::connect(door.address).await;
        client.send(page.ask(&door, line, "")).await;
        let (mut stream, _) = page.request().await;
        respond(&mut stream, status, headers);
        let answer = client.head().await;
        assert_eq!((answer.status, answer.header("content-length")), (status, length), "{}", answer.head);
        assert_eq!(answer.header("transfer-encoding"), None, "{}", answer.head);
        // What the page sends all the same is stopped, and reaches nobody.
        while stream.write_chunk("nobody wants this".into()).await.is_ok() {}
        client.send(page.ask(&door, "GET /next", "")).await;
        page.answer(200, &[("content-length", "4")], "next").await;
        assert_eq!(client.answer().await.body, "next", "{line} {status}");
    }
}

#[tokio::test]
async fn a_page_refuses_a_request_with_its_own_status_words_and_delay() {
    let door = door::open("");
    let page = page::serve(&door).await;
    for (refusal, status, code) in [
        (
            Refusal { status: Some(429), retry_after: Some(7), ..Refusal::new(Code::ERR_REJECTED, "slow") },
            429,
            "ERR_REJECTED",
        ),
        (
            Refusal { retry_after: Some(7), ..Refusal::new(Code::ERR_TARGET_UNREACHABLE, "slow") },
            502,
            "ERR_TARGET_UNREACHABLE",
        ),
        // A page does not speak for the gateway.
        (
            Refusal { retry_after: Some(7), ..Refusal::new(Code::ERR_LISTENER_UNKNOWN, "slow") },
            403,
            "ERR_REJECTED",
        ),
    ] {
        let mut client = Client::connect(door.address).await;
        client.send(page.ask(&door, "GET /", "")).await;
        let (mut stream, _) = page.request().await;
        stream.respond(&Reply::<Accepted>::Refused(refusal)).expect("is sent");
        stream.finish();
        let answer = client.answer().await;
        answer.refuses(status, code);
        assert_eq!(answer.header("retry-after"), Some("7"));
        assert!(answer.body.contains("slow"));
    }
}

#[tokio::test]
async fn a_page_that_gives_up_or_says_nonsense_is_a_bad_gateway() {
    let door = door::open("[limits]\naccept_timeout = \"300ms\"");
    let page = page::serve(&door).await;
    let ask = page.ask(&door, "GET /", "");
    let mut client = Client::connect(door.address).await;
    client.send(&ask).await;
    let (mut stream, _) = page.request().await;
    stream.reset(Code::from_number(0x1_0001));
    client.answer().await.refuses(502, "ERR_PAGE_ABORTED");

    let mut client = Client::connect(door.address).await;
    client.send(&ask).await;
    let (mut stream, _) = page.request().await;
    stream.finish();
    client.answer().await.refuses(502, "ERR_BAD_REPLY");

    let mut client = Client::connect(door.address).await;
    client.send(&ask).await;
    let (mut stream, _) = page.request().await;
    client.answer().await.refuses(504, "ERR_ACCEPT_TIMEOUT");
    let end = stopped(&mut stream).await;
    assert_eq!(end, Code::ERR_ACCEPT_TIMEOUT);
}

#[tokio::test]
async fn a_handshake_goes_to_the_listener_for_requests_where_there_is_no_other() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let mut client = Client::connect(door.address).await;
    let knock = page.knock(&door, "/", "Sec-WebSocket-Protocol: chat\r\n");
    let (answer, (mut stream, visit)) = tokio::join!(client.ask(&knock), page.admit(Some("chat")));
    assert_eq!(
        (answer.status, answer.header("sec-websocket-protocol")),
        (101, Some("chat")),
        "{}",
        answer.head
    );
    assert!(visit.url.starts_with("ws://"), "{}", visit.url);
    client.send("frames").await;
    assert_eq!(soon(stream.read_chunk()).await.expect("bytes").as_deref(), Some(&b"frames"[..]));

    let mut client = Client::connect(door.address).await;
    client.send(&knock).await;
    let (mut stream, _) = page.visitor().await;
    respond(&mut stream, 200, &[("content-type", "text/plain"), ("content-length", "8")]);
    soon(stream.write_chunk("no frame".into())).await.expect("is taken");
    stream.finish();
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "no frame"), "{}", answer.head);

    for (status, seen) in [(200, 403), (418, 418)] {
        let mut client = Client::connect(door.address).await;
        client.send(page.knock_by_path(&door, "/", "")).await;
        let (mut stream, _) = page.visitor().await;
        respond(&mut stream, status, &[("x-word", "of a stranger")]);
        let answer = client.answer().await;
        answer.refuses(seen, "ERR_REJECTED");
        assert!(!answer.head.contains("stranger"), "{}", answer.head);
    }
    // By path there are no requests, whatever listens.
    door.get(&format!("/@{}/", page.listening.name)).await.refuses(426, "ERR_UPGRADE_REQUIRED");
}

#[tokio::test]
async fn a_name_that_was_there_looks_like_one_that_never_was() {
    let door = door::open("");
    let mut page = page::serve(&door).await;
    let gone = page.ask(&door, "GET /", "Accept: text/html\r\n");
    page.listener.finish();
    assert!(soon(page.listener.read_chunk()).await.expect("ends in order").is_none());
    let never = gone.replace(&page.listening.name, "never-was-here");
    let [gone, never] = [door.ask(&gone).await, door.ask(&never).await];
    gone.refuses(404, "ERR_LISTENER_UNKNOWN");
    let undated = |head: &str| head.lines().filter(|line| !line.starts_with("date")).collect::<String>();
    assert_eq!((undated(&gone.head), gone.body), (undated(&never.head), never.body));
}

/// Everything that comes on a stream.
async fn read_all(stream: &mut pageport_link::Stream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(chunk) = soon(stream.read_chunk()).await.expect("bytes") {
        all.extend_from_slice(&chunk);
    }
    all
}

/// Waits until a stream takes nothing more, and says why.
async fn stopped(stream: &mut pageport_link::Stream) -> Code {
    respond(stream, 200, &[]);
    loop {
        match soon(stream.write_chunk(vec![0; 1024].into())).await {
            Ok(()) => {}
            Err(StreamError::Stopped(code)) => return code,
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn what_is_asked_of_no_page_reaches_none() {
    let door = door::open("");
    let page = page::serve(&door).await;
    door.ask(&page.ask(&door, "OPTIONS *", "")).await.refuses(400, "ERR_HEADER_INVALID");
    let tunnel = door.ask(&page.ask(&door, &format!("CONNECT {}", page.host(&door)), "")).await;
    tunnel.refuses(405, "ERR_METHOD_NOT_ALLOWED");
    assert!(tunnel.header("allow").is_some_and(|methods| methods.contains("POST")), "{}", tunnel.head);
    let mut client = Client::connect(door.address).await;
    client.send(page.ask(&door, "GET /next", "")).await;
    let (_, visit) = page.answer(200, &[], "").await;
    assert!(visit.url.ends_with("/next"), "{}", visit.url);
}
