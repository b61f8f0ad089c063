//! What one client of Wisp may cost: packets that wait for a target, bytes that wait for the client, streams, and time.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::client::soon;
use crate::connect_tcp::{allow, server};
use crate::dialect::{self, raw_pair};
use crate::door;
use crate::wisp_client::{CLOSE, DATA, Said, UDP, Wisp, accept, closed, fill, frame, more, open};

/// A while in which what can happen has happened.
const WHILE: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_client_is_told_that_there_is_room_before_and_at_the_latest_when_it_has_sent_what_it_may() {
    let (listener, address) = server().await;
    let door = open(&format!("[limits]\nwisp_buffer = 8\n{}", allow(address)));
    let mut wisp = Wisp::v2(&door, &[5]).await;
    wisp.connect(1, address).await;
    let mut socket = accept(&listener).await;
    assert_eq!(wisp.said().await, more(1, 8));
    let mut told = Vec::new();
    for sent in 1..=32 {
        wisp.data(1, &[7; 100]).await;
        soon(socket.read_exact(&mut [0; 100])).await.expect("bytes");
        if matches!(sent, 4 | 8 | 16 | 24 | 32) {
            told.push(wisp.said().await);
        }
    }
    assert_eq!(told, vec![more(1, 8); 5]);
}

#[tokio::test]
async fn a_target_that_does_not_read_costs_a_buffer_and_who_sends_more_loses_the_stream() {
    let (sibling, sibling_at) = server().await;
    let deaf = small_listener();
    let deaf_at = deaf.local_addr().expect("an address");
    let door = open(&format!("[limits]\nwisp_buffer = 4\n{}{}", allow(deaf_at), allow(sibling_at)));
    let mut wisp = Wisp::v1(&door).await;
    wisp.connect(1, deaf_at).await;
    let _socket = accept(&deaf).await;
    wisp.connect(2, sibling_at).await;
    let mut other = accept(&sibling).await;
    let (mut left, mut sent) = (4, 0_u64);
    loop {
        if left == 0 {
            match timeout(WHILE, wisp.said()).await {
                Ok(Said::Packet(3, 1, told)) => left = told[0],
                Ok(said) => panic!("{said:?}"),
                Err(_) => break,
            }
        }
        wisp.data(1, &[0; 60_000]).await;
        (left, sent) = (left - 1, sent + 60_000);
        assert!(sent < 64 << 20, "it goes on for ever");
    }
    // The stream beside it does not know.
    other.write_all(b"and here?").await.expect("is sent");
    assert_eq!(wisp.bytes(2, 9).await, b"and here?");
    wisp.data(2, b"fine").await;
    soon(other.read_exact(&mut [0; 4])).await.expect("bytes");
    // Three buffers are more than anybody could believe to have.
    for _ in 0..12 {
        wisp.data(1, b"more").await;
    }
    assert_eq!(wisp.said().await, closed(1, 0x49));
    other.write_all(b"still").await.expect("is sent");
    assert_eq!(wisp.bytes(2, 5).await, b"still");
}

#[tokio::test]
async fn what_targets_do_not_take_is_bounded_in_bytes_and_all_of_it_arrives() {
    let deaf = small_listener();
    let deaf_at = deaf.local_addr().expect("an address");
    let (other, other_at) = server().await;
    let rules = [allow(deaf_at), allow(other_at)].concat();
    let door = open(&format!("[limits]\nwisp_upload = \"64KiB\"\nwisp_buffer = 4096\n{rules}"));
    let mut wisp = Wisp::v1(&door).await;
    wisp.connect(1, deaf_at).await;
    let mut socket = accept(&deaf).await;
    let packet = frame(0x82, &[&[DATA, 1, 0, 0, 0][..], &[9; 30_000]].concat());
    let written = fill(&mut wisp.client.socket, &packet).await;
    assert!(written < 32 << 20, "{written} bytes");
    // Its sibling is another connection.
    let mut sibling = Wisp::v1(&door).await;
    sibling.connect(1, other_at).await;
    accept(&other).await.write_all(b"here").await.expect("is sent");
    assert_eq!(sibling.bytes(1, 4).await, b"here");
    let whole = u64::try_from(written / packet.len()).expect("fits") * 30_000;
    let mut read = 0;
    let mut buffer = vec![0; 64 << 10];
    while read < whole {
        read += soon(socket.read(&mut buffer)).await.expect("bytes") as u64;
        assert!(buffer[0] == 9);
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_stalls_its_targets_and_itself_only() {
    const OFFERED: usize = 300 << 20;
    let (listener, address) = server().await;
    let door = open(&format!("[limits]\nwisp_download = \"64KiB\"\n{}", allow(address)));
    let mut slow = Wisp::v1(&door).await;
    slow.connect(1, address).await;
    let mut source = accept(&listener).await;
    let piece = vec![3; 256 << 10];
    let written = fill(&mut source, &piece).await;
    assert!(written < OFFERED / 8, "{written} bytes: more than sockets hold");
    let mut sibling = Wisp::v1(&door).await;
    sibling.connect(1, address).await;
    let mut beside = accept(&listener).await;
    beside.write_all(b"alive").await.expect("is sent");
    assert_eq!(sibling.bytes(1, 5).await, b"alive");
    // It is not deaf: what it says arrives, and a second stream of it has its turn.
    slow.data(1, b"question").await;
    soon(source.read_exact(&mut [0; 8])).await.expect("bytes");
    slow.connect(2, address).await;
    let mut second = accept(&listener).await;
    second.write_all(b"mine").await.expect("is sent");
    let feeding = tokio::spawn(async move { while source.write_all(&piece).await.is_ok() {} });
    let mut before = 0;
    let turn = loop {
        match slow.said().await {
            Said::Packet(DATA, 1, bytes) => before += bytes.len(),
            other => break other,
        }
        assert!(before < OFFERED / 4, "the other stream is never read");
    };
    assert_eq!(turn, Said::Packet(DATA, 2, b"mine".to_vec()));
    drop(slow);
    soon(feeding).await.expect("its target has ended");
}

#[tokio::test]
async fn refusals_that_nobody_reads_are_bounded() {
    let (_listener, address) = server().await;
    let door = open(&allow(address));
    let mut wisp = Wisp::v1(&door).await;
    // Nobody may go there: each is answered with a CLOSE that nobody reads.
    let packet = frame(0x82, b"\x01\x01\0\0\0\x01\x01\x00127.0.0.9");
    let written = fill(&mut wisp.client.socket, &packet.repeat(1_000)).await;
    assert!(written < 128 << 20, "{written} bytes");
}

#[tokio::test]
async fn streams_of_a_client_are_bounded_and_a_place_is_free_again() {
    let (listener, address) = server().await;
    let door = open(&format!("[limits]\nwisp_streams = 2\ndialect_connections = 3\n{}", allow(address)));
    let mut wisp = Wisp::v1(&door).await;
    let mut sockets = Vec::new();
    for stream in [1, 2] {
        wisp.connect(stream, address).await;
        sockets.push(accept(&listener).await);
    }
    wisp.connect(3, address).await;
    assert_eq!(wisp.said().await, closed(3, 0x49));
    let mut second = Wisp::v1(&door).await;
    second.connect(1, address).await;
    let _third = accept(&listener).await;
    second.connect(2, address).await;
    assert_eq!(second.said().await, closed(2, 0x49), "of all clients together");
    sockets.pop();
    assert_eq!(wisp.said().await, closed(2, 0x02));
    door.until("pageport_connects 2").await;
    wisp.connect(3, address).await;
    let _again = accept(&listener).await;
    door.until("pageport_dialect_connects_total{dialect=\"wisp\",outcome=\"ERR_CONNECT_LIMIT\"} 2").await;
}

#[tokio::test]
async fn a_stream_that_its_client_has_closed_counts_for_as_long_as_its_connection_is_there() {
    let (listener, address) = server().await;
    let door = open(&format!("[limits]\nwisp_streams = 2\n{}", allow(address)));
    let mut wisp = Wisp::v1(&door).await;
    let mut sockets = Vec::new();
    for stream in [1, 2] {
        wisp.connect(stream, address).await;
        sockets.push(accept(&listener).await);
        // The target does not end its side.
        wisp.send(CLOSE, stream, &[0x02]).await;
    }
    wisp.connect(3, address).await;
    assert_eq!(wisp.said().await, closed(3, 0x49));
    drop(sockets);
    let again = async {
        loop {
            wisp.connect(3, address).await;
            tokio::select! {
                socket = accept(&listener) => return socket,
                said = wisp.said() => assert_eq!(said, closed(3, 0x49)),
            }
        }
    };
    soon(again).await;
}

#[tokio::test]
async fn who_speaks_what_is_switched_off_now_is_cut_short_and_gets_no_more() {
    let ((listener, address), (other, other_at)) = (server().await, server().await);
    let rules = [allow(address), allow(other_at)].concat();
    let door = dialect::open(&rules);
    let mut wisp = Wisp::v1(&door).await;
    wisp.connect(1, address).await;
    let mut socket = accept(&listener).await;
    let (mut raw, mut stays) = raw_pair(&door, &other).await;
    let off = dialect::lines(&rules).replace("wisp = true", "wisp = false");
    assert_ne!(off, dialect::lines(&rules));
    door.handle.reload(door::config(&off).policy);
    assert_eq!(wisp.said().await, closed(1, 0x48));
    assert!(soon(socket.read(&mut [0; 1])).await.is_err(), "no end in order");
    wisp.connect(2, address).await;
    assert_eq!(wisp.said().await, closed(2, 0x48));
    stays.write_all(b"on").await.expect("is sent");
    soon(raw.read_exact(&mut [0; 2])).await.expect("is heard");
}

#[tokio::test]
async fn a_client_that_is_silent_is_asked_and_then_given_up() {
    let (listener, address) = server().await;
    let door = open(&format!("[limits]\nwisp_idle = \"600ms\"\n{}", allow(address)));
    let mut wisp = Wisp::v1(&door).await;
    wisp.connect(1, address).await;
    let mut socket = accept(&listener).await;
    for _ in 0..3 {
        assert_eq!(wisp.said().await, Said::Ping);
        wisp.client.send(frame(0x8a, b"")).await;
    }
    assert_eq!(wisp.said().await, Said::Ping);
    assert!(wisp.client.ends().await);
    assert!(soon(socket.read(&mut [0; 1])).await.is_err(), "a reset");
}

#[tokio::test]
async fn a_gateway_that_goes_lets_streams_finish_and_takes_no_more() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let (mut idle, mut busy) = (Wisp::v1(&door).await, Wisp::v1(&door).await);
    busy.connect(1, address).await;
    let mut socket = accept(&listener).await;
    socket.write_all(b"a").await.expect("is sent");
    assert_eq!(busy.bytes(1, 1).await, b"a");
    let closing = door.close();
    assert_eq!(idle.said().await, Said::End(1001));
    busy.connect(2, address).await;
    assert_eq!(busy.said().await, closed(2, 0x49));
    socket.write_all(b"b").await.expect("is sent");
    assert_eq!(busy.bytes(1, 1).await, b"b");
    drop(socket);
    assert_eq!([busy.said().await, busy.said().await], [closed(1, 0x02), Said::End(1001)]);
    drop((idle, busy));
    soon(closing).await.expect("has ended");
}

#[tokio::test]
async fn datagrams_pass_as_they_are_and_nobody_accounts_for_them() {
    let target = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let port = target.local_addr().expect("an address").port();
    let rule = format!("[[allow]]\nto = \"127.0.0.1:{port}\"\nprotocol = \"udp\"\n");
    let door = open(&format!("[limits]\nwisp_buffer = 2\n{rule}"));
    let mut wisp = Wisp::v2(&door, &[1, 5]).await;
    wisp.connect_to(1, UDP, "127.0.0.1", port).await;
    let mut buffer = [0; 2_000];
    for turn in 0..10_u8 {
        let datagram = vec![turn; 100 * usize::from(turn)];
        wisp.data(1, &datagram).await;
        let (length, from) = soon(target.recv_from(&mut buffer)).await.expect("a datagram");
        assert_eq!(&buffer[..length], &datagram[..]);
        target.send_to(&buffer[..length], from).await.expect("is sent");
        assert_eq!(wisp.said().await, Said::Packet(DATA, 1, datagram));
    }
    let without = door_without_rule();
    door.handle.reload(without.policy);
    assert_eq!(wisp.said().await, closed(1, 0x48));
}

fn door_without_rule() -> pageport_gateway::Config {
    let token = door::token_section("caller", crate::connect::CALLER, "[\"connect\"]");
    door::config(&format!("[dialects]\nwisp = true\n{token}"))
}

/// A listener whose connections take little.
pub(crate) fn small_listener() -> tokio::net::TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(16 << 10).expect("a size");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    socket.listen(16).expect("listens")
}
