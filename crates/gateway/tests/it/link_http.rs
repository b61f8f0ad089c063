//! The carrier `http` at the gateway (§9.1 of the protocol): numbers, repetitions, ends.

use pageport_link::{CarrierKind, Connector, HttpMode};
use pageport_proto::frame::Frame;
use pageport_proto::numbered::{Down, Id, Mode};
use pageport_proto::{Code, StreamId};
use tokio::io::AsyncWriteExt as _;

use crate::client::soon;
use crate::door::{self, TOKEN};
use crate::http_page::{HttpPage, ORIGINS, data_of, message, messages, open};
use crate::page::{self, hello, hello_again};

const LISTEN: &str = "{\"listen\":\"websocket\"}";

#[tokio::test]
async fn a_page_attaches_by_requests_and_gets_a_name() {
    for mode in [Mode::Stream, Mode::Poll, Mode::Now] {
        let door = door::open(ORIGINS);
        let (mut page, _) = HttpPage::attached(&door, 1).await;
        door.until("pageport_carriers{carrier=\"http\"} 1").await;
        page.say(&[open(1, LISTEN)]).await;
        let reply = reply(&mut page, mode).await;
        assert!(reply.contains("\"ok\":true"), "{mode:?}: {reply}");
        door.until("pageport_attaches_total{carrier=\"http\"} 1").await;
    }
}

#[tokio::test]
async fn a_lost_answer_is_given_again_as_it_was() {
    let door = door::open(ORIGINS);
    let (mut page, _) = HttpPage::attached(&door, 1).await;
    page.say(&[open(1, LISTEN)]).await;
    let mut first = page.stream().await;
    let mut seen = Vec::new();
    while !seen.iter().any(|message| !data_of(message, StreamId::new(1).expect("an id")).is_empty()) {
        seen.push(first.message().await.expect("not cut").expect("goes on"));
    }
    drop(first);
    let mut again = page.stream().await;
    for message in &seen {
        assert_eq!(again.message().await.expect("not cut").as_ref(), Some(message));
    }
}

#[tokio::test]
async fn a_message_that_is_sent_again_is_not_given_again() {
    let door = door::open(ORIGINS);
    let mut page = HttpPage::new(&door, 1);
    let hello = message(&[Frame::Hello(hello().to_payload().into())]);
    for _ in 0..3 {
        // A second HELLO would be a violation.
        assert_eq!(page.up(0, &hello).await.status, 204);
    }
    let (_, messages) = page.poll(Mode::Poll).await;
    assert_eq!(messages.len(), 1);
    page.seq = 1;
    let resume = pageport_proto::frame::Resume { end: true, highest: 0, entries: Vec::new() };
    page.say(&[Frame::Resume(resume)]).await;
    door.until("pageport_carriers{carrier=\"http\"} 1").await;
}

#[tokio::test]
async fn a_message_waits_for_the_one_before_it() {
    let door = door::open(ORIGINS);
    let (mut page, _) = HttpPage::attached(&door, 1).await;
    let (listen, ping) = (message(&[open(1, LISTEN)]), message(&[Frame::Ping(*b"12345678")]));
    let mut second = Box::pin(page.up(page.seq + 1, &ping));
    let early = tokio::time::timeout(std::time::Duration::from_millis(200), &mut second).await;
    assert!(early.is_err(), "it was answered before its predecessor came");
    assert_eq!(page.up(page.seq, &listen).await.status, 204);
    assert_eq!(soon(second).await.status, 204);
    assert!(reply(&mut page, Mode::Poll).await.contains("\"ok\":true"));
}

#[tokio::test]
async fn a_message_that_skips_one_loses_the_carrier_and_not_the_session() {
    let door = door::open(ORIGINS);
    let (page, welcome) = HttpPage::attached(&door, 1).await;
    let mut open = page.stream().await;
    open.begin().await;
    page.up(page.seq + 2, b"x").await.refuses(409, "ERR_CARRIER_SEQUENCE");
    while let Ok(message) = open.message().await {
        assert!(message.is_some(), "what is lost does not end in order");
    }
    page.up(page.seq, b"x").await.refuses(404, "ERR_CARRIER_UNKNOWN");
    let (_, head) = page.down(1, Mode::Now).await;
    head.refuses(404, "ERR_CARRIER_UNKNOWN");
    let secret = welcome.secret.expect("a secret");
    let mut next = HttpPage::new(&door, 2);
    assert_eq!(next.attach(&hello_again(&welcome.session, &secret, 2)).await.session, welcome.session);
}

#[tokio::test]
async fn a_newer_reader_ends_the_older_one_and_a_late_one_loses() {
    let door = door::open(ORIGINS);
    let (mut page, _) = HttpPage::attached(&door, 1).await;
    let mut first = page.stream().await;
    first.begin().await;
    page.say(&[open(1, LISTEN)]).await;
    let mut second = page.stream().await;
    while first.message().await.expect("ends in order").is_some() {}
    page.ack += u64::from(second.message().await.expect("not cut").is_some());
    let third = page.stream().await;
    let (_, late) = page.down(page.ack - 1, Mode::Stream).await;
    late.refuses(409, "ERR_CARRIER_SEQUENCE");
    drop(third);
    let (_, alive) = page.down(page.ack, Mode::Now).await;
    assert_eq!(alive.status, 200, "the carrier lives");
    let (_, beyond) = page.down(page.ack + 9, Mode::Now).await;
    beyond.refuses(409, "ERR_CARRIER_SEQUENCE");
    let (_, gone) = page.down(page.ack, Mode::Now).await;
    gone.refuses(404, "ERR_CARRIER_UNKNOWN");
}

#[tokio::test]
async fn a_refused_hello_is_answered_by_the_next_answers_for_a_while() {
    let door = door::open(ORIGINS);
    let (_, welcome) = HttpPage::attached(&door, 1).await;
    let secret = welcome.secret.expect("a secret");
    for (id, n, secret, want) in [
        (2, 1, secret, Frame::Detach as fn(_) -> _),
        (3, 2, pageport_proto::hello::Secret::new([7; 32]), Frame::Close as fn(_) -> _),
    ] {
        let mut page = HttpPage::new(&door, id);
        let answer = page.hello(&hello_again(&welcome.session, &secret, n)).await;
        let code = match &answer {
            Frame::Detach(farewell) | Frame::Close(farewell) => farewell.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(answer, want(code.clone()));
        let wanted = if n == 1 { Code::ERR_ATTACH_STALE } else { Code::ERR_ATTACH_FORBIDDEN };
        assert_eq!(code.code, wanted);
        // The answer might have been lost: it is there once more.
        page.ack = 0;
        assert_eq!(page.poll(Mode::Now).await.1.len(), 1);
        // A message that was under way meets no error before the page has read why.
        assert_eq!(page.up(page.seq, b"x").await.status, 204);
    }
}

#[tokio::test]
async fn an_answer_to_http_1_0_ends_with_its_connection() {
    // Some proxies speak it to those behind them.
    let door = door::open(ORIGINS);
    let (page, _) = HttpPage::attached(&door, 1).await;
    let body = Down { id: Id::new(page.id), ack: page.ack, mode: Mode::Poll }.encode();
    let request = String::from_utf8_lossy(&page.request("/link/down", b"")).replace("HTTP/1.1", "HTTP/1.0");
    let request = request.replace("Content-Length: 0", &format!("Content-Length: {}", body.len()));
    let mut client = crate::client::Client::connect(door.address).await;
    client.send([request.as_bytes(), &body].concat()).await;
    let head = client.head().await;
    assert_eq!((head.status, head.header("transfer-encoding")), (200, None));
    assert!(!messages(&client.rest().await).is_empty());
}

#[tokio::test]
async fn visitors_of_a_page_on_requests_get_every_byte() {
    for mode in [HttpMode::Detect, HttpMode::Poll] {
        let door = door::open("");
        let connector = Connector::new(&format!("http://{}", door.host)).expect("an address");
        let connector = connector.dial(door.address).credential(TOKEN.to_owned());
        let connector = connector.carriers(&[CarrierKind::Http]).http_mode(mode);
        let page = page::named(soon(connector.connect()).await.expect("attaches")).await;
        let mut visitor = crate::client::Client::connect(door.address).await;
        visitor.send(page.knock(&door, "/", "")).await;
        let (head, (mut stream, _)) = tokio::join!(visitor.head(), page.admit(None));
        assert_eq!(head.status, 101);
        let sent: Vec<u8> = (0..2_000_000_u32).map(|number| (number % 251) as u8).collect();
        let echo = async {
            while let Some(chunk) = stream.read_chunk().await.expect("bytes") {
                stream.write_chunk(chunk).await.expect("is taken");
            }
            stream.finish();
        };
        let mut write = visitor.sender();
        let push = async {
            write.write_all(&sent).await.expect("is sent");
            write.shutdown().await.expect("ends its half");
        };
        let (received, (), ()) = soon(async { tokio::join!(visitor.rest(), echo, push) }).await;
        assert!(received == sent, "{mode:?}: {} bytes", received.len());
        assert_eq!(page.session.stats().attaches, 1);
    }
}

/// What the gateway answers on stream 1.
async fn reply(page: &mut HttpPage, mode: Mode) -> String {
    let first = StreamId::new(1).expect("an id");
    if mode == Mode::Stream {
        let mut open = page.stream().await;
        return String::from_utf8_lossy(&open.bytes_of(first, 1).await).into_owned();
    }
    let reading = async {
        loop {
            let (_, messages) = page.poll(mode).await;
            let bytes: Vec<u8> = messages.iter().flat_map(|message| data_of(message, first)).collect();
            if !bytes.is_empty() {
                return String::from_utf8_lossy(&bytes).into_owned();
            }
        }
    };
    soon(reading).await
}

#[tokio::test]
async fn only_the_origin_that_began_a_carrier_may_go_on_and_only_it_may_read() {
    let door = door::open(ORIGINS);
    let (mut page, _) = HttpPage::attached(&door, 1).await;
    let (head, _) = page.poll(Mode::Now).await;
    for (field, value) in [
        ("access-control-allow-origin", "https://a.example"),
        ("timing-allow-origin", "https://a.example"),
        ("access-control-expose-headers", "pageport-error"),
        ("vary", "origin"),
        ("cache-control", "no-store, no-transform"),
        ("content-type", "application/octet-stream"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(head.header(field), Some(value), "{field}: {}", head.head);
    }
    for (fields, status, code, shown) in [
        ("Origin: https://b.example\r\n", 403, "ERR_ATTACH_ORIGIN", Some("https://b.example")),
        (
            "Origin: https://a.example\r\nAuthorization: Bearer a-token-for-tests\r\n",
            403,
            "ERR_ATTACH_ORIGIN",
            Some("https://a.example"),
        ),
        ("Authorization: Bearer a-token-for-tests\r\n", 403, "ERR_ATTACH_ORIGIN", None),
        ("Origin: https://c.example\r\n", 403, "ERR_ORIGIN_FORBIDDEN", None),
        ("Origin: null\r\n", 403, "ERR_ORIGIN_FORBIDDEN", None),
        ("Authorization: Bearer wrong\r\n", 401, "ERR_CREDENTIAL_INVALID", None),
        (
            "Origin: https://a.example\r\nAuthorization: Bearer wrong\r\n",
            401,
            "ERR_CREDENTIAL_INVALID",
            Some("https://a.example"),
        ),
    ] {
        let other =
            HttpPage { fields: fields.to_owned(), id: page.id, address: door.address, seq: 2, ack: 1 };
        for answer in [other.up(2, b"x").await, other.down(page.ack, Mode::Now).await.1] {
            answer.refuses(status, code);
            assert_eq!(answer.header("access-control-allow-origin"), shown, "{fields}");
        }
    }
    assert_eq!(page.down(page.ack, Mode::Now).await.1.status, 200, "it has cost nobody anything");
}

#[tokio::test]
async fn a_browser_that_asks_first_may_go_on_and_remember_it() {
    let door = door::open(ORIGINS);
    for path in ["/link/up", "/link/down"] {
        let ask = |origin: &str| {
            format!(
                "OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
                 Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\r\n"
            )
        };
        let answer = door.ask(&ask("https://a.example")).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
        for (field, value) in [
            ("access-control-allow-origin", "https://a.example"),
            ("access-control-allow-methods", "POST"),
            ("access-control-allow-headers", "authorization, content-type"),
            ("access-control-max-age", "7200"),
        ] {
            assert_eq!(answer.header(field), Some(value), "{field}");
        }
        door.ask(&ask("https://c.example")).await.refuses(403, "ERR_ORIGIN_FORBIDDEN");
        let wrong = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(door.ask(&wrong).await.header("allow"), Some("POST, OPTIONS"));
    }
}

#[tokio::test]
async fn a_gateway_that_was_started_anew_knows_no_carrier() {
    let before = door::open(ORIGINS);
    let (mut page, welcome) = HttpPage::attached(&before, 1).await;
    soon(before.close()).await.expect("ends");
    let door = door::open(ORIGINS);
    page.address = door.address;
    page.up(page.seq, b"x").await.refuses(404, "ERR_CARRIER_UNKNOWN");
    page.down(page.ack, Mode::Stream).await.1.refuses(404, "ERR_CARRIER_UNKNOWN");
    let secret = welcome.secret.expect("a secret");
    let mut next = HttpPage::new(&door, 2);
    match next.hello(&hello_again(&welcome.session, &secret, 2)).await {
        Frame::Close(farewell) => assert_eq!(farewell.code, Code::ERR_SESSION_LOST),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_gateway_that_drains_says_so_and_its_answers_end_in_order() {
    let door = door::open(&format!("{ORIGINS}[limits]\ndrain = \"2s\""));
    let (mut page, _) = HttpPage::attached(&door, 1).await;
    page.say(&[open(1, LISTEN)]).await;
    assert!(reply(&mut page, Mode::Poll).await.contains("\"ok\":true"));
    let mut stream = page.stream().await;
    stream.begin().await;
    let gone = door.close();
    let mut said = Vec::new();
    while let Some(message) = stream.message().await.expect("ends in order") {
        said.extend(pageport_proto::frame::decode_message(message).expect("frames"));
    }
    assert!(said.iter().any(|frame| matches!(frame, Frame::GoAway(_))), "{said:?}");
    assert!(matches!(said.last(), Some(Frame::Close(farewell)) if farewell.code == Code::ERR_GOING_AWAY));
    soon(gone).await.expect("ends");
}

#[tokio::test]
async fn an_answer_ends_with_its_carrier_whose_id_is_unknown_once_all_is_confirmed() {
    let door = door::open(ORIGINS);
    let (page, _) = HttpPage::attached(&door, 1).await;
    door.until("pageport_carriers{carrier=\"http\"} 1").await;
    // CLOSE from the page: what is open ends in order, and the id is unknown as soon as the page has everything.
    let mut open = page.stream().await;
    open.begin().await;
    let close = Frame::Close(pageport_proto::frame::Farewell::new(Code::NO_ERROR, ""));
    assert_eq!(page.up(page.seq, &message(&[close])).await.status, 204);
    while open.message().await.expect("ends in order").is_some() {}
    page.down(page.ack + open.messages, Mode::Now).await.1.refuses(404, "ERR_CARRIER_UNKNOWN");
    door.until("pageport_carriers{carrier=\"http\"} 0").await;
}
