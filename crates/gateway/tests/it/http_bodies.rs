//! Bodies of requests and answers: they flow as both sides take them, and what is cut short never looks complete.

use std::time::Duration;

use bytes::Bytes;
use pageport_link::{Stream, StreamError};
use pageport_proto::Code;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::client::{Client, soon};
use crate::door;
use crate::page::{self, respond};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn bodies_stream_both_ways_at_once() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let mut client = Client::connect(door.address).await;
    let size = 16 * MIB;
    let sent: Vec<u8> = (0..u32::try_from(size).expect("small"))
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    client.send(page.ask(&door, "POST /echo", &format!("Content-Length: {size}\r\n"))).await;
    let (mut stream, _) = page.request().await;
    respond(&mut stream, 200, &[]);
    let (mut from_visitor, mut to_visitor) = stream.into_split();
    let echo = async {
        while let Some(chunk) = from_visitor.read_chunk().await.expect("bytes") {
            to_visitor.write_chunk(chunk).await.expect("is taken");
        }
        to_visitor.finish();
    };
    assert_eq!(client.head().await.status, 200);
    let mut write = client.sender();
    let push = async { write.write_all(&sent).await.expect("is sent") };
    let (received, (), ()) = soon(async { tokio::join!(client.chunked(), push, echo) }).await;
    assert!(received.expect("complete") == sent);
}

#[tokio::test]
async fn a_chunked_request_arrives_without_its_coding_and_its_trailers() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let mut client = Client::connect(door.address).await;
    client.send(page.ask(&door, "POST /", "Transfer-Encoding: chunked\r\n")).await;
    client.send("3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nx-trailer: 1\r\n\r\n").await;
    let (mut stream, visit) = page.request().await;
    assert!(visit.headers.is_empty(), "{:?}", visit.headers);
    let mut read = Vec::new();
    while let Some(chunk) = soon(stream.read_chunk()).await.expect("bytes") {
        read.extend_from_slice(&chunk);
    }
    assert_eq!(read, b"abcdefg");
}

#[tokio::test]
async fn an_answer_that_is_cut_short_never_looks_complete() {
    let door = door::open("");
    for headers in [&[("content-length", "100000")][..], &[]] {
        for end in [End::Reset, End::SessionLost, End::Complete] {
            let page = page::serve(&door).await;
            let mut client = Client::connect(door.address).await;
            client.send(page.ask(&door, "GET /", "")).await;
            let (mut stream, _) = page.request().await;
            respond(&mut stream, 200, headers);
            let part = if end == End::Complete { 100_000 } else { 50_000 };
            let head = client.head().await;
            soon(stream.write_chunk(vec![7; part].into())).await.expect("is taken");
            match end {
                End::Reset => {
                    // A part has arrived; only the rest is missing.
                    stream.reset(Code::from_number(0x1_0001));
                }
                End::SessionLost => page.session.close(Code::NO_ERROR, ""),
                End::Complete => stream.finish(),
            }
            let complete = if head.header("content-length").is_some() {
                client.at_most(100_000).await.len() == 100_000
            } else {
                client.chunked().await.is_ok()
            };
            assert_eq!(complete, end == End::Complete, "{headers:?} {end:?}");
            if end != End::Complete {
                assert!(client.rest().await.is_empty(), "the connection ends");
            }
        }
    }
    door.until("pageport_requests_total{outcome=\"ERR_PAGE_ABORTED\"} 2").await;
    door.until("pageport_requests_total{outcome=\"ERR_SESSION_CLOSED\"} 2").await;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Reset,
    SessionLost,
    Complete,
}

#[tokio::test]
async fn a_promised_length_must_hold() {
    let door = door::open("");
    let page = page::serve(&door).await;
    for body in ["nine byte", "eleven byte", "more than eleven bytes"] {
        let mut client = Client::connect(door.address).await;
        client.send(page.ask(&door, "GET /", "")).await;
        let (mut stream, _) = page.request().await;
        respond(&mut stream, 200, &[("content-length", "10")]);
        for half in body.as_bytes().chunks(5) {
            let _ = soon(stream.write_chunk(Bytes::copy_from_slice(half))).await;
        }
        stream.finish();
        // Perhaps not even the head, when all of it comes at once.
        let answer = String::from_utf8(client.rest().await).expect("text");
        let received = answer.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
        assert!(received < 10, "{answer}");
    }
    for length in ["x", "", "-1", "+10", "10, 10", "0x10", "1e1", "18446744073709551616", "10 "] {
        let mut client = Client::connect(door.address).await;
        client.send(page.ask(&door, "GET /", "")).await;
        let (mut stream, _) = page.request().await;
        respond(&mut stream, 200, &[("content-length", length)]);
        client.answer().await.refuses(502, "ERR_BAD_REPLY");
        assert_eq!(gone(&mut stream).await, Code::ERR_BAD_REPLY, "{length}");
    }
    let mut client = Client::connect(door.address).await;
    client.send(page.ask(&door, "GET /", "")).await;
    page.answer(200, &[("content-length", "2"), ("content-length", "2")], "ok").await;
    client.answer().await.refuses(502, "ERR_BAD_REPLY");
}

#[tokio::test]
async fn a_page_hears_of_a_visitor_that_leaves() {
    let door = door::open("");
    let page = page::serve(&door).await;

    let mut client = Client::connect(door.address).await;
    client.send(page.ask(&door, "POST /", "Content-Length: 10\r\n") + "half").await;
    let (mut stream, _) = page.request().await;
    assert_eq!(soon(stream.read_chunk()).await.expect("bytes").as_deref(), Some(&b"half"[..]));
    drop(client);
    let end = soon(stream.read_chunk()).await;
    assert!(matches!(end, Err(StreamError::Reset(Code::ERR_VISITOR_GONE))), "in mid-body: {end:?}");
    assert_eq!(gone(&mut stream).await, Code::ERR_VISITOR_GONE, "in the other direction, too");

    let mut client = Client::connect(door.address).await;
    client.send(page.ask(&door, "GET /", "")).await;
    let (mut stream, _) = page.request().await;
    drop(client);
    assert_eq!(gone(&mut stream).await, Code::ERR_VISITOR_GONE, "before the answer");

    let mut client = Client::connect(door.address).await;
    client.send(page.ask(&door, "GET /", "")).await;
    let (mut stream, _) = page.request().await;
    respond(&mut stream, 200, &[]);
    soon(stream.write_chunk("begun".into())).await.expect("is taken");
    assert_eq!(client.head().await.status, 200);
    drop(client);
    assert_eq!(gone(&mut stream).await, Code::ERR_VISITOR_GONE, "in mid-answer");
}

#[tokio::test]
async fn a_slow_reader_slows_its_own_stream_only() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let mut slow = Client::connect(door.address).await;
    slow.send(page.ask(&door, "GET /large", "")).await;
    let (mut stream, _) = page.request().await;
    respond(&mut stream, 200, &[]);
    let chunk = Bytes::from(vec![1; MIB]);
    let mut taken = 0;
    while timeout(Duration::from_millis(300), stream.write_chunk(chunk.clone())).await.is_ok() {
        taken += MIB;
        assert!(taken < 64 * MIB, "nobody reads, and all is taken");
    }
    let mut quick = Client::connect(door.address).await;
    quick.send(page.ask(&door, "GET /", "")).await;
    page.answer(200, &[("content-length", "5")], "quick").await;
    assert_eq!(quick.answer().await.body, "quick");
    assert_eq!(slow.head().await.status, 200, "and nobody was sent away");
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_request_arrives_and_closes_the_connection() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let mut client = Client::connect(door.address).await;
    let size = 8 * MIB;
    client.send(page.ask(&door, "PUT /", &format!("Content-Length: {size}\r\n"))).await;
    let (mut stream, _) = page.request().await;
    respond(&mut stream, 413, &[("content-length", "9")]);
    soon(stream.write_chunk("too large".into())).await.expect("is taken");
    stream.finish();
    stream.stop(Code::NO_ERROR);
    // Like many clients, this one reads nothing before it has sent everything.
    client.send(vec![0; size]).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (413, "too large"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(client.ends_cleanly().await);
}

#[tokio::test]
async fn what_nobody_wants_is_read_for_a_while_only() {
    let door = door::open("[limits]\nlinger = \"300ms\"");
    let head = "POST / HTTP/1.1\r\nHost: nobody.localhost\r\nContent-Length: 100000000\r\n\r\n";
    let mut silent = Client::connect(door.address).await;
    silent.ask(head).await.refuses(404, "ERR_LISTENER_UNKNOWN");
    assert!(silent.ends().await);

    let mut busy = Client::connect(door.address).await;
    busy.ask(head).await.refuses(404, "ERR_LISTENER_UNKNOWN");
    let mut sender = busy.sender();
    let trickle = async {
        while sender.write_all(&[0]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let (ends, ()) = soon(async { tokio::join!(busy.ends(), trickle) }).await;
    assert!(ends, "however much comes");
}

#[tokio::test]
async fn a_visitor_that_waits_for_100_gets_it_once_there_is_room_and_not_with_a_refusal() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let mut client = Client::connect(door.address).await;
    client.send(page.ask(&door, "POST /", "Content-Length: 4\r\nExpect: 100-continue\r\n")).await;
    let (mut stream, visit) = page.request().await;
    assert_eq!(visit.headers.get("expect"), None);
    assert_eq!(client.head().await.status, 100);
    client.send("body").await;
    assert_eq!(soon(stream.read_chunk()).await.expect("bytes").as_deref(), Some(&b"body"[..]));
    respond(&mut stream, 200, &[("content-length", "0")]);
    stream.finish();
    assert_eq!(client.answer().await.status, 200);

    let unknown =
        "POST / HTTP/1.1\r\nHost: nobody.localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    door.ask(unknown).await.refuses(404, "ERR_LISTENER_UNKNOWN");
}

#[tokio::test]
async fn a_body_that_stands_still_costs_its_request() {
    let door = door::open("[limits]\nbody_timeout = \"300ms\"\naccept_timeout = \"200ms\"");
    let page = page::serve(&door).await;
    let mut client = Client::connect(door.address).await;
    client.send(page.ask(&door, "POST /", "Content-Length: 10\r\n") + "half").await;
    let (mut stream, _) = page.request().await;
    // The page waits for the visitor, so it is not the page that is late.
    client.answer().await.refuses(408, "ERR_BODY_TIMEOUT");
    let end = async {
        while soon(stream.read_chunk()).await?.is_some() {}
        Ok(())
    };
    assert_eq!(end.await, Err(StreamError::Reset(Code::ERR_BODY_TIMEOUT)));

    let mut client = Client::connect(door.address).await;
    client.send(page.ask(&door, "POST /", "Content-Length: 10\r\n") + "half").await;
    let (mut stream, _) = page.request().await;
    respond(&mut stream, 200, &[]);
    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.chunked().await, Err(Vec::new()), "an answer that has begun is cut short");
    assert_eq!(gone(&mut stream).await, Code::ERR_BODY_TIMEOUT);
}

#[tokio::test]
async fn a_page_that_reads_slowly_does_not_make_its_visitor_late() {
    let door = door::open("[limits]\nbody_timeout = \"200ms\"");
    let page = page::serve(&door).await;
    let mut client = Client::connect(door.address).await;
    let size = 4 * MIB;
    client.send(page.ask(&door, "POST /", &format!("Content-Length: {size}\r\n"))).await;
    let (mut stream, _) = page.request().await;
    let mut write = client.sender();
    let push = async { write.write_all(&vec![0; size]).await.expect("is sent") };
    let read = async {
        // Longer than a body may stand still.
        tokio::time::sleep(Duration::from_millis(600)).await;
        let mut read = 0;
        while let Some(chunk) = stream.read_chunk().await.expect("bytes") {
            read += chunk.len();
        }
        respond(&mut stream, 200, &[("content-length", "0")]);
        stream.finish();
        read
    };
    let ((), read) = soon(async { tokio::join!(push, read) }).await;
    assert_eq!(read, size);
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn a_page_may_take_its_time_while_it_takes_the_body() {
    let door = door::open("[limits]\naccept_timeout = \"300ms\"");
    let page = page::serve(&door).await;
    let mut client = Client::connect(door.address).await;
    client.send(page.ask(&door, "POST /", "Transfer-Encoding: chunked\r\n")).await;
    let (mut stream, _) = page.request().await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        client.send("1\r\nx\r\n").await;
        assert_eq!(soon(stream.read_chunk()).await.expect("bytes").as_deref(), Some(&b"x"[..]));
    }
    client.send("0\r\n\r\n").await;
    client.answer().await.refuses(504, "ERR_ACCEPT_TIMEOUT");
}

/// Waits until a page is told that what it writes is not wanted, and why.
async fn gone(stream: &mut Stream) -> Code {
    let _ = stream.respond(&serde_json::json!({ "ok": true, "status": 200 }));
    loop {
        match soon(stream.write_chunk(vec![0; 1024].into())).await {
            Ok(()) => {}
            Err(StreamError::Stopped(code)) => return code,
            Err(other) => panic!("{other}"),
        }
    }
}
