//! One TCP connection over one WebSocket: bytes both ways, ends, and reasons.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::soon;
use crate::connect_tcp::{allow, server};
use crate::dialect::{
    BINARY, CLOSE, PING, PONG, bearer, closed, frame, hear, knock, lines, next, open, pair, path,
};
use crate::dialect_upgrade::say_urgently;
use crate::door::{self, nobody};
use crate::wisp_limits::small_listener;

#[tokio::test]
async fn bytes_pass_both_ways_whatever_their_number() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let (mut client, socket) = pair(&door, &listener).await;
    let (mut from, mut to) = socket.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
    for length in [1, 125, 126, 127, 0xffff, 0x1_0000, 3 << 20] {
        let sent: Vec<u8> = (0..=250).cycle().take(length).collect();
        let mut sender = client.sender();
        let message = frame(BINARY, &sent);
        let (sending, heard) = tokio::join!(sender.write_all(&message), hear(&mut client, length));
        sending.expect("is sent");
        assert!(heard == sent, "{length}");
    }
    client.send(frame(CLOSE, &1000_u16.to_be_bytes())).await;
    assert_eq!(closed(&mut client).await, (1000, String::new()));
    assert!(client.ends_cleanly().await);
    door.until("pageport_dialect_connects_total{dialect=\"tcp\",outcome=\"connected\"} 1").await;
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn the_handshake_names_the_subprotocol_that_was_offered() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    for (offered, status, chosen) in [
        ("", 101, None),
        ("Sec-WebSocket-Protocol: binary\r\n", 101, Some("binary")),
        ("Sec-WebSocket-Protocol: base64, binary\r\n", 101, Some("binary")),
        ("Sec-WebSocket-Protocol: base64\r\n", 400, None),
    ] {
        let (_, answer) = knock(&door, &path(address), &(bearer() + offered)).await;
        assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (status, chosen), "{offered}");
    }
    drop(listener);
}

#[tokio::test]
async fn the_end_of_the_target_is_an_end_in_order_behind_all_its_bytes() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let (mut client, mut socket) = pair(&door, &listener).await;
    socket.write_all(b"all of it").await.expect("is sent");
    socket.shutdown().await.expect("ends its half");
    assert_eq!(hear(&mut client, 9).await, b"all of it");
    assert_eq!(closed(&mut client).await.0, 1000);
    // Its own half may still say something, until it has answered.
    client.send(frame(BINARY, b"thanks")).await;
    client.send(frame(CLOSE, &1000_u16.to_be_bytes())).await;
    let mut heard = String::new();
    soon(socket.read_to_string(&mut heard)).await.expect("an end in order");
    assert_eq!(heard, "thanks");
    assert!(client.ends_cleanly().await);
}

#[tokio::test]
async fn what_a_client_still_says_behind_the_target_s_end_does_not_look_complete_when_it_is_cut_short() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let half = frame(BINARY, &[7; 1_000])[..500].to_vec();
    for (name, said) in [("half a message", half), ("no answer", Vec::new()), ("text", frame(0x81, b"x"))] {
        let (mut client, mut socket) = pair(&door, &listener).await;
        socket.shutdown().await.expect("ends its half");
        assert_eq!(closed(&mut client).await.0, 1000, "{name}");
        client.send(said).await;
        drop(client);
        let end = soon(socket.read_to_end(&mut Vec::new())).await.expect_err(name);
        assert_eq!(end.kind(), io::ErrorKind::ConnectionReset, "{name}");
    }
}

#[tokio::test]
async fn a_target_that_has_ended_its_half_and_does_not_read_is_given_up_by_a_reset() {
    let listener = small_listener();
    let address = listener.local_addr().expect("an address");
    let door = open(&allow(address));
    let (mut client, mut socket) = pair(&door, &listener).await;
    socket.shutdown().await.expect("ends its half");
    assert_eq!(closed(&mut client).await.0, 1000);
    let all = [frame(BINARY, &[1; 8 << 20]), frame(CLOSE, &1000_u16.to_be_bytes())].concat();
    let mut sender = client.sender();
    let sending = tokio::spawn(async move { sender.write_all(&all).await });
    soon(pageport_link::relay::broken(&socket)).await;
    sending.abort();
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn urgent_data_is_part_of_what_passes_and_holds_nothing_back() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    for _ in 0..20 {
        let (mut client, mut socket) = pair(&door, &listener).await;
        say_urgently(&mut socket).await;
        assert_eq!(hear(&mut client, 12).await, b"abc!and more");
    }
}

#[tokio::test]
async fn the_goodbye_of_a_client_ends_the_target_s_connection_in_order() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let (mut client, mut socket) = pair(&door, &listener).await;
    client.send([frame(BINARY, b"last words"), frame(CLOSE, &[])].concat()).await;
    let mut heard = String::new();
    soon(socket.read_to_string(&mut heard)).await.expect("an end in order");
    assert_eq!(heard, "last words");
    assert_eq!(next(&mut client).await, (CLOSE, Vec::new()));
    drop(socket);
    assert!(client.ends_cleanly().await);
}

#[tokio::test]
async fn a_client_that_vanishes_has_not_ended_in_order() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let (client, mut socket) = pair(&door, &listener).await;
    drop(client);
    let end = soon(socket.read(&mut [0])).await.expect_err("no end in order");
    assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn a_target_that_breaks_off_is_told_from_one_that_ends() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let (mut client, socket) = pair(&door, &listener).await;
    socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("an option");
    drop(socket);
    assert_eq!(closed(&mut client).await, (1011, "ERR_TARGET_UNREACHABLE".to_owned()));
    assert!(client.ends_cleanly().await);
}

#[tokio::test]
async fn pings_are_answered_and_may_stand_within_a_message() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let (mut client, mut socket) = pair(&door, &listener).await;
    client.send(frame(0x02, b"one ")).await;
    client.send(frame(PING, b"there?")).await;
    assert_eq!(next(&mut client).await, (PONG, b"there?".to_vec()));
    client
        .send([frame(0x00, b""), frame(0x00, b"two "), frame(PONG, b""), frame(0x80, b"three")].concat())
        .await;
    let mut heard = [0; 13];
    soon(socket.read_exact(&mut heard)).await.expect("is heard");
    assert_eq!(&heard, b"one two three");
}

#[tokio::test]
async fn a_message_goes_on_before_it_is_whole() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let (mut client, mut socket) = pair(&door, &listener).await;
    let message = frame(BINARY, &[7; 100_000]);
    for (at, byte) in message[..20].iter().enumerate() {
        client.send([*byte]).await;
        if at >= 14 {
            assert_eq!(soon(socket.read_u8()).await.expect("is heard"), 7, "byte {at}");
        }
    }
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_with_its_reason_and_the_target_hears_no_end_in_order() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    for (name, bytes, reason) in [
        ("not masked", vec![BINARY, 1, b'x'], 1002),
        ("reserved bit", frame(BINARY | 0x40, b"x"), 1002),
        ("opcode", frame(0x83, b"x"), 1002),
        ("control opcode", frame(0x8b, b"x"), 1002),
        ("text", frame(0x81, b"x"), 1003),
        ("continuation of nothing", frame(0x80, b"x"), 1002),
        ("a message within another", [frame(0x02, b"x"), frame(BINARY, b"y")].concat(), 1002),
        ("fragmented ping", frame(0x09, b"x"), 1002),
        ("long ping", frame(PING, &[0; 126]), 1002),
        ("long form of a short length", vec![BINARY, 0xfe, 0, 1, 0, 0, 0, 0, b'x'], 1002),
        ("longer form", vec![BINARY, 0xff, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], 1002),
        ("more than there can be", vec![BINARY, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1002),
        ("half a reason", frame(CLOSE, b"x"), 1002),
        ("an impossible reason", frame(CLOSE, &1005_u16.to_be_bytes()), 1002),
        ("an explanation that is no text", frame(CLOSE, &[3, 232, 0xff]), 1007),
    ] {
        let (mut client, mut socket) = pair(&door, &listener).await;
        client.send(&bytes).await;
        assert_eq!(closed(&mut client).await.0, reason, "{name}");
        let mut rest = Vec::new();
        let end = soon(socket.read_to_end(&mut rest)).await.expect_err(name);
        assert_eq!(end.kind(), io::ErrorKind::ConnectionReset, "{name}");
    }
}

#[tokio::test]
async fn why_there_is_no_connection_is_told_before_the_handshake() {
    let ((_kept, closed), (_silent, address)) = (nobody(), server().await);
    let door = open(&format!(
        "{}{}{}{}",
        allow(closed),
        allow("no-such-host.invalid:80"),
        allow(address),
        allow("240.0.0.1:9"),
    ));
    for (to, status, code) in [
        (path(closed), 502, "ERR_TARGET_CONNECTION_REFUSED"),
        ("/tcp/127.0.0.1/1".to_owned(), 403, "ERR_TARGET_FORBIDDEN"),
        ("/tcp/169.254.169.254/80".to_owned(), 403, "ERR_TARGET_FORBIDDEN"),
        (format!("/tcp/127.0.0.1/{}", door.address.port()), 403, "ERR_TARGET_FORBIDDEN"),
        ("/tcp/a%2fb/80".to_owned(), 400, "ERR_TARGET_INVALID"),
        ("/tcp/127.0.0.1%00/80".to_owned(), 400, "ERR_TARGET_INVALID"),
        ("/tcp/%2531%2532%2537.0.0.1/80".to_owned(), 400, "ERR_TARGET_INVALID"),
        ("/tcp/0177.0.0.1/80".to_owned(), 400, "ERR_TARGET_INVALID"),
        ("/tcp/0x7f000001/80".to_owned(), 400, "ERR_TARGET_INVALID"),
        ("/tcp/2130706433/80".to_owned(), 400, "ERR_TARGET_INVALID"),
        ("/tcp/127.1/80".to_owned(), 400, "ERR_TARGET_INVALID"),
        ("/tcp/::1/80".to_owned(), 400, "ERR_TARGET_INVALID"),
        ("/tcp/127.0.0.1".to_owned(), 400, "ERR_TARGET_INVALID"),
    ] {
        let (_, answer) = knock(&door, &to, &bearer()).await;
        answer.refuses(status, code);
    }
    door.until("pageport_dialect_connects_total{dialect=\"tcp\",outcome=\"ERR_TARGET_FORBIDDEN\"} 3").await;
    let control = knock(&door, &path(address), &bearer()).await.1;
    assert_eq!(control.status, 101);
}

#[tokio::test]
async fn a_target_that_does_not_answer_is_waited_for_as_long_as_the_limit_says() {
    // A queue of one that is full: the kernel drops what knocks then.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let listener = socket.listen(1).expect("listens");
    let address = listener.local_addr().expect("an address");
    let _full =
        [tokio::net::TcpStream::connect(address).await, tokio::net::TcpStream::connect(address).await];
    let door = open(&format!("{}[limits]\nconnect_timeout = \"200ms\"\n", allow(address)));
    let begun = Instant::now();
    knock(&door, &path(address), &bearer()).await.1.refuses(504, "ERR_TARGET_TIMEOUT");
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn addresses_of_ipv6_stand_in_brackets() {
    let listener = tokio::net::TcpListener::bind("[::1]:0").await.expect("IPv6");
    let address = listener.local_addr().expect("an address");
    let door = open(&allow(address));
    for host in ["[::1]", "%5B::1%5D", "[0:0:0:0:0:0:0:1]"] {
        let to = format!("/tcp/{host}/{}", address.port());
        let (_, answer) = knock(&door, &to, &bearer()).await;
        assert_eq!(answer.status, 101, "{host}");
    }
}

#[tokio::test]
async fn a_reader_that_stops_holds_its_target_back_and_nobody_else() {
    const MOST: usize = 24 << 20;
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let (_slow, mut socket) = pair(&door, &listener).await;
    let chunk = vec![1; 64 << 10];
    let mut sent = 0;
    // What the kernels on the way hold is all that moves.
    while let Ok(written) = tokio::time::timeout(Duration::from_millis(500), socket.write(&chunk)).await {
        sent += written.expect("is sent");
        assert!(sent < MOST, "nobody holds it back");
    }
    let (mut other, mut beside) = pair(&door, &listener).await;
    beside.write_all(b"still here").await.expect("is sent");
    assert_eq!(hear(&mut other, 10).await, b"still here");
}

#[tokio::test]
async fn a_target_that_does_not_read_holds_its_client_back() {
    const MOST: usize = 24 << 20;
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let (client, _socket) = pair(&door, &listener).await;
    let message = frame(BINARY, &vec![1; 64 << 10]);
    let (mut sender, mut sent) = (client.sender(), 0);
    while let Ok(written) = tokio::time::timeout(Duration::from_millis(500), sender.write(&message)).await {
        sent += written.expect("is sent");
        assert!(sent < MOST, "nobody holds it back");
    }
}

#[tokio::test]
async fn a_reload_ends_what_is_not_allowed_any_more_within_a_second_and_nothing_else() {
    let ((one, first), (other, second)) = (server().await, server().await);
    let door = open(&(allow(first) + &allow(second)));
    let (mut cut, mut socket) = pair(&door, &one).await;
    let (mut stays, mut kept) = pair(&door, &other).await;
    let begun = Instant::now();
    door.handle.reload(door::config(&lines(&allow(second))).policy);
    assert_eq!(closed(&mut cut).await, (1008, "ERR_TARGET_FORBIDDEN".to_owned()));
    let end = soon(socket.read(&mut [0])).await.expect_err("no end in order");
    assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    kept.write_all(b"on").await.expect("is sent");
    assert_eq!(hear(&mut stays, 2).await, b"on");
}

#[tokio::test]
async fn a_rule_s_limits_count_here_as_well() {
    let (listener, address) = server().await;
    let door = open(&format!("{}connections = 1\nidle = \"300ms\"\n", allow(address)));
    let (mut client, _socket) = pair(&door, &listener).await;
    let (_, answer) = knock(&door, &path(address), &bearer()).await;
    answer.refuses(429, "ERR_TARGET_LIMIT");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(closed(&mut client).await, (1008, "ERR_TARGET_IDLE".to_owned()));
}

#[tokio::test]
async fn a_connection_moves_so_many_bytes_in_a_second() {
    const EACH: usize = 64 << 10;
    let (listener, address) = server().await;
    let door = open(&format!("{}bytes_per_second = \"128KiB\"\n", allow(address)));
    let (mut client, mut socket) = pair(&door, &listener).await;
    let begun = Instant::now();
    client.send(frame(BINARY, &[1; EACH])).await;
    socket.write_all(&[2; EACH]).await.expect("is sent");
    let mut there = vec![0; EACH];
    let (there, _) = tokio::join!(soon(socket.read_exact(&mut there)), hear(&mut client, EACH));
    there.expect("is heard");
    let took = begun.elapsed();
    assert!((Duration::from_millis(700)..Duration::from_secs(10)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn all_clients_together_have_so_many_connections() {
    let (listener, address) = server().await;
    let door = open(&format!("{}[limits]\ndialect_connections = 1\n", allow(address)));
    let (client, socket) = pair(&door, &listener).await;
    let (_, answer) = knock(&door, &path(address), &bearer()).await;
    answer.refuses(503, "ERR_CONNECT_LIMIT");
    drop((client, socket));
    door.until("pageport_connects 0").await;
    pair(&door, &listener).await;
}

#[tokio::test]
async fn a_gateway_that_stops_says_so_when_the_time_to_finish_is_over() {
    let (listener, address) = server().await;
    let door = open(&format!("{}[limits]\ndrain = \"300ms\"\n", allow(address)));
    let (mut client, mut socket) = pair(&door, &listener).await;
    let stopping = door.close();
    socket.write_all(b"still").await.expect("is sent");
    assert_eq!(hear(&mut client, 5).await, b"still");
    assert_eq!(closed(&mut client).await, (1001, "ERR_GOING_AWAY".to_owned()));
    drop(client);
    soon(stopping).await.expect("ends");
}

#[tokio::test]
async fn what_a_target_says_behind_a_goodbye_costs_what_its_rule_allows_and_ends_with_it() {
    const MOST: usize = 24 << 20;
    let (listener, address) = server().await;
    let door = open(&format!("{}bytes_per_second = \"16KiB\"\n", allow(address)));
    let (mut client, mut socket) = pair(&door, &listener).await;
    client.send(frame(CLOSE, &[])).await;
    assert_eq!(next(&mut client).await, (CLOSE, Vec::new()));
    assert_eq!(soon(socket.read(&mut [0])).await.expect("an end in order"), 0);
    let chunk = vec![1; 64 << 10];
    let mut sent = 0;
    while let Ok(written) = tokio::time::timeout(Duration::from_millis(500), socket.write(&chunk)).await {
        sent += written.expect("is sent");
        assert!(sent < MOST, "nobody holds it back");
    }
    let counted = door.metric("pageport_connect_received_bytes_total").await;
    assert!((1..1 << 20).contains(&counted), "{counted}");
    let begun = Instant::now();
    door.handle.reload(door::config(&lines("")).policy);
    soon(pageport_link::relay::broken(&socket)).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    door.until("pageport_connects 0").await;
}
