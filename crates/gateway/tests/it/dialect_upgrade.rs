//! Raw bytes behind `Upgrade: tcp`: each direction to its own end, whatever moves them.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{Client, soon};
use crate::connect_tcp::{allow, server};
use crate::dialect::{bearer, knock_raw, lines, open, path, raw_pair};
use crate::door::{self, nobody};
use crate::secure::Authority;

/// Both ways of moving bytes: within the kernel, and where a rule slows them down (which at this rate it does not).
async fn both_ways() -> Vec<(door::Door, TcpListener)> {
    let mut doors = Vec::new();
    for limit in ["", "bytes_per_second = \"1GiB\"\n"] {
        let (listener, address) = server().await;
        doors.push((open(&format!("{}{limit}", allow(address))), listener));
    }
    doors
}

#[tokio::test]
async fn bytes_pass_both_ways_and_each_way_ends_on_its_own() {
    const LENGTH: usize = 5 << 20;
    for (door, listener) in both_ways().await {
        let (client, socket) = raw_pair(&door, &listener).await;
        let (mut from, mut to) = socket.into_split();
        tokio::spawn(async move {
            tokio::io::copy(&mut from, &mut to).await.expect("an end in order");
            to.write_all(b"and the end").await.expect("its half is open");
        });
        let sent: Vec<u8> = (0..=250).cycle().take(LENGTH).collect();
        let (mut read, mut write) = client.into_split();
        let mut heard = Vec::new();
        let say = async {
            write.write_all(&sent).await.expect("is sent");
            write.shutdown().await.expect("ends its half");
        };
        let ((), end) = tokio::join!(say, soon(read.read_to_end(&mut heard)));
        end.expect("an end in order");
        assert!(heard.starts_with(&sent) && heard.ends_with(b"and the end") && heard.len() == LENGTH + 11);
        drop((read, write));
        door.until("pageport_connects 0").await;
        door.until(&format!("pageport_connect_sent_bytes_total {LENGTH}")).await;
        door.until(&format!("pageport_connect_received_bytes_total {}", LENGTH + 11)).await;
        door.until("pageport_dialect_connects_total{dialect=\"upgrade\",outcome=\"connected\"} 1").await;
    }
}

#[tokio::test]
async fn what_comes_right_behind_the_request_is_not_lost() {
    for (door, listener) in both_ways().await {
        let mut client = Client::connect(door.address).await;
        let to = path(listener.local_addr().expect("an address"));
        let request = format!(
            "GET {to} HTTP/1.1\r\nHost: localhost\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n{}\r\nearly",
            bearer()
        );
        client.send(request).await;
        let mut socket = soon(listener.accept()).await.expect("a client").0;
        assert_eq!(client.head().await.status, 101);
        client.send("bird").await;
        let mut heard = [0; 9];
        soon(socket.read_exact(&mut heard)).await.expect("is heard");
        assert_eq!(&heard, b"earlybird");
    }
}

#[tokio::test]
async fn what_comes_right_behind_the_request_is_no_faster_than_the_rest() {
    const EARLY: usize = 6 << 10;
    let (listener, address) = server().await;
    let door = open(&format!("{}bytes_per_second = \"16KiB\"\n", allow(address)));
    let mut client = Client::connect(door.address).await;
    let mut request = format!(
        "GET {} HTTP/1.1\r\nHost: localhost\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n{}\r\n",
        path(address),
        bearer()
    );
    request.extend(std::iter::repeat_n('x', EARLY));
    let begun = Instant::now();
    client.send(request).await;
    let mut socket = soon(listener.accept()).await.expect("a client").0;
    soon(socket.read_exact(&mut [0; EARLY])).await.expect("everything comes");
    // All but the first piece has to wait.
    assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn who_finds_no_pipe_in_the_kernel_is_relayed_as_well() {
    let (listener, address) = server().await;
    for pipes in [0, 1] {
        let door = open(&format!("{}[limits]\nsplice_pipes = {pipes}\n", allow(address)));
        // What waits for a reader keeps the only one.
        let (mut client, _silent) = raw_pair(&door, &listener).await;
        let chunk = vec![1; 64 << 10];
        while let Ok(written) = tokio::time::timeout(Duration::from_millis(300), client.write(&chunk)).await {
            written.expect("is sent");
        }
        let (mut client, mut socket) = raw_pair(&door, &listener).await;
        client.write_all(b"there").await.expect("is sent");
        client.shutdown().await.expect("ends its half");
        let mut heard = String::new();
        soon(socket.read_to_string(&mut heard)).await.expect("an end in order");
        assert_eq!(heard, "there");
        socket.write_all(b"back").await.expect("is sent");
        drop(socket);
        heard.clear();
        soon(client.read_to_string(&mut heard)).await.expect("an end in order");
        assert_eq!(heard, "back");
    }
}

#[tokio::test]
async fn an_end_that_breaks_off_breaks_the_other() {
    for (door, listener) in both_ways().await {
        let (client, mut socket) = raw_pair(&door, &listener).await;
        tear(client);
        assert!(is_reset(&mut socket).await);
        let (mut client, socket) = raw_pair(&door, &listener).await;
        tear(socket);
        assert!(is_reset(&mut client).await);
        // Also when its half has ended before.
        let (mut client, mut socket) = raw_pair(&door, &listener).await;
        client.shutdown().await.expect("ends its half");
        assert_eq!(soon(socket.read(&mut [0])).await.expect("an end in order"), 0);
        tear(client);
        soon(pageport_link::relay::broken(&socket)).await;
        door.until("pageport_connects 0").await;
    }
}

fn tear(socket: TcpStream) {
    socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("an option");
    drop(socket);
}

async fn is_reset(socket: &mut TcpStream) -> bool {
    let end = soon(socket.read(&mut [0])).await;
    end.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn urgent_data_is_part_of_what_passes_and_holds_nothing_back() {
    for (door, listener) in both_ways().await {
        for _ in 0..20 {
            let (mut client, mut socket) = raw_pair(&door, &listener).await;
            for end in [&client, &socket] {
                socket2::SockRef::from(end).set_out_of_band_inline(true).expect("an option");
            }
            say_urgently(&mut client).await;
            assert_eq!(urgent_heard(&mut socket).await, "abc!and more");
            say_urgently(&mut socket).await;
            assert_eq!(urgent_heard(&mut client).await, "abc!and more");
        }
    }
}

/// What Telnet and FTP interrupt a server with (RFC 9293 §3.8.5), between other bytes.
pub(crate) async fn say_urgently(socket: &mut TcpStream) {
    socket.write_all(b"abc").await.expect("is sent");
    socket2::SockRef::from(&*socket).send_out_of_band(b"!").expect("is sent");
    socket.write_all(b"and more").await.expect("is sent");
}

async fn urgent_heard(socket: &mut TcpStream) -> String {
    let mut heard = [0; 12];
    soon(socket.read_exact(&mut heard)).await.expect("is heard");
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn a_reader_that_stops_holds_the_other_end_back() {
    const MOST: usize = 24 << 20;
    for (door, listener) in both_ways().await {
        let (mut client, mut socket) = raw_pair(&door, &listener).await;
        let chunk = vec![1; 64 << 10];
        for end in [&mut client, &mut socket] {
            let mut sent = 0;
            while let Ok(written) = tokio::time::timeout(Duration::from_millis(300), end.write(&chunk)).await
            {
                sent += written.expect("is sent");
                assert!(sent < MOST, "nobody holds it back");
            }
        }
    }
}

#[tokio::test]
async fn a_reload_and_a_rule_s_limits_cut_it() {
    for (door, listener) in both_ways().await {
        let (mut client, mut socket) = raw_pair(&door, &listener).await;
        let begun = Instant::now();
        door.handle.reload(door::config(&lines("")).policy);
        assert!(is_reset(&mut client).await && is_reset(&mut socket).await);
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
    let (listener, address) = server().await;
    let door = open(&format!("{}bytes_per_second = \"64KiB\"\nidle = \"300ms\"\n", allow(address)));
    let (mut client, mut socket) = raw_pair(&door, &listener).await;
    let begun = Instant::now();
    client.write_all(&[1; 64 << 10]).await.expect("is sent");
    soon(socket.read_exact(&mut vec![0; 64 << 10])).await.expect("everything comes");
    assert!(begun.elapsed() >= Duration::from_millis(700), "{:?}", begun.elapsed());
    assert!(is_reset(&mut client).await && is_reset(&mut socket).await, "nothing moved for too long");
}

#[tokio::test]
async fn why_there_is_no_connection_is_told_and_the_request_has_to_be_one() {
    let (_kept, closed) = nobody();
    let (_listener, address) = server().await;
    let door = open(&(allow(closed) + &allow(address)));
    knock_raw(&door, &path(closed), &bearer()).await.1.refuses(502, "ERR_TARGET_CONNECTION_REFUSED");
    knock_raw(&door, "/tcp/10.0.0.1/1", &bearer()).await.1.refuses(403, "ERR_TARGET_FORBIDDEN");
    knock_raw(&door, "/tcp/a%2fb/1", &bearer()).await.1.refuses(400, "ERR_TARGET_INVALID");
    let body = format!("{}Content-Length: 1\r\n", bearer());
    knock_raw(&door, &path(address), &body).await.1.refuses(400, "ERR_HANDSHAKE_INVALID");
    let to = path(address);
    let without = format!("GET {to} HTTP/1.1\r\nHost: localhost\r\nUpgrade: tcp\r\n{}\r\n", bearer());
    door.ask(&without).await.refuses(400, "ERR_HANDSHAKE_INVALID");
}

#[tokio::test]
async fn it_is_spoken_within_tls_as_well() {
    let (listener, address) = server().await;
    let authority = Authority::new();
    let door = open(&format!("{}{}", allow(address), authority.sign("cert", &["localhost"])));
    let mut client = authority.connect(door.address, &["http/1.1"]).await;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: localhost\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n{}\r\n",
        path(address),
        bearer()
    );
    client.write_all(request.as_bytes()).await.expect("is sent");
    let mut socket = soon(listener.accept()).await.expect("a client").0;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(client.read_u8()).await.expect("an answer"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    client.write_all(b"ping").await.expect("is sent");
    client.shutdown().await.expect("ends its half");
    let mut heard = String::new();
    soon(socket.read_to_string(&mut heard)).await.expect("an end in order");
    assert_eq!(heard, "ping");
    socket.write_all(b"pong").await.expect("is sent");
    drop(socket);
    heard.clear();
    soon(client.read_to_string(&mut heard)).await.expect("an end in order");
    assert_eq!(heard, "pong");
}
