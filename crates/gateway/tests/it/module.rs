//! What the gateway serves to everybody: the module, what it speaks, its pages.

use crate::door;

#[tokio::test]
async fn what_it_speaks_stands_at_the_well_known_place() {
    let door = door::open("");
    let answer = door.get("/.well-known/pageport").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let document: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    let port = door.address.port();
    assert_eq!(document["version"], 1);
    assert_eq!(document["base"], "localhost");
    assert_eq!(document["carriers"][0]["kind"], "websocket");
    assert_eq!(document["carriers"][0]["url"], format!("ws://localhost:{port}/link"));
    assert_eq!(document["carriers"][1]["url"], format!("http://localhost:{port}/link"));
    assert_eq!(document["limits"]["lease"], 150);
}

#[tokio::test]
async fn a_page_that_may_not_attach_reads_there_why() {
    let rest = "[link]\norigins = [\"https://app.example\"]\n[[token]]\nname = \"t\"\nmay = [\"connect\"]\n\
                origins = [\"https://other.example\"]\n\
                sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n";
    let door = door::open(rest);
    for (origin, refusal) in [
        (None, None),
        (Some("https://app.example"), None),
        (Some("https://other.example"), None),
        (Some("https://app.example.org"), Some("ERR_ORIGIN_FORBIDDEN")),
        (Some("https://a.localhost"), Some("ERR_ORIGIN_FORBIDDEN")),
        (Some("null"), Some("ERR_ORIGIN_FORBIDDEN")),
    ] {
        let header = origin.map_or_else(String::new, |origin| format!("Origin: {origin}\r\n"));
        let request = format!("GET /.well-known/pageport HTTP/1.1\r\nHost: localhost\r\n{header}\r\n");
        let answer = door.ask(&request).await;
        let document: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(document["refusal"].as_str(), refusal, "{origin:?}");
        assert_eq!((answer.status, answer.header("vary")), (200, Some("origin")), "{origin:?}");
    }
}

#[tokio::test]
async fn a_public_url_is_used_where_one_is_configured() {
    let door = door::open_at("gw.example", "base = \"gw.example\"\nurl = \"https://gw.example\"");
    let document: serde_json::Value =
        serde_json::from_str(&door.get("/.well-known/pageport").await.body).expect("JSON");
    assert_eq!(document["carriers"][0]["url"], "wss://gw.example/link");
}

#[tokio::test]
async fn the_module_is_served_to_pages_of_any_origin() {
    let door = door::open("");
    let answer =
        door.ask("GET /pageport.js HTTP/1.1\r\nHost: localhost\r\nOrigin: https://any.example\r\n\r\n").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert!(answer.body.contains("./pageport/index.js"), "{}", answer.body);
    let tag = answer.header("etag").expect("an ETag");
    let again = door
        .ask(&format!("GET /pageport.js HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {tag}\r\n\r\n"))
        .await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
}

#[tokio::test]
async fn what_the_module_imports_is_named_at_once_and_what_it_loads_later_is_not() {
    let door = door::open("");
    let answer = door.get("/pageport.js").await;
    let links = answer.header("link").expect("links");
    let mut named = Vec::new();
    for line in links.split(", ") {
        let path = line.strip_prefix('<').and_then(|line| line.strip_suffix(">; rel=modulepreload"));
        named.push(path.expect(line).to_owned());
    }
    for path in ["index", "session", "core", "varint"].map(|name| format!("/pageport/{name}.js")) {
        assert_eq!(named.iter().filter(|name| **name == path).count(), 1, "{path}: {links}");
    }
    for path in ["ws-visit", "ws-socket", "http-visit", "tcp-visit", "claim"]
        .map(|name| format!("/pageport/{name}.js"))
    {
        assert!(!named.contains(&path), "{path}: {links}");
        named.push(path);
    }
    for path in named {
        assert_eq!(door.get(&path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn nothing_outside_the_module_can_be_reached() {
    let door = door::open("");
    for path in [
        "/pageport/",
        "/pageport/none.js",
        "/pageport/../package.json",
        "/pageport/%2e%2e/package.json",
        "/pageport//etc/passwd",
        "/nothing",
        "/@",
        "/@-/",
        "/@nobody-here/",
    ] {
        let answer = door.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.head);
    }
}

#[tokio::test]
async fn the_landing_page_needs_no_script() {
    let answer = door::open("").get("/").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(
        answer
            .header("content-security-policy")
            .is_some_and(|policy| policy.starts_with("default-src 'none'"))
    );
    assert!(!answer.body.contains("<script") && answer.body.contains("lang=\"en\""), "{}", answer.body);
}

#[tokio::test]
async fn head_has_the_fields_of_get_and_no_body() {
    let door = door::open("");
    let mut client = crate::client::Client::connect(door.address).await;
    client.send("HEAD /pageport.js HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let mut text = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut client.socket, &mut text).await.expect("an answer");
    let text = String::from_utf8(text).expect("text");
    assert!(
        text.starts_with("HTTP/1.1 200") && text.ends_with("\r\n\r\n") && text.contains("etag"),
        "{text}"
    );
}

#[tokio::test]
async fn the_gallery_is_there_in_dev_only_under_a_strict_policy() {
    let dev = door::open_dev();
    for path in ["/", "/echo/", "/chat/visit/", "/screen/"] {
        let page = dev.get(path).await;
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{path}"
        );
        let policy = page.header("content-security-policy").expect("a policy");
        for part in [
            "default-src 'none'",
            "script-src 'self';",
            "img-src 'self' data:;",
            "ws://*.localhost:*",
            "trusted-types 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(
            !page.body.contains("<style") && !page.body.contains("style=") && !page.body.contains("onclick")
        );
        let preloads = page.header("link").is_some();
        assert_eq!(
            preloads,
            page.body.contains("/pageport.js"),
            "{path}: only pages that use the module fetch it"
        );
    }
    // What is not ours is served as it is, with its licence.
    for (path, kind) in
        [("core/rfb.js", "text/javascript; charset=utf-8"), ("LICENSE.txt", "text/plain; charset=utf-8")]
    {
        let file = dev.get(&format!("/vendor/novnc/{path}")).await;
        assert_eq!((file.status, file.header("content-type")), (200, Some(kind)), "{path}");
    }
    let moved = dev.get("/chat?x=1").await;
    assert_eq!((moved.status, moved.header("location")), (308, Some("/chat/?x=1")));
    dev.get("/nothing").await.refuses(404, "ERR_NOT_FOUND");
    dev.get("/../Cargo.toml").await.refuses(404, "ERR_NOT_FOUND");
    let gateway = door::open("");
    for path in ["/echo/", "/chat", "/index.html"] {
        gateway.get(path).await.refuses(404, "ERR_NOT_FOUND");
    }
}
