//! Targets with a public name, and the files beside them.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::client::{Answer, soon};
use crate::connect_tcp::server;
use crate::dialect::{APP, bearer, closed, hear, knock, lines, open};
use crate::door::{self, Door};
use crate::http2::{ask, connect_without_room, get, read};

/// A directory that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let place = std::env::temp_dir().join(format!("pageport-site-{}-{number}", std::process::id()));
        fs::create_dir_all(&place).expect("a directory");
        Place(place)
    }

    fn write(&self, name: &str, content: &str) -> String {
        let file = self.0.join(name);
        fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        fs::write(&file, content).expect("written");
        file.display().to_string()
    }

    fn section(&self) -> String {
        format!("[websockify]\nweb = \"{}\"\n", self.0.join("web").display())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn targets(file: &str) -> String {
    format!("[websockify]\ntargets = \"{file}\"\n")
}

async fn by_token(door: &Door, token: &str, fields: &str) -> Answer {
    knock(door, &format!("/websockify?token={token}"), fields).await.1
}

#[tokio::test]
async fn a_name_leads_to_its_target_and_nothing_else_does() {
    let (listener, address) = server().await;
    let place = Place::new();
    let file = place.write("targets", &format!("# two of them\ndesk: {address}\n\nnone: 127.0.0.1:1\n"));
    let door = open(&targets(&file));
    let fields = format!("{}Sec-WebSocket-Protocol: binary\r\n", bearer());
    let (mut client, answer) = knock(&door, "/websockify?token=desk", &fields).await;
    assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, Some("binary")));
    let mut socket = soon(listener.accept()).await.expect("a client").0;
    socket.write_all(b"RFB").await.expect("is sent");
    assert_eq!(hear(&mut client, 3).await, b"RFB");
    door.until("pageport_dialect_connects_total{dialect=\"websockify\",outcome=\"connected\"} 1").await;

    by_token(&door, "desktop", &bearer()).await.refuses(403, "ERR_TARGET_FORBIDDEN");
    by_token(&door, "", &bearer()).await.refuses(403, "ERR_TARGET_FORBIDDEN");
    knock(&door, "/websockify", &bearer()).await.1.refuses(400, "ERR_TARGET_INVALID");
    by_token(&door, "desk&token=none", &bearer()).await.refuses(400, "ERR_TARGET_INVALID");
    by_token(&door, "none", &bearer()).await.refuses(502, "ERR_TARGET_CONNECTION_REFUSED");
    // The name allows its target by this path alone.
    knock(&door, &crate::dialect::path(address), &bearer()).await.1.refuses(403, "ERR_TARGET_FORBIDDEN");
    assert_eq!(by_token(&door, "%64esk", &bearer()).await.status, 101, "control: decoded once");
}

#[tokio::test]
async fn what_is_forbidden_is_not_allowed_by_a_name() {
    let (_listener, address) = server().await;
    let place = Place::new();
    let door = open("");
    let own = |door: &Door| format!("self: {}\n", door.address);
    let file = place.write("targets", &format!("desk: {address}\nnowhere: 0.0.0.0:1\n{}", own(&door)));
    let denied = format!("[[deny]]\nto = \"{address}\"\n{}", targets(&file));
    door.handle.reload(door::config(&lines(&denied)).policy);
    for name in ["desk", "nowhere", "self"] {
        by_token(&door, name, &bearer()).await.refuses(403, "ERR_TARGET_FORBIDDEN");
    }
    door.handle.reload(door::config(&lines(&targets(&file))).policy);
    assert_eq!(by_token(&door, "desk", &bearer()).await.status, 101, "control");
}

#[tokio::test]
async fn a_directory_of_files_is_one_list_and_a_name_that_goes_takes_its_connections_along() {
    let ((one, first), (other, second)) = (server().await, server().await);
    let place = Place::new();
    place.write("list/a.cfg", &format!("a: {first}"));
    place.write("list/b.cfg", &format!("b: {second}"));
    let list = place.0.join("list").display().to_string();
    let door = open(&targets(&list));
    let connect = |name: &str| {
        let (door, name) = (&door, format!("/websockify?token={name}"));
        async move { knock(door, &name, &bearer()).await.0 }
    };
    let (mut cut, mut stays) = (connect("a").await, connect("b").await);
    let _first = soon(one.accept()).await.expect("a client").0;
    let mut kept = soon(other.accept()).await.expect("a client").0;
    fs::remove_file(place.0.join("list/a.cfg")).expect("removed");
    door.handle.reload(door::config(&lines(&targets(&list))).policy);
    assert_eq!(closed(&mut cut).await, (1008, "ERR_TARGET_FORBIDDEN".to_owned()));
    kept.write_all(b"on").await.expect("is sent");
    assert_eq!(hear(&mut stays, 2).await, b"on");
    by_token(&door, "a", &bearer()).await.refuses(403, "ERR_TARGET_FORBIDDEN");
}

#[tokio::test]
async fn files_of_the_site_may_use_it_from_their_own_origin_and_nothing_else() {
    let (_listener, address) = server().await;
    let place = Place::new();
    let file = place.write("targets", &format!("desk: {address}\n"));
    place.write("web/vnc.html", "<!doctype html>");
    let both = format!("{}web = \"{}\"\n", targets(&file), place.0.join("web").display());
    let door = open(&both);
    let own = format!("http://localhost:{}", door.address.port());
    let from = |origin: &str| format!("Origin: {origin}\r\n");
    assert_eq!(by_token(&door, "desk", &from(&own)).await.status, 101);
    for origin in ["http://localhost", "http://x.localhost", "https://localhost", "null"] {
        by_token(&door, "desk", &from(origin)).await.refuses(403, "ERR_ORIGIN_FORBIDDEN");
    }
    knock(&door, &crate::dialect::path(address), &from(&own)).await.1.refuses(403, "ERR_ORIGIN_FORBIDDEN");
    knock(&door, "/wisp/", &from(&own)).await.1.refuses(403, "ERR_ORIGIN_FORBIDDEN");
    knock(&door, "/link", &from(&own)).await.1.refuses(403, "ERR_ORIGIN_FORBIDDEN");
    assert_eq!(by_token(&door, "desk", &from(APP)).await.status, 101, "control: a listed one");
    let without = open(&targets(&file));
    let own = format!("http://localhost:{}", without.address.port());
    by_token(&without, "desk", &from(&own)).await.refuses(403, "ERR_ORIGIN_FORBIDDEN");
}

#[tokio::test]
async fn files_are_served_as_what_they_are() {
    let place = Place::new();
    place.write("web/index.html", "the site");
    place.write("web/app/ui.js", "export {}");
    place.write("web/app/index.html", "the app");
    place.write("web/a b.css", "a {}");
    place.write("web/img/x.svg", "<svg/>");
    place.write("web/big.bin", &"0123456789".repeat(50_000));
    let door = open(&place.section());
    for (path, kind, body) in [
        ("/", "text/html; charset=utf-8", "the site"),
        ("/index.html", "text/html; charset=utf-8", "the site"),
        ("/app/", "text/html; charset=utf-8", "the app"),
        ("/app/ui.js?v=1", "text/javascript; charset=utf-8", "export {}"),
        ("/a%20b.css", "text/css; charset=utf-8", "a {}"),
        ("/img/x.svg", "image/svg+xml", "<svg/>"),
    ] {
        let answer = door.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
        assert_eq!(answer.body, body, "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("content-security-policy"), Some("frame-ancestors 'self'"), "{path}");
    }
    let big = door.get("/big.bin").await;
    assert_eq!((big.body.len(), big.header("content-type")), (500_000, Some("application/octet-stream")));
    let tag = big.header("etag").expect("a tag");
    let again = format!("GET /big.bin HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {tag}\r\n\r\n");
    assert_eq!(door.ask(&again).await.status, 304);
    let mut head = crate::client::Client::connect(door.address).await;
    head.send("HEAD /big.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert_eq!(head.head().await.header("content-length"), Some("500000"));
    assert!(head.ends().await, "no body");
    let moved = door.get("/app?x").await;
    assert_eq!((moved.status, moved.header("location")), (308, Some("/app/?x")));
    // What is the gateway's own stays so.
    assert!(door.get("/pageport.js").await.body.contains("pageport/index.js"));
    assert!(door.get("/.well-known/pageport").await.body.contains("carriers"));
    let post = "POST /index.html HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    door.ask(post).await.refuses(405, "ERR_METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn nothing_outside_of_the_directory_is_served_by_whatever_name() {
    let place = Place::new();
    let secret = place.write("secret.txt", "a secret");
    place.write("web/file.txt", "no secret");
    place.write("web/.htpasswd", "a secret");
    place.write("web/.git/config", "a secret");
    place.write("website/file.txt", "a secret");
    let web = place.0.join("web");
    symlink(&secret, web.join("link.txt")).expect("a link");
    symlink(&place.0, web.join("up")).expect("a link");
    symlink("/etc", web.join("etc")).expect("a link");
    symlink(web.join(".git"), web.join("git")).expect("a link");
    symlink(web.join("file.txt"), web.join("good.txt")).expect("a link");
    let door = open(&place.section());
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/x/../../secret.txt",
        "/./../secret.txt",
        "/%252e%252e/secret.txt",
        "/.%00./secret.txt",
        "/link.txt",
        "/up/secret.txt",
        "/up",
        "/up/",
        "/etc/passwd",
        "/git/config",
        "/.htpasswd",
        "/%2ehtpasswd",
        "/.git/config",
        "/file.txt/",
        "/file.txt%00.html",
        "//file.txt",
        "/../website/file.txt",
        "/nothing",
    ] {
        let answer = door.get(path).await;
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.body.contains("a secret"), "{path}");
    }
    let absolute = "GET http://localhost/../secret.txt HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(door.ask(absolute).await.status, 404);
    for path in ["/file.txt", "/good.txt"] {
        assert_eq!(door.get(path).await.body, "no secret", "control: {path}");
    }
}

/// Descriptors of this process that are this file.
fn open_descriptors(file: &str) -> usize {
    let all = fs::read_dir("/proc/self/fd").expect("a list");
    let is_it = |to: PathBuf| to == fs::canonicalize(file).expect("a file");
    all.filter(|fd| fs::read_link(fd.as_ref().expect("an entry").path()).is_ok_and(is_it)).count()
}

#[tokio::test]
async fn a_file_that_a_client_takes_its_time_with_is_not_kept_open() {
    let place = Place::new();
    let content = "0123456789".repeat(50_000);
    let file = place.write("web/big.bin", &content);
    let door = open(&place.section());
    let (mut requests, give) = connect_without_room(&door).await;
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(ask(&mut requests, get("http://localhost/big.bin")).await);
    }
    let held = fs::File::open(&file).expect("a file");
    assert_eq!(open_descriptors(&file), 1, "none but the control");
    drop(held);
    // No multiple of what is read at once.
    give.send(100_000).expect("is heard");
    // At once: they share the connection's window.
    let reading = answers.into_iter().map(|answer| {
        tokio::spawn(async move {
            let (mut body, mut came) = (answer.into_body(), Vec::new());
            while let Some(bytes) = read(&mut body).await {
                came.extend_from_slice(&bytes.expect("bytes"));
            }
            came
        })
    });
    for came in reading.collect::<Vec<_>>() {
        assert!(came.await.expect("read") == content.as_bytes());
    }
}

#[tokio::test]
async fn a_file_that_becomes_another_one_on_its_way_is_broken_off() {
    let place = Place::new();
    let file = place.write("web/big.bin", &"old".repeat(1_000_000));
    let door = open(&place.section());
    let (mut requests, give) = connect_without_room(&door).await;
    let mut body = ask(&mut requests, get("http://localhost/big.bin")).await.into_body();
    place.write("web/new.bin", &"new".repeat(1_000_000));
    fs::rename(place.0.join("web/new.bin"), file).expect("renamed");
    body.flow_control().release_capacity(0).expect("nothing");
    give.send(100_000).expect("is heard");
    let mut came = Vec::new();
    let error = loop {
        match read(&mut body).await.expect("no end") {
            Ok(bytes) => came.extend_from_slice(&bytes),
            Err(error) => break error,
        }
    };
    assert!(error.is_reset(), "{error}");
    assert!(!came.windows(3).any(|three| three == b"new"), "{} bytes", came.len());
}

#[tokio::test]
async fn a_pipe_among_the_files_keeps_nobody_waiting() {
    let place = Place::new();
    place.write("web/file.txt", "here");
    let pipe = place.0.join("web/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let door = open(&place.section());
    let answer = tokio::time::timeout(Duration::from_secs(5), door.get("/pipe")).await.expect("an answer");
    answer.refuses(404, "ERR_NOT_FOUND");
}

#[test]
fn names_of_targets_are_told_with_the_rules_and_stay_out_of_what_is_printed() {
    let place = Place::new();
    let address: SocketAddr = ([10, 0, 0, 1], 5900).into();
    let file = place.write("targets", &format!("desk: {address}\n"));
    let config = door::config(&lines(&targets(&file)));
    assert_eq!(config.rules(), [format!("[[allow]] 1: tcp://{address}, for alias desk")]);
    let printed = config.print();
    assert!(!printed.contains("5900"), "{printed}");
    let again = pageport_gateway::Config::parse("again.toml", &printed, std::iter::empty()).expect(&printed);
    assert_eq!(again, config);
}

#[test]
fn a_list_that_cannot_be_read_says_where() {
    let place = Place::new();
    for (content, words) in
        [("desk 10.0.0.1:1", "targets:1: "), ("\na: b\n", "targets:2: "), ("a: 127.1:80", ":1: ")]
    {
        let file = place.write("targets", content);
        let text = targets(&file);
        let error = pageport_gateway::Config::parse("x.toml", &text, std::iter::empty()).expect_err(content);
        assert!(error.to_string().contains(words), "{error}");
    }
    let text = "[websockify]\nweb = \"/no/such/directory\"\n";
    let error =
        pageport_gateway::Config::parse("x.toml", text, std::iter::empty()).expect_err("no directory");
    assert!(error.to_string().contains("not a directory"), "{error}");
}
