//! One TCP connection over one stream of an HTTP/2 connection (RFC 8441).

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::soon;
use crate::connect::CALLER;
use crate::connect_tcp::{allow, server};
use crate::dialect::{BINARY, CLOSE, frame, open, path};
use crate::http2::{ask, connect, knock, read, refuses, tunnel};

#[tokio::test]
async fn bytes_pass_both_ways_and_ends_are_told() {
    const LENGTH: usize = 1 << 20;
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let uri = format!("http://localhost{}", path(address));
    let credential = format!("Bearer {CALLER}");
    let fields = [("authorization", credential.as_str()), ("sec-websocket-protocol", "binary")];
    let mut requests = connect(&door).await;
    let ((response, mut write), accepted) =
        tokio::join!(tunnel(&mut requests, knock(&uri, &fields)), soon(listener.accept()));
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["sec-websocket-protocol"], "binary");
    let mut socket = accepted.expect("a client").0;
    write.send_data(frame(BINARY, b"there").into(), false).expect("is queued");
    let mut heard = [0; 5];
    soon(socket.read_exact(&mut heard)).await.expect("is heard");
    assert_eq!(&heard, b"there");

    let sending = tokio::spawn(async move {
        socket.write_all(&vec![7; LENGTH]).await.expect("is sent");
        socket.shutdown().await.expect("ends its half");
        socket
    });
    let (mut body, mut bytes) = (response.into_body(), Vec::new());
    let end = frame_of_end();
    while !bytes.ends_with(&end) {
        bytes.extend(read(&mut body).await.expect("goes on").expect("bytes"));
    }
    let mut rest = &bytes[..bytes.len() - end.len()];
    let mut received = 0;
    while let [first, length, more @ ..] = rest {
        assert_eq!(*first, BINARY);
        let (length, more) = match (length, more) {
            (126, [high, low, more @ ..]) => (usize::from(*high) << 8 | usize::from(*low), more),
            (short, more) => (usize::from(*short), more),
        };
        assert!(more[..length].iter().all(|byte| *byte == 7));
        received += length;
        rest = &more[length..];
    }
    assert_eq!(received, LENGTH);
    write.send_data(frame(CLOSE, &1000_u16.to_be_bytes()).into(), true).expect("is queued");
    let mut socket = soon(sending).await.expect("is sent");
    assert_eq!(soon(socket.read(&mut [0])).await.expect("an end in order"), 0);
    while let Some(more) = read(&mut body).await {
        assert_eq!(more.expect("an end in order"), "", "nothing behind it");
    }
    door.until("pageport_connects 0").await;
}

/// Close, and all was said.
fn frame_of_end() -> [u8; 4] {
    [CLOSE, 2, 3, 232]
}

#[tokio::test]
async fn refusals_are_answers_and_raw_bytes_are_not_spoken() {
    let (_listener, address) = server().await;
    let door = open(&allow(address));
    let mut requests = connect(&door).await;
    let uri = format!("http://localhost{}", path(address));
    refuses(&ask(&mut requests, knock(&uri, &[])).await, 401, "ERR_CREDENTIAL_REQUIRED");
    let foreign = knock(&uri, &[("origin", "https://evil.example")]);
    refuses(&ask(&mut requests, foreign).await, 403, "ERR_ORIGIN_FORBIDDEN");
    let credential = format!("Bearer {CALLER}");
    let elsewhere = knock("http://localhost/tcp/10.0.0.1/1", &[("authorization", &credential)]);
    refuses(&ask(&mut requests, elsewhere).await, 403, "ERR_TARGET_FORBIDDEN");
    let mut raw = knock(&uri, &[("authorization", &credential)]);
    raw.extensions_mut().insert(h2::ext::Protocol::from_static("tcp"));
    refuses(&ask(&mut requests, raw).await, 405, "ERR_METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn a_stream_that_is_reset_is_no_end_in_order() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let uri = format!("http://localhost{}", path(address));
    let credential = format!("Bearer {CALLER}");
    let mut requests = connect(&door).await;
    let fields = [("authorization", credential.as_str())];
    let ((response, mut write), accepted) =
        tokio::join!(tunnel(&mut requests, knock(&uri, &fields)), soon(listener.accept()));
    assert_eq!(response.status(), 200);
    let mut socket = accepted.expect("a client").0;
    write.send_reset(h2::Reason::CANCEL);
    let end = soon(socket.read(&mut [0])).await.expect_err("no end in order");
    assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_client_that_leaves_does_not_wait_for_a_target_that_does_not_read() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let uri = format!("http://localhost{}", path(address));
    let credential = format!("Bearer {CALLER}");
    let fields = [("authorization", credential.as_str())];
    for leaves in ["stream", "connection"] {
        let tcp = soon(TcpStream::connect(door.address)).await.expect("connects");
        let (requests, connection) = soon(h2::client::handshake(tcp)).await.expect("HTTP/2");
        let connection = tokio::spawn(connection);
        let mut requests = soon(requests.ready()).await.expect("may send");
        let ((response, mut write), accepted) =
            tokio::join!(tunnel(&mut requests, knock(&uri, &fields)), soon(listener.accept()));
        assert_eq!(response.status(), 200);
        let mut socket = accepted.expect("a client").0;
        fill(&mut write).await;
        match leaves {
            "stream" => write.send_reset(h2::Reason::CANCEL),
            _ => connection.abort(),
        }
        door.until("pageport_connects 0").await;
        let end = soon(socket.read_to_end(&mut Vec::new())).await.expect_err("no end in order");
        assert_eq!(end.kind(), io::ErrorKind::ConnectionReset, "{leaves}");
    }
}

/// Sends of one message as much as anybody takes.
async fn fill(write: &mut SendStream<Bytes>) {
    const MOST: usize = 24 << 20;
    let head = [&[BINARY, 0xff][..], &(MOST as u64).to_be_bytes(), &[0; 4]].concat();
    write.send_data(head.into(), false).expect("is queued");
    let mut sent = 0;
    loop {
        write.reserve_capacity(64 << 10);
        let room = tokio::time::timeout(Duration::from_millis(500), poll_fn(|cx| write.poll_capacity(cx)));
        let Ok(room) = room.await else { return };
        let room = room.expect("is open").expect("goes on");
        write.send_data(vec![0; room].into(), false).expect("is queued");
        sent += room;
        assert!(sent < MOST, "nobody holds it back");
    }
}
