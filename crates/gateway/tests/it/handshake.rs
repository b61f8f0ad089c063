//! The server's half of RFC 6455 §4.2.1, one deviation at a time.

use crate::client::Client;
use crate::door;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The answer to that key in RFC 6455 §1.3.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A good handshake for `/link`, as lines that a test changes.
fn lines() -> Vec<String> {
    [
        "GET /link HTTP/1.1",
        "Host: localhost",
        "Origin: https://app.example",
        "Upgrade: websocket",
        "Connection: Upgrade",
        &format!("Sec-WebSocket-Key: {KEY}"),
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: pageport.v1",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn with(at: usize, line: &str) -> String {
    let mut lines = lines();
    lines[at] = line.to_owned();
    lines.retain(|line| !line.is_empty());
    lines.join("\r\n") + "\r\n\r\n"
}

/// So many subprotocols, one of which is ours.
fn offers(count: usize) -> String {
    let others: Vec<_> = (1..count).map(|nth| format!("v{nth}")).collect();
    format!("Sec-WebSocket-Protocol: pageport.v1, {}", others.join(", "))
}

fn door() -> door::Door {
    door::open("[limits]\nlinger = \"100ms\"\n[link]\norigins = [\"https://app.example\"]")
}

#[tokio::test]
async fn good_handshakes_are_completed_however_they_are_written() {
    let door = door();
    for (at, line) in [
        (3, "Upgrade: websocket"),
        (3, "UPGRADE: WebSocket"),
        (3, "Upgrade: h2c, websocket"),
        (4, "Connection: keep-alive, Upgrade"),
        (4, "connection: UPGRADE"),
        (4, "Connection: keep-alive\r\nConnection: upgrade"),
        (7, "Sec-WebSocket-Protocol: other, pageport.v1"),
        (7, "Sec-WebSocket-Protocol: other\r\nSec-WebSocket-Protocol: pageport.v1"),
        (7, &offers(32)),
        (7, "Sec-WebSocket-Protocol: pageport.v1\r\nSec-WebSocket-Extensions: permessage-deflate"),
    ] {
        let answer = door.ask(&with(at, line)).await;
        assert_eq!(answer.status, 101, "{line}\n{}", answer.head);
        assert_eq!(answer.header("sec-websocket-accept"), Some(ACCEPT));
        assert_eq!(answer.header("sec-websocket-protocol"), Some("pageport.v1"));
        assert_eq!(answer.header("sec-websocket-extensions"), None);
    }
}

#[tokio::test]
async fn every_deviation_is_refused_with_its_code() {
    let door = door();
    let invalid = (400, "ERR_HANDSHAKE_INVALID");
    let upgrade = (426, "ERR_UPGRADE_REQUIRED");
    for (at, line, (status, code)) in [
        (0, "POST /link HTTP/1.1", (405, "ERR_METHOD_NOT_ALLOWED")),
        (0, "GET /link HTTP/1.0", invalid),
        (3, "", upgrade),
        (3, "Upgrade: h2c", upgrade),
        (3, "Upgrade: websockets", upgrade),
        (4, "", invalid),
        (4, "Connection: keep-alive", invalid),
        (5, "", invalid),
        (5, "Sec-WebSocket-Key: ", invalid),
        (5, "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==", invalid),
        (5, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSE=", invalid),
        (5, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ", invalid),
        (
            5,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            invalid,
        ),
        (6, "", invalid),
        (6, "Sec-WebSocket-Version: 8", upgrade),
        (6, "Sec-WebSocket-Version: 13, 8", upgrade),
        (6, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13", invalid),
        (7, "", invalid),
        (7, "Sec-WebSocket-Protocol: pageport.v2", invalid),
        (7, "Sec-WebSocket-Protocol: PAGEPORT.V1", invalid),
        (7, "Sec-WebSocket-Protocol: pageport.v1, pageport.v1", invalid),
        (7, "Sec-WebSocket-Protocol: pageport.v1, not a token", invalid),
        (7, &offers(33), invalid),
        (7, "Sec-WebSocket-Protocol: pageport.v1\r\nContent-Length: 2", invalid),
        (7, "Sec-WebSocket-Protocol: pageport.v1\r\nTransfer-Encoding: chunked", invalid),
    ] {
        let mut client = Client::connect(door.address).await;
        let answer = client.ask(&with(at, line)).await;
        answer.refuses(status, code);
        assert!(client.ends().await, "nothing behind a refused handshake is a request: {line}");
    }
}

#[tokio::test]
async fn the_answer_says_what_would_be_taken() {
    let door = door();
    let version = door.ask(&with(6, "Sec-WebSocket-Version: 8")).await;
    assert_eq!(version.header("sec-websocket-version"), Some("13"), "RFC 6455 §4.4");
    let plain = door.get("/link").await;
    plain.refuses(426, "ERR_UPGRADE_REQUIRED");
    assert_eq!(plain.header("upgrade"), Some("websocket, pageport.v1"), "RFC 9110 §15.5.22");
    let post = door.ask("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    post.refuses(405, "ERR_METHOD_NOT_ALLOWED");
    assert_eq!(post.header("allow"), Some("GET, HEAD"));
}
