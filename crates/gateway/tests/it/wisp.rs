//! Wisp from outside: streams both ways in both versions, why each ends, and what is no packet.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::client::{Client, soon};
use crate::connect::CALLER;
use crate::connect_tcp::{allow, server};
use crate::door::{self, nobody, token_section};
use crate::http2;
use crate::page::handshake;
use crate::wisp_client::{
    CLOSE, CONNECT, CONTINUE, DATA, INFO, Said, TCP, UDP, Wisp, accept, closed, frame, more, open,
};

#[tokio::test]
async fn streams_of_one_client_carry_bytes_both_ways_and_end_each_on_its_own() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let mut wisp = Wisp::v1(&door).await;
    let every: Vec<u8> = (0..=255).collect();
    wisp.connect(7, address).await;
    // Before it is connected.
    wisp.data(7, &every).await;
    let mut first = accept(&listener).await;
    wisp.connect(u32::MAX, address).await;
    let mut second = accept(&listener).await;
    let mut heard = vec![0; 256];
    soon(first.read_exact(&mut heard)).await.expect("bytes");
    assert_eq!(heard, every);
    second.write_all(b"of the second").await.expect("is sent");
    assert_eq!(wisp.bytes(u32::MAX, 13).await, b"of the second");
    first.write_all(&every).await.expect("is sent");
    assert_eq!(wisp.bytes(7, 256).await, every);

    second.write_all(b"last").await.expect("is sent");
    drop(second);
    assert_eq!(wisp.bytes(u32::MAX, 4).await, b"last");
    assert_eq!(wisp.said().await, closed(u32::MAX, 0x02));
    wisp.data(7, b"end").await;
    wisp.send(CLOSE, 7, &[0x02]).await;
    let mut rest = String::new();
    soon(first.read_to_string(&mut rest)).await.expect("an end in order");
    assert_eq!(rest, "end");
    wisp.leave().await;
    door.until("pageport_dialect_connects_total{dialect=\"wisp\",outcome=\"connected\"} 2").await;
    door.until("pageport_connect_sent_bytes_total 259").await;
    door.until("pageport_connect_received_bytes_total 273").await;
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn v2_begins_with_info_and_says_when_a_stream_is_connected_to_those_who_want_it() {
    let (listener, address) = server().await;
    let door = open(&format!("[wisp]\nmotd = \"Hello.\"\n{}", allow(address)));
    let fields = format!("Authorization: Bearer {CALLER}\r\nSec-WebSocket-Protocol: wisp-v2\r\n");
    let mut wisp = Wisp::knock(&door, &fields).await;
    let info = b"\x02\x01\x01\0\0\0\0\x04\x06\0\0\0Hello.\x05\0\0\0\0".to_vec();
    assert_eq!(wisp.said().await, Said::Packet(INFO, 0, info));
    assert_eq!(wisp.said().await, more(0, 128));
    wisp.info(&[1, 5]).await;
    wisp.connect(1, address).await;
    let mut socket = accept(&listener).await;
    assert_eq!(wisp.said().await, more(1, 128));
    wisp.data(1, b"ping").await;
    let mut heard = [0; 4];
    soon(socket.read_exact(&mut heard)).await.expect("bytes");
    socket.write_all(b"pong").await.expect("is sent");
    assert_eq!(wisp.bytes(1, 4).await, b"pong");

    // Whoever does not say so is told nothing.
    let mut plain = Wisp::v2(&door, &[]).await;
    plain.connect(1, address).await;
    accept(&listener).await.write_all(b"first").await.expect("is sent");
    assert_eq!(plain.bytes(1, 5).await, b"first");
    plain.info(&[]).await;
    assert_eq!(
        [plain.said().await, plain.said().await, plain.said().await],
        [closed(1, 0x02), closed(0, 0x04), Said::End(1008)],
        "one INFO is enough"
    );
    let mut old = Wisp::v1(&door).await;
    old.info(&[]).await;
    assert_eq!([old.said().await, old.said().await], [closed(0, 0x04), Said::End(1008)]);
}

#[tokio::test]
async fn every_failure_has_its_reason() {
    let (listener, address) = server().await;
    let (_kept, refused) = nobody();
    // Its queue is full: nobody answers there.
    let full = TcpSocket::new_v4().expect("a socket");
    full.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let full_at = full.local_addr().expect("an address");
    let _queue = full.listen(0).expect("listens");
    let _last_one = TcpStream::connect(full_at).await.expect("connects");
    let rules = [allow(refused), allow("nowhere.invalid:80"), allow(full_at), allow(address)].concat();
    let door = open(&format!("[limits]\nconnect_timeout = \"700ms\"\n{rules}"));
    let mut wisp = Wisp::v1(&door).await;
    let port = address.port();
    for (host, to, reason) in [
        ("127.0.0.1", refused.port(), 0x44),
        ("127.0.0.2", port, 0x48),
        ("localhost", port, 0x48),
        ("nowhere.invalid", 80, 0x42),
        ("127.1", port, 0x41),
        ("0x7f.0.0.1", port, 0x41),
        ("127.0.0.1\0", port, 0x41),
        ("", port, 0x41),
        ("127.0.0.1", 0, 0x41),
    ] {
        wisp.connect_to(1, TCP, host, to).await;
        assert_eq!(wisp.said().await, closed(1, reason), "{host:?}");
    }
    wisp.send(CONNECT, 1, b"\x09\x50\0example.com").await;
    assert_eq!(wisp.said().await, closed(1, 0x41), "neither TCP nor UDP");
    wisp.connect(2, full_at).await;
    assert_eq!(wisp.said().await, closed(2, 0x43));

    // A connection that breaks, and one whose rule goes.
    wisp.connect(3, address).await;
    let mut socket = accept(&listener).await;
    socket.write_all(b"x").await.expect("is sent");
    assert_eq!(wisp.bytes(3, 1).await, b"x");
    socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("a reset");
    drop(socket);
    assert_eq!(wisp.said().await, closed(3, 0x03));
    wisp.connect(4, address).await;
    let mut socket = accept(&listener).await;
    let without = format!("[dialects]\nwisp = true\n{}", token_section("caller", CALLER, "[\"connect\"]"));
    door.handle.reload(door::config(&without).policy);
    assert_eq!(wisp.said().await, closed(4, 0x48));
    let reset = soon(socket.read(&mut [0; 1])).await;
    assert!(reset.is_err(), "what was cut short does not look complete: {reset:?}");
}

#[tokio::test]
async fn a_rule_that_ends_idle_connections_says_so() {
    let (listener, address) = server().await;
    let door = open(&format!("{}idle = \"1s\"\nconnections = 1\n", allow(address)));
    let mut wisp = Wisp::v1(&door).await;
    wisp.connect(1, address).await;
    let _socket = accept(&listener).await;
    wisp.connect(2, address).await;
    assert_eq!(wisp.said().await, closed(2, 0x49), "more than the rule allows");
    assert_eq!(wisp.said().await, closed(1, 0x47));
}

#[tokio::test]
async fn an_id_is_used_again_and_what_was_said_to_the_stream_before_is_for_nobody() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let mut wisp = Wisp::v1(&door).await;
    for word in [b"one", b"two"] {
        wisp.connect(1, address).await;
        let mut socket = accept(&listener).await;
        socket.write_all(word).await.expect("is sent");
        assert_eq!(wisp.bytes(1, 3).await, word);
        wisp.send(CLOSE, 1, &[0x02]).await;
        assert_eq!(soon(socket.read(&mut [0; 1])).await.expect("an end in order"), 0);
        wisp.data(1, b"late").await;
    }
    // The same id twice at once: neither can be meant.
    wisp.connect(1, address).await;
    let mut socket = accept(&listener).await;
    wisp.connect(1, address).await;
    assert_eq!(wisp.said().await, closed(1, 0x41));
    assert!(soon(socket.read(&mut [0; 1])).await.is_err(), "a reset");
    wisp.connect(1, address).await;
    let _socket = accept(&listener).await;
}

#[tokio::test]
async fn what_is_no_packet_costs_the_client_its_connection_and_nobody_else() {
    let (listener, address) = server().await;
    let door = open(&format!("[limits]\nwisp_packet = \"1KiB\"\n{}", allow(address)));
    let mut sibling = Wisp::v1(&door).await;
    sibling.connect(1, address).await;
    let mut socket = accept(&listener).await;
    for (message, code) in [
        (frame(0x82, b""), 1002),
        (frame(0x82, b"\x02\x01\0\0"), 1002),
        (frame(0x82, b"\x09\x01\0\0\0"), 1002),
        (frame(0x82, b"\x02\0\0\0\0x"), 1002),
        (frame(0x82, b"\x04\x01\0\0\0"), 1002),
        (frame(0x81, b"text"), 1003),
        (frame(0x82, &[2; 1025]), 1009),
        (b"\x82\x05\x02\x01\0\0\0".to_vec(), 1002),
    ] {
        let mut wisp = Wisp::v1(&door).await;
        wisp.client.send(&message).await;
        assert_eq!(wisp.said().await, Said::End(code), "{message:?}");
    }
    let mut wisp = Wisp::v1(&door).await;
    wisp.send(CONTINUE, 1, &[1, 0, 0, 0]).await;
    wisp.send(DATA, 99, b"for nobody").await;
    wisp.send(CLOSE, 99, &[2]).await;
    wisp.send(CLOSE, 0, &[2]).await;
    assert_eq!(wisp.said().await, Said::End(1000), "only this was an end");
    socket.write_all(b"still").await.expect("is sent");
    assert_eq!(sibling.bytes(1, 5).await, b"still");
}

#[tokio::test]
async fn packets_may_come_in_fragments_with_pings_between() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let mut wisp = Wisp::v1(&door).await;
    wisp.connect(1, address).await;
    let mut socket = accept(&listener).await;
    wisp.client.send(frame(0x02, b"\x02\x01\0")).await;
    wisp.client.send(frame(0x89, b"there?")).await;
    wisp.client.send(frame(0x80, b"\0\0whole")).await;
    assert_eq!(wisp.client.bytes(8).await, b"\x8a\x06there?");
    let mut heard = [0; 5];
    soon(socket.read_exact(&mut heard)).await.expect("bytes");
    assert_eq!(&heard, b"whole");
}

#[tokio::test]
async fn nobody_is_let_in_without_a_listed_origin_or_a_credential() {
    let (listener, address) = server().await;
    let rule = allow(address);
    let door = open(&format!("[link]\norigins = [\"https://app.example\"]\n{rule}"));
    for (fields, status, code) in [
        (String::new(), 401, "ERR_CREDENTIAL_REQUIRED"),
        ("Sec-WebSocket-Protocol: wisp-v2\r\n".to_owned(), 401, "ERR_CREDENTIAL_REQUIRED"),
        ("Origin: null\r\n".to_owned(), 403, "ERR_ORIGIN_FORBIDDEN"),
        ("Origin: https://app.example.evil\r\n".to_owned(), 403, "ERR_ORIGIN_FORBIDDEN"),
        ("Authorization: Bearer wrong\r\n".to_owned(), 401, "ERR_CREDENTIAL_INVALID"),
        (format!("Authorization: Bearer {}\r\n", door::TOKEN), 403, "ERR_TARGET_FORBIDDEN"),
    ] {
        let answer = door.ask(&handshake("/wisp/", &door.host, &fields)).await;
        answer.refuses(status, code);
    }
    door.get("/wisp/").await.refuses(401, "ERR_CREDENTIAL_REQUIRED");
    let request = format!("GET /wisp/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {CALLER}\r\n\r\n");
    door.ask(&request).await.refuses(426, "ERR_UPGRADE_REQUIRED");

    let mut page = Wisp::knock(&door, "Origin: https://app.example\r\n").await;
    assert_eq!(page.said().await, more(0, 128));
    page.connect(1, address).await;
    let _socket = accept(&listener).await;

    let off = door::open(&rule);
    let mut client = Client::connect(off.address).await;
    client.ask(&handshake("/wisp/", &off.host, "")).await.refuses(404, "ERR_NOT_FOUND");
}

#[tokio::test]
async fn datagrams_are_refused_where_no_rule_allows_them() {
    let (_listener, address) = server().await;
    let door = open(&allow(address));
    let mut wisp = Wisp::v1(&door).await;
    wisp.connect_to(1, UDP, "127.0.0.1", address.port()).await;
    assert_eq!(wisp.said().await, closed(1, 0x48));
}

#[tokio::test]
async fn it_is_spoken_over_a_stream_of_http2() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let mut requests = http2::connect(&door).await;
    let bearer = format!("Bearer {CALLER}");
    let fields = [("authorization", bearer.as_str()), ("sec-websocket-protocol", "wisp-v2")];
    let (response, mut up) =
        http2::tunnel(&mut requests, http2::knock("http://localhost/wisp/", &fields)).await;
    assert_eq!(
        (response.status(), &response.headers()["sec-websocket-protocol"]),
        (http::StatusCode::OK, &"wisp-v2".parse().expect("a value"))
    );
    let mut down = response.into_body();
    let host = address.ip().to_string();
    let connect = [&b"\x01\x01\0\0\0\x01"[..], &address.port().to_le_bytes(), host.as_bytes()].concat();
    up.send_data(frame(0x82, &connect).into(), false).expect("is sent");
    accept(&listener).await.write_all(b"over HTTP/2").await.expect("is sent");
    let mut heard = Vec::new();
    while !heard.ends_with(b"\x88\x02\x03\xe8") {
        heard.extend(http2::read(&mut down).await.expect("more").expect("in order"));
        if heard.ends_with(b"\x82\x06\x04\x01\0\0\0\x02") {
            up.send_data(frame(0x88, &1000_u16.to_be_bytes()).into(), true).expect("is sent");
        }
    }
    let data = b"\x82\x10\x02\x01\0\0\0over HTTP/2";
    assert!(heard.windows(data.len()).any(|part| part == data), "{heard:?}");
}
