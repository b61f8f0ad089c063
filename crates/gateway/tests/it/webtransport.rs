//! WebTransport at the front door: who may have a session, which certificate is shown, and bytes that overtake frames.

use bytes::{Bytes, BytesMut};
use pageport_gateway::Config;
use pageport_link::head::{Kind, Listen};
use pageport_link::{CarrierKind, Connector, Listener};
use pageport_proto::frame::{Ack, Frame, Mark};
use pageport_proto::{StreamId, varint};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{Client, soon};
use crate::door::{Door, TOKEN, config, open, open_dev};
use crate::quic::{QuicPage, ask, hash, offer};
use crate::secure::Authority;

/// Switches QUIC on with a certificate of the gateway's own, in front of which nothing else is encrypted.
const QUIC: &str = "[tls]\ndev = true";

#[tokio::test]
async fn dev_tells_the_hash_of_its_certificate_and_a_second_implementation_believes_it() {
    let door = open_dev();
    let offer = offer(&door).await;
    assert_eq!(offer["url"], format!("https://localhost:{}/link", door.address.port()));
    let hash = hash(&door).await;
    for address in &door.addresses {
        // It takes only certificates that browsers would: P-256, at most two weeks.
        ask(*address, hash, "/link", &[("origin", "http://localhost:8080")]).await.expect("a session");
    }
    assert!(ask(door.address, [0; 32], "/link", &[("origin", "http://localhost:8080")]).await.is_err());
    door.until("pageport_quic_connections_total 3").await;
}

#[tokio::test]
async fn a_certificate_that_others_believe_is_shown_without_a_hash() {
    let authority = Authority::new();
    let door = open(&authority.sign("cert", &["localhost"]));
    let mut client = authority.connect(door.address, &["http/1.1"]).await;
    client
        .write_all(b"GET /.well-known/pageport HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .expect("is sent");
    let mut answer = String::new();
    soon(client.read_to_string(&mut answer)).await.expect("an answer");
    assert!(answer.contains("\"webtransport\"") && !answer.contains("hashes"), "{answer}");
    attaches(&door, &authority).await;
}

#[tokio::test]
async fn a_reload_shows_its_certificate_at_once_and_without_one_the_old_one_stays() {
    let (old, new) = (Authority::new(), Authority::new());
    let door = open(&old.sign("cert", &["localhost"]));
    attaches(&door, &old).await;
    door.handle.reload(config(&new.sign("cert", &["localhost"])).policy);
    attaches(&door, &new).await;
    door.handle.reload(config("").policy);
    attaches(&door, &new).await;
    let offer = offer(&door).await;
    assert!(offer["url"].is_string() && offer["hashes"].is_null(), "{offer}");
}

/// A program that trusts this authority attaches over WebTransport.
async fn attaches(door: &Door, authority: &Authority) {
    let connector = Connector::new("https://localhost").expect("an address").dial(door.address);
    let connector = connector.trust(authority.certificate().as_bytes()).expect("a certificate");
    let connector = connector.credential(TOKEN.to_owned()).carriers(&[CarrierKind::WebTransport]);
    let session = soon(connector.connect()).await.expect("attaches");
    assert_eq!(session.stats().carrier, Some(CarrierKind::WebTransport));
}

#[tokio::test]
async fn without_a_certificate_there_is_no_webtransport() {
    let door = open("");
    assert!(offer(&door).await.is_null());
    std::net::UdpSocket::bind(door.address).expect("nobody has the port");
    let error = Config::parse("x.toml", "[webtransport]\nenabled = true", std::iter::empty()).unwrap_err();
    assert!(error.to_string().contains("WebTransport without a certificate"), "{error}");
    assert!(!config(&format!("{QUIC}\n[webtransport]\nenabled = false")).webtransport);
    assert!(config(QUIC).webtransport);
}

#[tokio::test]
async fn only_pages_that_may_attach_get_a_session() {
    let door = open_dev();
    let hash = hash(&door).await;
    for (path, fields) in [
        ("/link", &[("origin", "https://evil.example")][..]),
        ("/link", &[("origin", "null")]),
        ("/link", &[("origin", "http://name.localhost:7070")]),
        ("/link", &[("authorization", "Bearer wrong")]),
        ("/link/", &[("origin", "http://localhost")]),
        ("/", &[("origin", "http://localhost")]),
    ] {
        assert!(ask(door.address, hash, path, fields).await.is_err(), "{path} {fields:?}");
    }
    door.until("pageport_refusals_total{code=\"ERR_ORIGIN_FORBIDDEN\"} 3").await;
    door.until("pageport_refusals_total{code=\"ERR_CREDENTIAL_INVALID\"} 1").await;
    door.until("pageport_refusals_total{code=\"ERR_NOT_FOUND\"} 2").await;
    ask(door.address, hash, "/link", &[("origin", "http://localhost")]).await.expect("a session");
}

#[tokio::test]
async fn a_program_listens_over_webtransport() {
    let door = open_dev();
    let connector = Connector::new("http://localhost").expect("an address").dial(door.address);
    let connector = connector.certificate_hashes(&[hash(&door).await]).carriers(&[CarrierKind::WebTransport]);
    // A credential is all that a program without an origin has; `dev` has one of its own, so nobody gets in without.
    let error = soon(Listener::start(connector, Listen::new(Kind::Http))).await.expect_err("no credential");
    assert!(error.to_string().contains("ERR_CREDENTIAL_REQUIRED"), "{error}");
}

#[tokio::test]
async fn bytes_on_native_streams_and_frames_that_overtake_them_arrive_in_order() {
    let door = open_dev();
    let mut page = QuicPage::attach(&door).await;
    let head = br#"{"listen":"http"}"#;
    page.data(1, 0, Mark::None, &prefixed(head)).await;
    let name = page.until(|frame| name_in(&frame)).await;

    let mut visitor = Client::connect(door.address).await;
    let body = vec![b'x'; 300_000];
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {name}.localhost:{port}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len(),
        port = door.address.port(),
    );
    visitor.send(request).await;
    visitor.send(&body[..100]).await;
    // The head comes as a frame.
    let first = page.until(|frame| data_of(&frame, 2)).await;
    let varint::Peek::Value(len, at) = varint::peek(&first) else { panic!("no head") };
    let head_end = at as u64 + len;
    let reply = br#"{"ok":true,"status":200,"headers":[["content-length","30000"]]}"#;
    let reply = prefixed(reply);
    let answer = b"0123456789".repeat(3_000);
    let (begin, end) = (reply.len() as u64, (reply.len() + answer.len()) as u64);
    // The end overtakes everything, and the second half the first.
    page.data(2, 0, Mark::None, &reply).await;
    page.data(2, end, Mark::Fin, &[]).await;
    let half = answer.len() / 2;
    let late = page.native(2, begin + half as u64, &answer[half..]).await;
    let early = page.native(2, begin, &answer[..half]).await;
    drop((late, early));

    // What the visitor sends comes on a native stream, once there may be much of it.
    let second = StreamId::new(2).expect("an id");
    page.send(&Frame::Ack(vec![Ack { stream: second, received: 0, limit: 1_000_000 }])).await;
    let sending = async {
        visitor.send(&body[100..]).await;
        visitor
    };
    let receiving = async {
        let mut received: u64 = 0;
        let mut limit = 1_000_000;
        let (id, offset, mut stream, rest) = page.accept_native().await;
        assert_eq!(id, 2);
        received = received.max(offset + rest.len() as u64);
        let total = head_end + body.len() as u64;
        let mut buffer = vec![0; 65_536];
        while received < total {
            limit += 1_000_000;
            page.send(&Frame::Ack(vec![Ack { stream: second, received, limit }])).await;
            match soon(stream.read(&mut buffer)).await.expect("bytes") {
                Some(len) => received += len as u64,
                None => break,
            }
        }
        (received, total)
    };
    let (mut visitor, (received, total)) = soon(async { tokio::join!(sending, receiving) }).await;
    assert_eq!(received, total);
    let answered = String::from_utf8(visitor.rest().await).expect("text");
    assert!(answered.starts_with("HTTP/1.1 200"), "{answered:.100}");
    assert!(answered.ends_with("0123456789") && answered.matches("0123456789").count() == 3_000);
}

fn prefixed(json: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    varint::put(&mut bytes, json.len() as u64);
    bytes.extend_from_slice(json);
    bytes.freeze()
}

fn data_of(frame: &Frame, id: u64) -> Option<Bytes> {
    match frame {
        Frame::Data(data) if data.stream.get() == id => Some(data.bytes.clone()),
        Frame::Close(farewell) => panic!("closed: {}", farewell.code),
        _ => None,
    }
}

fn name_in(frame: &Frame) -> Option<String> {
    let bytes = data_of(frame, 1)?;
    let at = bytes.iter().position(|byte| *byte == b'{')?;
    let reply: serde_json::Value = serde_json::from_slice(&bytes[at..]).expect("a reply");
    Some(reply["name"].as_str().expect("a name").to_owned())
}
