//! Origins: exact, and checked before anything else (S6).

use crate::door;

/// Asks to attach by WebSocket with these fields in addition.
async fn attach(door: &door::Door, fields: &str) -> (u16, Option<String>) {
    let request = format!(
        "GET /link HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: pageport.v1\r\n{fields}\r\n",
        door.host
    );
    let answer = door.ask(&request).await;
    (answer.status, answer.header("pageport-error").map(str::to_owned))
}

#[tokio::test]
async fn only_listed_origins_may_attach() {
    let lines = "base = \"gw.example\"\n[link]\norigins = [\"https://good.com\", \"http://good.com:8080\", \"https://gw.example\"]";
    let door = door::open_at("gw.example", lines);
    for origin in ["https://good.com", "http://good.com:8080", "https://gw.example"] {
        assert_eq!(attach(&door, &format!("Origin: {origin}\r\n")).await.0, 101, "{origin}");
    }
    for origin in [
        "null",
        "",
        "http://good.com",
        "https://good.com:8443",
        "https://good.com:443",
        "https://good.com.evil.com",
        "https://evilgood.com",
        "https://www.good.com",
        "https://GOOD.com",
        "https://good.com/",
        "https://good.com, https://good.com",
        "https://good.com https://evil.com",
        "https://x.gw.example",
        "http://localhost",
        "http://x.localhost:7070",
        "file://",
        "*",
    ] {
        let refused = attach(&door, &format!("Origin: {origin}\r\n")).await;
        assert_eq!(refused, (403, Some("ERR_ORIGIN_FORBIDDEN".to_owned())), "{origin:?}");
    }
    let twice = attach(&door, "Origin: https://good.com\r\nOrigin: https://good.com\r\n").await;
    assert_eq!(twice.0, 403, "two fields");
}

#[tokio::test]
async fn without_configuration_no_origin_may_attach() {
    let door = door::open("");
    for origin in ["http://localhost", "http://127.0.0.1", "http://localhost:7070"] {
        assert_eq!(attach(&door, &format!("Origin: {origin}\r\n")).await.0, 403, "{origin}");
    }
}

#[tokio::test]
async fn dev_takes_exactly_the_three_loopback_hosts() {
    let door = door::open_dev();
    for origin in [
        "http://localhost",
        "http://localhost:7070",
        "http://127.0.0.1:5173",
        "http://[::1]:8080",
        "https://localhost",
    ] {
        assert_eq!(attach(&door, &format!("Origin: {origin}\r\n")).await.0, 101, "{origin}");
    }
    for origin in [
        "null",
        "https://x.localhost",
        "http://x.localhost:7070",
        "http://localhost.evil.com",
        "http://127.0.0.2",
        "http://0.0.0.0",
        "http://[::]",
        "http://[0:0:0:0:0:0:0:1]",
        "http://192.168.1.2",
        "https://example.com",
    ] {
        assert_eq!(attach(&door, &format!("Origin: {origin}\r\n")).await.0, 403, "{origin}");
    }
}

#[tokio::test]
async fn the_raw_upgrade_takes_no_origin_at_all() {
    let door = door::open_dev();
    let request = |fields: &str| {
        format!(
            "GET /link HTTP/1.1\r\nHost: localhost\r\nUpgrade: pageport.v1\r\nConnection: Upgrade\r\n{fields}\r\n"
        )
    };
    door.ask(&request("Origin: http://localhost\r\n")).await.refuses(403, "ERR_ORIGIN_FORBIDDEN");
    assert_eq!(door.ask(&request("")).await.status, 101, "the credential may come in HELLO");
}
