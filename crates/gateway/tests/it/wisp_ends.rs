//! How streams of Wisp end: what was sent before arrives, and what is cut short does not look complete.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;

use crate::client::soon;
use crate::connect::CALLER;
use crate::connect_tcp::{allow, server};
use crate::door::{self, token_section};
use crate::wisp_client::{CLOSE, DATA, Said, UDP, Wisp, accept, closed, fill, frame, open};
use crate::wisp_limits::small_listener;

fn slow(to: SocketAddr, protocol: &str, rate: &str) -> String {
    format!("[[allow]]\nto = \"{to}\"\nprotocol = \"{protocol}\"\nbytes_per_second = \"{rate}\"\n")
}

#[tokio::test]
async fn a_client_that_sends_more_than_it_may_has_its_target_reset_and_its_places_are_free() {
    let (listener, address) = server().await;
    let door = open(&format!("[limits]\nwisp_buffer = 4\n{}", slow(address, "tcp", "1KiB")));
    let mut wisp = Wisp::v1(&door).await;
    wisp.connect(1, address).await;
    let mut socket = accept(&listener).await;
    // The task is busy with this while the others come.
    wisp.data(1, &[1; 4_000]).await;
    soon(socket.read_exact(&mut [0; 1])).await.expect("a byte");
    for _ in 0..20 {
        wisp.data(1, b"more").await;
    }
    assert_eq!(wisp.said().await, closed(1, 0x49));
    let rest = soon(socket.read_to_end(&mut Vec::new())).await;
    assert!(rest.is_err(), "what was cut short does not look complete: {rest:?}");
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn what_was_sent_before_a_close_arrives_though_the_target_says_more_than_anybody_hears() {
    const SENT: usize = 400 << 10;
    let listener = small_listener();
    let address = listener.local_addr().expect("an address");
    let door = open(&allow(address));
    let mut wisp = Wisp::v1(&door).await;
    wisp.connect(1, address).await;
    let (mut heard, mut says) = accept(&listener).await.into_split();
    let talking = tokio::spawn(async move { while says.write_all(&[7; 20_000]).await.is_ok() {} });
    for _ in 0..100 {
        wisp.data(1, &[9; SENT / 100]).await;
    }
    wisp.send(CLOSE, 1, &[0x02]).await;
    let mut all = Vec::new();
    soon(heard.read_to_end(&mut all)).await.expect("an end in order");
    assert_eq!(all.len(), SENT);
    talking.abort();
    drop(heard);
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn what_was_sent_before_a_close_arrives_though_nothing_was_connected_yet() {
    let (listener, address) = server().await;
    let target = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let port = target.local_addr().expect("an address").port();
    let udp = format!("[[allow]]\nto = \"127.0.0.1:{port}\"\nprotocol = \"udp\"\n");
    let door = open(&[allow(address), udp].concat());
    let mut wisp = Wisp::v1(&door).await;
    let packets = |kind: u8, port: u16| {
        let connect = [&[1, 1, 0, 0, 0, kind][..], &port.to_le_bytes(), b"127.0.0.1"].concat();
        let data = [&[DATA, 1, 0, 0, 0][..], b"hello"].concat();
        [frame(0x82, &connect), frame(0x82, &data), frame(0x82, &[CLOSE, 1, 0, 0, 0, 0x02])].concat()
    };
    for _ in 0..5 {
        wisp.client.send(packets(1, address.port())).await;
        let mut heard = String::new();
        soon(accept(&listener).await.read_to_string(&mut heard)).await.expect("an end in order");
        assert_eq!(heard, "hello");
        wisp.client.send(packets(UDP, port)).await;
        let mut heard = [0; 100];
        let (length, _) = soon(target.recv_from(&mut heard)).await.expect("a datagram");
        assert_eq!(&heard[..length], b"hello");
    }
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn a_gateway_that_has_waited_long_enough_cuts_streams_short_and_says_so() {
    let (listener, address) = server().await;
    let target = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let port = target.local_addr().expect("an address").port();
    let udp = format!("[[allow]]\nto = \"127.0.0.1:{port}\"\nprotocol = \"udp\"\n");
    let door = open(&format!("[limits]\ndrain = \"300ms\"\n{}{udp}", allow(address)));
    let (mut wisp, mut other) = (Wisp::v1(&door).await, Wisp::v1(&door).await);
    wisp.connect(1, address).await;
    let mut socket = accept(&listener).await;
    wisp.data(1, b"half a thing").await;
    soon(socket.read_exact(&mut [0; 12])).await.expect("bytes");
    other.connect_to(2, UDP, "127.0.0.1", port).await;
    other.data(2, b"datagram").await;
    soon(target.recv(&mut [0; 100])).await.expect("a datagram");
    let closing = door.close();
    assert_eq!([wisp.said().await, wisp.said().await], [closed(1, 0x49), Said::End(1001)]);
    assert_eq!([other.said().await, other.said().await], [closed(2, 0x49), Said::End(1001)]);
    let rest = soon(socket.read(&mut [0; 1])).await;
    assert!(rest.is_err(), "what was cut short does not look complete: {rest:?}");
    drop((wisp, other));
    soon(closing).await.expect("has ended");
}

#[tokio::test]
async fn a_target_that_has_said_all_still_hears_what_was_sent_before() {
    const SENT: usize = 80 << 10;
    let (listener, address) = server().await;
    let door = open(&slow(address, "tcp", "128KiB"));
    let mut wisp = Wisp::v1(&door).await;
    wisp.connect(1, address).await;
    let mut socket = accept(&listener).await;
    wisp.data(1, &[5; SENT]).await;
    soon(socket.read_exact(&mut [0; 1])).await.expect("a byte");
    socket.shutdown().await.expect("ends its half");
    let mut rest = Vec::new();
    soon(socket.read_to_end(&mut rest)).await.expect("an end in order");
    assert_eq!(rest.len() + 1, SENT);
    assert_eq!(wisp.said().await, closed(1, 0x02));
}

#[tokio::test]
async fn datagrams_that_wait_for_their_time_are_not_waited_for_when_the_client_is_gone() {
    let target = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = target.local_addr().expect("an address");
    let door = open(&slow(address, "udp", "1KiB"));
    let mut wisp = Wisp::v1(&door).await;
    wisp.connect_to(1, UDP, "127.0.0.1", address.port()).await;
    for _ in 0..3 {
        wisp.data(1, &[3; 50_000]).await;
    }
    soon(target.recv(&mut [0; 60_000])).await.expect("a datagram");
    // The next may go in 49 s.
    drop(wisp);
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn a_client_that_is_gone_while_it_is_not_read_is_noticed_and_so_is_one_whose_targets_stand_still() {
    let deaf = small_listener();
    let address = deaf.local_addr().expect("an address");
    let limits = "[limits]\nwisp_idle = \"900ms\"\nwisp_upload = \"64KiB\"\nwisp_buffer = 4096\n";
    let door = open(&format!("{limits}{}", allow(address)));
    let packet = frame(0x82, &[&[DATA, 1, 0, 0, 0][..], &[9; 30_000]].concat());
    for leaves in ["with a reset", "in order", "not"] {
        let mut wisp = Wisp::v1(&door).await;
        wisp.connect(1, address).await;
        let socket = accept(&deaf).await;
        fill_until_gone(&mut wisp, &packet).await;
        if leaves == "with a reset" {
            socket2::SockRef::from(&wisp.client.socket).set_linger(Some(Duration::ZERO)).expect("a reset");
        }
        let still_there = (leaves == "not").then_some(wisp);
        door.until("pageport_connects 0").await;
        drop((still_there, socket));
    }
}

/// A gateway may end what is not read any more while this still tries.
async fn fill_until_gone(wisp: &mut Wisp, packet: &[u8]) {
    let mut written = 0;
    loop {
        let rest = &packet[written % packet.len()..];
        let writing = tokio::time::timeout(Duration::from_millis(300), wisp.client.socket.write(rest));
        match writing.await {
            Ok(Ok(more)) => written += more,
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

#[tokio::test]
async fn what_waited_for_a_target_that_is_forbidden_now_weighs_on_its_client_no_more() {
    let deaf = small_listener();
    let deaf_at = deaf.local_addr().expect("an address");
    let (other, other_at) = server().await;
    let limits = "[limits]\nwisp_upload = \"64KiB\"\nwisp_buffer = 4096\n";
    let door = open(&[limits, &allow(deaf_at), &allow(other_at)].concat());
    let mut wisp = Wisp::v1(&door).await;
    wisp.connect(1, deaf_at).await;
    let _socket = accept(&deaf).await;
    // What is left of one in the middle of its way is more than the limit.
    let packet = frame(0x82, &[&[DATA, 1, 0, 0, 0][..], &[9; 900_000]].concat());
    let written = fill(&mut wisp.client.socket, &packet).await;
    let token = token_section("caller", CALLER, "[\"connect\"]");
    let less = format!("[dialects]\nwisp = true\n{limits}{}{token}", allow(other_at));
    door.handle.reload(door::config(&less).policy);
    assert_eq!(wisp.said().await, closed(1, 0x48));
    wisp.client.send(&packet[written % packet.len()..]).await;
    // It is read again.
    wisp.connect(2, other_at).await;
    accept(&other).await.write_all(b"here").await.expect("is sent");
    assert_eq!(wisp.bytes(2, 4).await, b"here");
}
