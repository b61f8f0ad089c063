//! Who may use a dialect (S6): decided before anything is looked up or connected to, and alike on every path.

use tokio::net::TcpListener;

use crate::client::Answer;
use crate::connect::CALLER;
use crate::connect_tcp::{allow, server};
use crate::dialect::{APP, bearer, knock, knock_raw, lines, open, path};
use crate::door::{self, TOKEN};

/// The paths, with a target where they need one.
fn paths(listener: &TcpListener) -> [String; 3] {
    let to = path(listener.local_addr().expect("an address"));
    [to, "/websockify?token=desk".to_owned(), "/wisp/".to_owned()]
}

#[tokio::test]
async fn foreign_origins_and_none_without_a_credential_are_refused_before_anything_is_done() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    for path in paths(&listener) {
        for origin in [
            "null",
            "https://evil.example",
            "http://app.example",
            "https://app.example.evil.example",
            "https://evilapp.example",
            "https://APP.example",
            "https://app.example:444",
            "https://x.localhost",
            "http://localhost",
            "http://x.localhost:7070",
        ] {
            let (_, answer) = knock(&door, &path, &format!("Origin: {origin}\r\n")).await;
            answer.refuses(403, "ERR_ORIGIN_FORBIDDEN");
            // A credential makes a foreign page no better.
            let (_, answer) = knock(&door, &path, &format!("Origin: {origin}\r\n{}", bearer())).await;
            answer.refuses(403, "ERR_ORIGIN_FORBIDDEN");
        }
        knock(&door, &path, "").await.1.refuses(401, "ERR_CREDENTIAL_REQUIRED");
        let (_, answer) = knock(&door, &path, "Authorization: Bearer wrong\r\n").await;
        answer.refuses(401, "ERR_CREDENTIAL_INVALID");
        let (_, answer) = knock(&door, &path, &format!("Authorization: Bearer {TOKEN}\r\n")).await;
        answer.refuses(403, "ERR_TARGET_FORBIDDEN");
        let in_url = format!("{path}{}access_token={CALLER}", if path.contains('?') { '&' } else { '?' });
        knock(&door, &in_url, "").await.1.refuses(401, "ERR_CREDENTIAL_REQUIRED");
    }
    nobody_came(&listener).await;
    for fields in [bearer(), format!("Origin: {APP}\r\n"), format!("Origin: {APP}\r\n{}", bearer())] {
        assert_eq!(knock(&door, &path(address), &fields).await.1.status, 101, "control: {fields}");
    }
}

#[tokio::test]
async fn raw_bytes_are_for_programs_with_a_credential_only() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    for origin in [APP, "null", "https://evil.example"] {
        for fields in [String::new(), bearer()] {
            let (_, answer) =
                knock_raw(&door, &path(address), &format!("Origin: {origin}\r\n{fields}")).await;
            answer.refuses(403, "ERR_ORIGIN_FORBIDDEN");
        }
    }
    knock_raw(&door, &path(address), "").await.1.refuses(401, "ERR_CREDENTIAL_REQUIRED");
    nobody_came(&listener).await;
}

#[tokio::test]
async fn what_is_switched_off_is_an_unknown_path() {
    let (listener, address) = server().await;
    let door = door::open(&format!("{}[link]\norigins = [\"{APP}\"]\n", allow(address)));
    let unknown = |answer: Answer| answer.refuses(404, "ERR_NOT_FOUND");
    for path in paths(&listener) {
        unknown(knock(&door, &path, &format!("Origin: {APP}\r\n")).await.1);
        unknown(knock_raw(&door, &path, &bearer()).await.1);
        unknown(door.get(&path).await);
    }
    nobody_came(&listener).await;
}

#[tokio::test]
async fn each_dialect_has_a_switch_of_its_own_and_the_gateway_says_which_are_on() {
    let (_listener, address) = server().await;
    let all = lines(&allow(address));
    for (off, left) in [
        ("tcp = true", vec!["websockify", "upgrade", "wisp"]),
        ("websockify = true", vec!["tcp", "upgrade", "wisp"]),
        ("upgrade = true", vec!["tcp", "websockify", "wisp"]),
        ("wisp = true", vec!["tcp", "websockify", "upgrade"]),
    ] {
        let door = door::open(&all.replace(&format!("\n{off}"), ""));
        let known = door.get("/.well-known/pageport").await;
        let known: serde_json::Value = serde_json::from_str(&known.body).expect("JSON");
        assert_eq!(known["dialects"], serde_json::json!(left));
        let websocket = knock(&door, &path(address), &bearer()).await.1.status;
        assert_eq!(websocket == 101, left.contains(&"tcp"), "{off}: {websocket}");
        let raw = knock_raw(&door, &path(address), &bearer()).await.1.status;
        assert_eq!(raw == 101, left.contains(&"upgrade"), "{off}: {raw}");
        let status = door.get("/websockify").await.status;
        assert_eq!(status == 404, !left.contains(&"websockify"), "{off}: {status}");
    }
}

#[tokio::test]
async fn in_dev_pages_of_this_machine_may_use_all_and_reach_nothing_by_it() {
    let (listener, _) = server().await;
    let door = door::open_dev();
    let known = door.get("/.well-known/pageport").await;
    assert!(known.body.contains("\"wisp\""), "{}", known.body);
    let path = &paths(&listener)[0];
    let (_, answer) = knock(&door, path, "Origin: http://localhost:7070\r\n").await;
    answer.refuses(403, "ERR_TARGET_FORBIDDEN");
    let (_, answer) = knock(&door, path, "Origin: http://x.localhost:7070\r\n").await;
    answer.refuses(403, "ERR_ORIGIN_FORBIDDEN");
    nobody_came(&listener).await;
}

#[tokio::test]
async fn other_hosts_and_methods_and_plain_requests_get_nothing() {
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let to = path(address);
    let request = format!("POST {to} HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: 0\r\n\r\n", bearer());
    let answer = door.ask(&request).await;
    answer.refuses(405, "ERR_METHOD_NOT_ALLOWED");
    assert_eq!(answer.header("allow"), Some("GET"));
    let answer = door.ask(&format!("GET {to} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", bearer())).await;
    answer.refuses(426, "ERR_UPGRADE_REQUIRED");
    assert_eq!(answer.header("upgrade"), Some("websocket, tcp"));
    let foreign = door.called("evil.example");
    knock(&foreign, &to, &bearer()).await.1.refuses(421, "ERR_HOST_UNKNOWN");
    let listener_host = foreign.called("somebody.localhost");
    knock(&listener_host, &to, &bearer()).await.1.refuses(404, "ERR_LISTENER_UNKNOWN");
    nobody_came(&listener).await;
}

/// Nothing waits in the listener's queue.
async fn nobody_came(listener: &TcpListener) {
    let none = std::future::poll_fn(|cx| std::task::Poll::Ready(listener.poll_accept(cx).is_pending())).await;
    assert!(none, "somebody was connected");
}
