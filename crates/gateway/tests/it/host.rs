//! Host: exactly one, and one that this gateway serves (M16, S9).

use crate::client::Client;
use crate::door;

async fn status_of(door: &door::Door, head: &str) -> (u16, Option<String>) {
    let answer = door.ask(&format!("{head}\r\n\r\n")).await;
    (answer.status, answer.header("pageport-error").map(str::to_owned))
}

#[tokio::test]
async fn own_hosts_are_served_in_every_way_they_are_written() {
    let door = door::open("");
    for host in [
        "localhost",
        "LOCALHOST",
        "localhost:7070",
        "localhost:1",
        "127.0.0.1",
        "127.0.0.1:80",
        "[::1]",
        "[::1]:7070",
    ] {
        let (status, _) = status_of(&door, &format!("GET / HTTP/1.1\r\nHost: {host}")).await;
        assert_eq!(status, 200, "{host}");
    }
    let (status, _) = status_of(&door, "GET http://localhost:70/ HTTP/1.1\r\nHost: localhost:70").await;
    assert_eq!(status, 200, "absolute form with the same host");
}

#[tokio::test]
async fn what_is_not_one_host_is_refused() {
    let door = door::open("");
    for fields in [
        "",
        "\r\nHost:",
        "\r\nHost: localhost\r\nHost: localhost",
        "\r\nHost: localhost, localhost",
        "\r\nHost: local host",
        "\r\nHost: localhost:",
        "\r\nHost: localhost:99999",
        "\r\nHost: localhost:+80",
        "\r\nHost: localhost:80:80",
        "\r\nHost: user@localhost",
        "\r\nHost: localhost/path",
        "\r\nHost: [::1",
        "\r\nHost: [localhost]",
        "\r\nHost: http://localhost",
    ] {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let (status, code) = status_of(&door, &format!("GET / {version}{fields}")).await;
            assert_eq!((status, code.as_deref()), (400, Some("ERR_HOST_INVALID")), "{fields:?} {version}");
        }
    }
    for target in ["http://example.com/", "http://localhost:81/", "http://user@localhost/"] {
        let (status, code) = status_of(&door, &format!("GET {target} HTTP/1.1\r\nHost: localhost")).await;
        assert_eq!((status, code.as_deref()), (400, Some("ERR_HOST_INVALID")), "{target}");
    }
}

#[tokio::test]
async fn foreign_hosts_are_misdirected_whatever_the_path() {
    let door = door::open("base = \"gw.example\"");
    for host in [
        "evil.test",
        "localhost",
        "127.0.0.1",
        "gw.example.evil.test",
        "evilgw.example",
        "gw.example.",
        "a.b.gw.example",
        "ab.gw.example",
        "xn--abc.gw.example",
        ".gw.example",
        "192.0.2.1",
    ] {
        for path in ["/", "/link", "/@abcdef/", "/pageport.js", "/.well-known/pageport"] {
            let (status, code) = status_of(&door, &format!("GET {path} HTTP/1.1\r\nHost: {host}")).await;
            assert_eq!((status, code.as_deref()), (421, Some("ERR_HOST_UNKNOWN")), "{host}{path}");
        }
    }
    let (status, _) = status_of(&door, "GET / HTTP/1.1\r\nHost: GW.example:443").await;
    assert_eq!(status, 200);
    let (status, code) = status_of(&door, "GET / HTTP/1.1\r\nHost: nobody.gw.example").await;
    assert_eq!((status, code.as_deref()), (404, Some("ERR_LISTENER_UNKNOWN")));
}

#[tokio::test]
async fn a_refused_host_ends_the_connection() {
    let door = door::open("");
    let mut client = Client::connect(door.address).await;
    let twice = "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.ask(twice).await.refuses(421, "ERR_HOST_UNKNOWN");
    assert!(client.ends().await, "the second request is not served");
}

#[tokio::test]
async fn a_browser_gets_a_page_and_a_program_gets_json() {
    let door = door::open("");
    let html = door.ask("GET / HTTP/1.1\r\nHost: evil.test\r\nAccept: text/html,*/*;q=0.8\r\n\r\n").await;
    assert_eq!(html.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(html.body.contains("<html lang=\"en\">") && html.body.contains("<h1>"), "{}", html.body);
    assert!(
        html.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'"))
    );
    let json =
        door.ask("GET / HTTP/1.1\r\nHost: evil.test\r\nAccept: application/json, text/html\r\n\r\n").await;
    assert_eq!(json.header("content-type"), Some("application/json"));
    assert_eq!(json.header("x-content-type-options"), Some("nosniff"));
}
