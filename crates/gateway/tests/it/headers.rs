//! Request heads: size, number, time and line ends (M1, M16, S13, S14).

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::door;

const START: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n";

#[tokio::test]
async fn a_head_may_have_exactly_as_many_fields_as_configured() {
    let door = door::open("[limits]\nheaders = 10");
    let with = |count: usize| format!("{START}{}\r\n", "a: b\r\n".repeat(count - 1));
    assert_eq!(door.ask(&with(10)).await.status, 200);
    door.ask(&with(11)).await.refuses(431, "ERR_HEADERS_TOO_LARGE");
    // Far beyond, hyper stops reading; the answer is ours all the same.
    door.ask(&with(1_000)).await.refuses(431, "ERR_HEADERS_TOO_LARGE");
}

#[tokio::test]
async fn a_head_may_be_exactly_as_long_as_configured() {
    let door = door::open("[limits]\nheader_bytes = \"4KiB\"");
    let with = |length: usize| {
        let rest = length - START.len() - "x: \r\n\r\n".len();
        format!("{START}x: {}\r\n\r\n", "y".repeat(rest))
    };
    assert_eq!(door.ask(&with(4_096)).await.status, 200);
    door.ask(&with(4_097)).await.refuses(431, "ERR_HEADERS_TOO_LARGE");
    // Far beyond, nobody reads to the end, and sending may fail; the answer is there.
    let mut client = Client::connect(door.address).await;
    let _ = tokio::io::AsyncWriteExt::write_all(&mut client.socket, with(500_000).as_bytes()).await;
    client.answer().await.refuses(431, "ERR_HEADERS_TOO_LARGE");
}

#[tokio::test]
async fn half_a_head_is_waited_for_as_long_as_configured() {
    let door = door::open("[limits]\nheader_timeout = \"300ms\"");
    for half in ["", "GET / HT", START] {
        let start = Instant::now();
        let mut client = Client::connect(door.address).await;
        client.send(half).await;
        assert!(client.ends().await);
        let elapsed = start.elapsed();
        assert!(
            (Duration::from_millis(290)..Duration::from_secs(5)).contains(&elapsed),
            "{half:?}: {elapsed:?}"
        );
    }
}

#[tokio::test]
async fn a_connection_is_kept_for_another_request_and_then_let_go() {
    let door = door::open("[limits]\nheader_timeout = \"300ms\"");
    let mut client = Client::connect(door.address).await;
    for _ in 0..3 {
        assert_eq!(client.ask(&format!("{START}\r\n")).await.status, 200);
    }
    assert!(client.ends().await);
}

#[tokio::test]
async fn bare_line_feeds_and_their_kin_are_refused() {
    let door = door::open("");
    for request in [
        "GET / HTTP/1.1\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nA: b\nC: d\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nA: b\r C: d\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nA: b\0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nA: b\x1bc\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nA: b\x7f\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nA\x01: b\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "NOT HTTP AT ALL\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nA: b\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: +1\r\n\r\na",
    ] {
        let mut client = Client::connect(door.address).await;
        client.ask(request).await.refuses(400, "ERR_HEADER_INVALID");
        assert!(client.ends().await, "{request:?}");
    }
}

#[tokio::test]
async fn a_body_is_never_read_as_a_second_request() {
    let door = door::open("");
    let hidden = "GET /.well-known/pageport HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for framing in [format!("Content-Length: {}", hidden.len()), "Transfer-Encoding: chunked".to_owned()] {
        for method in ["GET", "POST"] {
            let mut client = Client::connect(door.address).await;
            let request = format!("{method} / HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n{hidden}");
            let first = client.ask(&request).await;
            assert!([200, 400, 405].contains(&first.status), "{}", first.head);
            assert!(client.ends().await, "{method} {framing}");
        }
    }
}

#[tokio::test]
async fn one_connection_too_many_is_turned_away_and_a_freed_place_is_taken_again() {
    let door = door::open("[limits]\nconnections = 2");
    let mut first = Client::connect(door.address).await;
    let mut second = Client::connect(door.address).await;
    // An answer proves that the connection has been taken.
    for client in [&mut first, &mut second] {
        assert_eq!(client.ask(&format!("{START}\r\n")).await.status, 200);
    }
    let mut third = Client::connect(door.address).await;
    let answer = third.answer().await;
    answer.refuses(503, "ERR_CONNECTION_LIMIT");
    assert!(answer.header("retry-after").is_some());
    first.ask(&format!("{START}Connection: close\r\n\r\n")).await;
    assert!(first.ends().await);
    // The place is free once the gateway has noticed; every turn asks it anew.
    loop {
        let mut next = Client::connect(door.address).await;
        next.send(format!("{START}\r\n")).await;
        if next.answer().await.status == 200 {
            break;
        }
    }
}

#[tokio::test]
async fn a_refusal_behind_a_good_request_does_not_take_its_answer() {
    let door = door::open("");
    let mut client = Client::connect(door.address).await;
    let first = client.ask(&format!("{START}\r\nGET / HTTP/1.1\nHost: localhost\r\n\r\n")).await;
    assert_eq!(first.status, 200);
    client.answer().await.refuses(400, "ERR_HEADER_INVALID");
    assert!(client.ends().await);
}
