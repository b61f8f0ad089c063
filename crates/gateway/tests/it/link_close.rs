//! Leaving without a carrier (§7.4 of the protocol).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pageport_proto::Code;
use pageport_proto::frame::Frame;
use pageport_proto::hello::{Secret, SessionId};

use crate::client::Client;
use crate::door::{self, Door};
use crate::page::{RawCarrier, hello, hello_again};

const ORIGIN: &str = "Origin: https://a.example\r\n";

#[tokio::test]
async fn a_page_ends_its_session_with_the_secret_and_from_its_origin_only() {
    let door = door();
    let mut carrier = RawCarrier::websocket(&door, ORIGIN).await;
    let welcome = carrier.welcome(&hello()).await;
    let (session, secret) = (welcome.session, welcome.secret.expect("a secret"));
    let (id, proof) = (text(session.as_bytes()), text(secret.as_bytes()));
    let wrong = text(&[7; 32]);
    for (fields, body) in [
        (ORIGIN, body(&id, &wrong)),
        (ORIGIN, body(&text(&[7; 16]), &proof)),
        ("Origin: https://b.example\r\n", body(&id, &proof)),
        ("Authorization: Bearer a-token-for-tests\r\n", body(&id, &proof)),
        (ORIGIN, body(&id, "")),
        (ORIGIN, format!("{{\"session\":\"{id}\",\"session\":\"{id}\",\"secret\":\"{proof}\"}}")),
        (ORIGIN, "not JSON".to_owned()),
        (ORIGIN, String::new()),
    ] {
        let answer = post(&door, fields, &body).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{fields}{body}: {}", answer.head);
    }
    assert!(still_there(&door, &session, &secret, 2).await);

    assert_eq!(post(&door, ORIGIN, &body(&id, &proof)).await.status, 204);
    door.until("pageport_sessions_ended_total{code=\"NO_ERROR\"} 1").await;
    assert!(!still_there(&door, &session, &secret, 3).await);
    assert_eq!(post(&door, ORIGIN, &body(&id, &proof)).await.status, 204, "and nobody can tell");
}

#[tokio::test]
async fn who_may_not_attach_may_not_close_either() {
    let door = door();
    let body = body(&text(&[1; 16]), &text(&[2; 32]));
    post(&door, "Origin: https://evil.example\r\n", &body).await.refuses(403, "ERR_ORIGIN_FORBIDDEN");
    post(&door, "Origin: null\r\n", &body).await.refuses(403, "ERR_ORIGIN_FORBIDDEN");
    post(&door, "Origin: https://sibling.localhost\r\n", &body).await.refuses(403, "ERR_ORIGIN_FORBIDDEN");
    post(&door, "Authorization: Bearer wrong\r\n", &body).await.refuses(401, "ERR_CREDENTIAL_INVALID");
    // Who has no origin needs nothing but the secret.
    assert_eq!(post(&door, "", &body).await.status, 204);
    for method in ["GET", "PUT", "OPTIONS"] {
        let head = format!("{method} /link/close HTTP/1.1\r\nHost: localhost\r\n{ORIGIN}\r\n");
        let answer = door.ask(&head).await;
        answer.refuses(405, "ERR_METHOD_NOT_ALLOWED");
        assert_eq!(answer.header("allow"), Some("POST"));
    }
}

#[tokio::test]
async fn a_body_may_be_512_bytes_long() {
    let door = door();
    assert_eq!(post(&door, ORIGIN, &" ".repeat(512)).await.status, 204);
    post(&door, ORIGIN, &" ".repeat(513)).await.refuses(413, "ERR_BODY_TOO_LARGE");
    for (length, status) in [(512, 204), (513, 413)] {
        let chunked = format!(
            "POST /link/close HTTP/1.1\r\nHost: localhost\r\n{ORIGIN}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{}\r\n0\r\n\r\n",
            " ".repeat(length)
        );
        assert_eq!(door.ask(&chunked).await.status, status);
    }
}

#[tokio::test]
async fn what_is_left_of_a_body_that_is_too_long_is_read() {
    let door = door();
    let mut client = Client::connect(door.address).await;
    let chunk = format!("400\r\n{}\r\n", " ".repeat(1024));
    client.send(format!("POST /link/close HTTP/1.1\r\nHost: localhost\r\n{ORIGIN}Transfer-Encoding: chunked\r\n\r\n{chunk}")).await;
    client.answer().await.refuses(413, "ERR_BODY_TOO_LARGE");
    // More than the kernels hold for it: it could not all be sent if nobody took it.
    client.send(chunk.repeat(16_384)).await;
    client.send("0\r\n\r\n").await;
    assert!(client.ends_cleanly().await);
}

#[tokio::test]
async fn a_body_that_never_comes_costs_its_request() {
    let door = door::open(
        "[link]\norigins = [\"https://a.example\"]\n[limits]\nbody_timeout = \"300ms\"\nlinger = \"1s\"",
    );
    let head = format!("POST /link/close HTTP/1.1\r\nHost: localhost\r\n{ORIGIN}Content-Length: 9\r\n\r\n");
    let mut client = Client::connect(door.address).await;
    client.ask(&head).await.refuses(408, "ERR_BODY_TIMEOUT");
    assert!(client.ends().await);
}

fn door() -> Door {
    door::open("[link]\norigins = [\"https://a.example\", \"https://b.example\"]")
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn body(session: &str, secret: &str) -> String {
    format!("{{\"session\":\"{session}\",\"secret\":\"{secret}\"}}")
}

async fn post(door: &Door, fields: &str, body: &str) -> crate::client::Answer {
    let length = body.len();
    let head =
        format!("POST /link/close HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{fields}\r\n");
    door.ask(&(head + body)).await
}

/// Whether a carrier can still be attached to the session.
async fn still_there(door: &Door, session: &SessionId, secret: &Secret, n: u64) -> bool {
    let mut carrier = RawCarrier::websocket(door, ORIGIN).await;
    match carrier.hello(&hello_again(session, secret, n)).await {
        Frame::Welcome(_) => true,
        Frame::Close(farewell) => {
            assert_eq!(farewell.code, Code::ERR_SESSION_LOST);
            false
        }
        other => panic!("{other:?}"),
    }
}
