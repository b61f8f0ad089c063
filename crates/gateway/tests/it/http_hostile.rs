//! Pages that answer with what must not reach a visitor (S8), or not in that form.

use pageport_proto::Code;

use crate::client::{Client, soon};
use crate::door;
use crate::page::{self, respond};

/// What would outlast the response, or reach beyond the host, or belongs to the connection.
const REMOVED: &[(&str, &str)] = &[
    ("alt-svc", "h3=\":443\"; ma=86400"),
    ("clear-site-data", "\"*\""),
    ("connection", "x-named, close"),
    ("keep-alive", "timeout=99"),
    ("nel", "{\"report_to\":\"x\",\"max_age\":31536000,\"include_subdomains\":true}"),
    ("pageport-error", "ERR_LISTENER_UNKNOWN"),
    ("proxy-authenticate", "Basic"),
    ("proxy-connection", "close"),
    ("public-key-pins", "max-age=1"),
    ("report-to", "{}"),
    ("reporting-endpoints", "x=\"https://x.example/\""),
    ("service-worker-allowed", "/"),
    ("strict-transport-security", "max-age=63072000; includeSubDomains; preload"),
    ("te", "trailers"),
    ("trailer", "x-later"),
    ("transfer-encoding", "chunked"),
    ("upgrade", "h2c"),
    ("x-named", "as a field of the connection"),
];

#[tokio::test]
async fn fields_that_would_bind_the_browser_do_not_pass() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let kept =
        [("x-kept", "caf\u{e9}"), ("x-robots-tag", "all"), ("server", "a page"), ("content-length", "2")];
    let mut client = Client::connect(door.address).await;
    for _ in 0..2 {
        client.send(page.ask(&door, "GET /", "")).await;
        page.answer(200, &[REMOVED, &kept].concat(), "ok").await;
        let answer = client.head_in_bytes().await;
        let head = String::from_utf8_lossy(&answer);
        for (name, _) in REMOVED {
            assert!(!head.to_lowercase().contains(&format!("\n{name}:")), "{name} in {head}");
        }
        assert!(
            answer.windows(14).any(|part| part == b"x-kept: caf\xe9\r\n"),
            "one byte a character: {head}"
        );
        assert!(head.contains("\nx-robots-tag: all") && !head.contains("noindex"), "{head}");
        assert!(head.contains("\nserver: a page"), "{head}");
        // The connection serves the next request, whatever the page says of it.
        assert_eq!(client.bytes(2).await, b"ok");
    }
}

#[tokio::test]
async fn a_cookie_stays_with_its_listener() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let cookies = [
        ("set-cookie", "own=1; Path=/; HttpOnly"),
        ("set-cookie", "tossed=1; Domain=localhost"),
        ("set-cookie", "__Host-own=1; Secure; Path=/"),
        ("set-cookie", "tossed=2; path=/;dOmAiN = .localhost"),
        ("set-cookie", "tossed=3;\tDomain\t=localhost; Secure"),
        ("content-length", "0"),
    ];
    let mut client = Client::connect(door.address).await;
    client.send(page.ask(&door, "GET /", "")).await;
    page.answer(200, &cookies, "").await;
    let head = client.answer().await.head;
    assert_eq!(head.matches("set-cookie: ").count(), 2, "{head}");
    assert!(head.contains("own=1; Path=/; HttpOnly") && !head.contains("tossed"), "{head}");
}

#[tokio::test]
async fn an_answer_that_is_none_is_a_bad_gateway() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let many: Vec<_> = (0..200).map(|n| serde_json::json!([format!("x-{n}"), "v"])).collect();
    let large = serde_json::json!([["x-large", "x".repeat(15_000)], ["x-larger", "y".repeat(15_000)]]);
    for reply in [
        r#"{"ok":true,"status":200,"headers":[["x","a\r\nset-cookie: tossed=1"]]}"#.to_owned(),
        r#"{"ok":true,"status":200,"headers":[["x\r\nset-cookie","tossed=1"]]}"#.to_owned(),
        r#"{"ok":true,"status":200,"headers":[["x","a\nb"]]}"#.to_owned(),
        r#"{"ok":true,"status":200,"headers":[["x","a\u0000b"]]}"#.to_owned(),
        r#"{"ok":true,"status":200,"headers":[["x","\u0100"]]}"#.to_owned(),
        r#"{"ok":true,"status":200,"headers":[["X","upper"]]}"#.to_owned(),
        r#"{"ok":true,"status":200,"headers":[[":status","101"]]}"#.to_owned(),
        r#"{"ok":true,"status":200,"headers":[["","empty"]]}"#.to_owned(),
        r#"{"ok":true,"status":200,"headers":{"x":"y"}}"#.to_owned(),
        serde_json::json!({ "ok": true, "status": 200, "headers": many }).to_string(),
        r#"{"ok":true,"status":101}"#.to_owned(),
        r#"{"ok":true,"status":100}"#.to_owned(),
        r#"{"ok":true,"status":199}"#.to_owned(),
        r#"{"ok":true,"status":600}"#.to_owned(),
        r#"{"ok":true,"status":0}"#.to_owned(),
        r#"{"ok":true,"status":-1}"#.to_owned(),
        r#"{"ok":true,"status":65537}"#.to_owned(),
        r#"{"ok":true,"status":200.5}"#.to_owned(),
        r#"{"ok":true}"#.to_owned(),
        r#"{"ok":false,"status":200}"#.to_owned(),
        r#"{"error":"not a code","status":403}"#.to_owned(),
        r#"{"error":"ERR_REJECTED","status":302}"#.to_owned(),
    ] {
        let reply: serde_json::Value = serde_json::from_str(&reply).expect("JSON");
        let mut client = Client::connect(door.address).await;
        client.send(page.ask(&door, "GET /", "")).await;
        let (mut stream, _) = page.request().await;
        stream.respond(&reply).expect("is sent");
        let _ = soon(stream.write_chunk("HTTP/1.1 200 OK\r\n\r\n".into())).await;
        let answer = client.answer().await;
        answer.refuses(502, "ERR_BAD_REPLY");
        assert!(!answer.head.contains("tossed") && !answer.head.contains("HTTP/1.1 200"), "{}", answer.head);
    }
    // What is longer than a reply may be does not even leave a page that follows the protocol.
    let mut client = Client::connect(door.address).await;
    client.send(page.ask(&door, "GET /", "")).await;
    let (mut stream, _) = page.request().await;
    assert!(stream.respond(&serde_json::json!({ "ok": true, "status": 200, "headers": large })).is_err());
    stream.reset(Code::ERR_HEAD_TOO_LARGE);
    client.answer().await.refuses(502, "ERR_BAD_REPLY");
}

#[tokio::test]
async fn the_body_cannot_become_a_second_answer() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";
    for (line, status) in [("HEAD /", 200), ("GET /", 204), ("GET /", 304)] {
        let mut client = Client::connect(door.address).await;
        client.send(page.ask(&door, line, "")).await;
        let (mut stream, _) = page.request().await;
        respond(&mut stream, status, &[]);
        let _ = soon(stream.write_chunk(smuggled.into())).await;
        stream.finish();
        assert_eq!(client.head().await.status, status);
        client.send(page.ask(&door, "GET /", "")).await;
        page.answer(200, &[("content-length", "4")], "next").await;
        assert_eq!(client.answer().await.body, "next");
    }
}
