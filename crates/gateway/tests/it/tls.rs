//! TLS at the front door: which certificate, what is spoken inside, and that an abort stays one.

use std::time::{Duration, Instant};

use miette::Diagnostic as _;
use pageport_gateway::Config;
use pageport_link::{CarrierKind, Connector, StreamError};
use pageport_proto::Code;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::client::{Client, soon};
use crate::door::{self, Door, TOKEN};
use crate::page;
use crate::secure::{Authority, connect_blindly, shown};

fn open(authority: &Authority, lines: &str) -> Door {
    door::open(&format!("{lines}\n{}", authority.sign("cert", &["localhost", "*.localhost"])))
}

async fn read_head(stream: &mut TlsStream<TcpStream>) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(stream.read_u8()).await.expect("an answer"));
    }
    String::from_utf8(head).expect("text")
}

#[tokio::test]
async fn http_1_1_and_http_2_are_agreed_on_inside_tls() {
    let authority = Authority::new();
    let door = open(&authority, "");
    for (offered, agreed) in
        [(&["h2", "http/1.1"][..], Some(&b"h2"[..])), (&["http/1.1"], Some(b"http/1.1")), (&[], None)]
    {
        let stream = authority.connect(door.address, offered).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
    }
    let mut stream = authority.connect(door.address, &["http/1.1"]).await;
    stream
        .write_all(b"GET /.well-known/pageport HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .expect("is sent");
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200"));
    let mut body = [0; 300];
    soon(stream.read_exact(&mut body)).await.expect("a body");
    assert!(String::from_utf8_lossy(&body).contains("wss://localhost"), "its own URLs are those of TLS");
}

#[tokio::test]
async fn what_is_strict_without_tls_is_strict_inside_it() {
    let authority = Authority::new();
    let door = open(&authority, "");
    for request in ["GET / HTTP/1.1\nHost: localhost\r\n\r\n", "GET / HTTP/1.1\r\nHost: localhost\n\r\n"] {
        let mut stream = authority.connect(door.address, &["http/1.1"]).await;
        stream.write_all(request.as_bytes()).await.expect("is sent");
        let head = read_head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 400") && head.contains("ERR_HEADER_INVALID"), "{head}");
    }
}

#[tokio::test]
async fn whoever_speaks_without_tls_is_told_so() {
    let authority = Authority::new();
    let door = open(&authority, "");
    door.get("/").await.refuses(426, "ERR_UPGRADE_REQUIRED");
}

#[tokio::test]
async fn a_handshake_must_end_in_time() {
    let authority = Authority::new();
    let door = open(&authority, "[limits]\ntls_timeout = \"300ms\"");
    let start = Instant::now();
    let mut client = Client::connect(door.address).await;
    client.send([0x16, 3, 1, 0, 200, 1, 0]).await;
    assert!(client.ends().await);
    assert!(start.elapsed() >= Duration::from_millis(290), "{:?}", start.elapsed());
    door.until("pageport_tls_failures_total 1").await;
}

#[tokio::test]
async fn new_connections_get_the_certificate_of_the_last_good_configuration() {
    let authority = Authority::new();
    let door = open(&authority, "");
    let mut old = authority.connect(door.address, &[]).await;
    let section = authority.sign("next", &["localhost"]);
    door.handle.reload(door::config(&section).policy);
    let new = authority.connect(door.address, &[]).await;
    assert_ne!(shown(&old), shown(&new));
    old.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("is sent");
    assert!(read_head(&mut old).await.starts_with("HTTP/1.1 200"), "old connections stay");
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_named_with_their_place() {
    let authority = Authority::new();
    authority.sign("a", &["localhost"]);
    authority.sign("b", &["localhost"]);
    authority.write("text.pem", "nothing\n");
    authority.write("text.key", "nothing\n");
    for (section, line, message, code) in [
        (authority.section("none", "a"), 2, "cannot read", "ERR_TLS_INVALID"),
        (authority.section("a", "none"), 3, "cannot read", "ERR_TLS_INVALID"),
        (authority.section("text", "a"), 2, "no certificate", "ERR_TLS_INVALID"),
        (authority.section("a", "text"), 3, "no private key", "ERR_TLS_INVALID"),
        (authority.section("a", "b"), 2, "KeyMismatch", "ERR_TLS_INVALID"),
        ("[tls]\nkey = \"x\"".to_owned(), 2, "half of a certificate", "ERR_CONFIG_INVALID"),
        ("[tls]\ndev = true\ncert = \"x\"".to_owned(), 3, "half of a certificate", "ERR_CONFIG_INVALID"),
    ] {
        let error = Config::parse("p.toml", &section, std::iter::empty()).expect_err(&section);
        let label = error.labels().into_iter().flatten().next().expect("a place");
        let found = error.source_code().expect("the file").read_span(label.inner(), 0, 0).expect("a line");
        assert_eq!(found.line() + 1, line, "{error}");
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.code().expect("a code").to_string(), code);
    }
}

#[tokio::test]
async fn a_made_certificate_is_for_the_base_its_listeners_and_loopback() {
    let door = door::open("base = \"gw.example\"\n[tls]\ndev = true\n");
    let der = shown(&connect_blindly(door.address).await);
    for wanted in ["gw.example", "*.gw.example", "localhost", "*.localhost"] {
        assert!(der.windows(wanted.len()).any(|part| part == wanted.as_bytes()), "{wanted}");
    }
    assert!(der.windows(6).any(|part| part == [0x87, 4, 127, 0, 0, 1]), "127.0.0.1");
    // UTCTime, twice: notBefore and notAfter (RFC 5280 §4.1.2.5).
    let days: Vec<i32> = der
        .windows(15)
        .filter(|part| part[..2] == [0x17, 13])
        .map(|part| {
            let two = |at: usize| {
                std::str::from_utf8(&part[at..at + 2]).expect("digits").parse::<u8>().expect("a number")
            };
            let month = time::Month::try_from(two(4)).expect("a month");
            time::Date::from_calendar_date(2000 + i32::from(two(2)), month, two(6))
                .expect("a date")
                .to_julian_day()
        })
        .collect();
    assert_eq!(days.len(), 2);
    assert!((12..=14).contains(&(days[1] - days[0])), "{days:?}");
}

#[tokio::test]
async fn a_visitor_through_tls_is_relayed_both_ways_until_both_ways_have_ended() {
    let authority = Authority::new();
    let door = open(&authority, "");
    let page = listen(&authority, &door, CarrierKind::Bytes).await;
    let mut visitor = authority.connect(door.address, &["http/1.1"]).await;
    visitor.write_all(page.knock(&door, "/", "").as_bytes()).await.expect("is sent");
    let (head, (mut stream, visit)) = tokio::join!(read_head(&mut visitor), page.admit(None));
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(visit.url.starts_with("wss://"), "{}", visit.url);

    let sent: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (mut read, mut write) = tokio::io::split(visitor);
    let echo = async {
        while let Some(chunk) = stream.read_chunk().await.expect("bytes") {
            stream.write_chunk(chunk).await.expect("is taken");
        }
        stream.write_chunk("the end".into()).await.expect("is taken");
        stream.finish();
    };
    let push = async {
        write.write_all(&sent).await.expect("is sent");
        write.shutdown().await.expect("ends its half");
    };
    let mut received = Vec::new();
    let (_, (), pulled) = soon(async { tokio::join!(echo, push, read.read_to_end(&mut received)) }).await;
    pulled.expect("ends in order, with close_notify");
    assert_eq!(received.len(), sent.len() + 7);
    assert!(received.starts_with(&sent) && received.ends_with(b"the end"));
}

#[tokio::test]
async fn what_is_cut_short_inside_tls_never_looks_complete() {
    let authority = Authority::new();
    let door = open(&authority, "");
    let page = listen(&authority, &door, CarrierKind::WebSocket).await;
    let admitted = async || {
        let mut visitor = authority.connect(door.address, &["http/1.1"]).await;
        visitor.write_all(page.knock(&door, "/", "").as_bytes()).await.expect("is sent");
        let (_, (stream, _)) = tokio::join!(read_head(&mut visitor), page.admit(None));
        (visitor, stream)
    };
    let (mut visitor, mut stream) = admitted().await;
    stream.reset(Code::ERR_ABORTED);
    assert!(soon(visitor.read_u8()).await.is_err());
    let end = soon(visitor.read(&mut [0; 1])).await;
    assert!(end.is_err(), "no close_notify behind a reset by the page: {end:?}");

    // A FIN without close_notify may come from anybody on the way.
    let (visitor, mut stream) = admitted().await;
    drop(visitor.into_inner().0);
    let end = soon(stream.read_chunk()).await;
    assert!(matches!(end, Err(StreamError::Reset(Code::ERR_VISITOR_GONE))), "{end:?}");

    let (mut visitor, mut stream) = admitted().await;
    visitor.shutdown().await.expect("ends its half");
    assert_eq!(soon(stream.read_chunk()).await, Ok(None), "control: a clean end is one");
}

#[tokio::test]
async fn a_program_attaches_through_tls_only_to_whom_it_trusts() {
    let authority = Authority::new();
    let door = open(&authority, "");
    for kind in [CarrierKind::Bytes, CarrierKind::WebSocket, CarrierKind::Http] {
        let page = listen(&authority, &door, kind).await;
        assert!(page.listening.url.starts_with("wss://"), "{}", page.listening.url);
    }
    let stranger = Connector::new("https://localhost").expect("an address");
    let refused = soon(stranger.dial(door.address).credential(TOKEN.to_owned()).connect()).await;
    let error = refused.expect_err("nobody vouches for this gateway");
    assert_eq!(error.code(), Code::ERR_GATEWAY_UNREACHABLE);
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(Connector::new("https://localhost").expect("an address").trust(b"nothing").is_err());
}

async fn listen(authority: &Authority, door: &Door, kind: CarrierKind) -> page::Page {
    let connector = Connector::new("https://localhost").expect("an address");
    let connector = connector.trust(authority.certificate().as_bytes()).expect("a certificate");
    let connector = connector.dial(door.address).credential(TOKEN.to_owned()).carriers(&[kind]);
    page::named(soon(connector.connect()).await.expect("attaches")).await
}
