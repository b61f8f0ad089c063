//! HTTP/2: whose request it is, WebSockets over extended CONNECT, and what it costs to misbehave.

use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Request, Response, Version};
use pageport_link::StreamError;
use pageport_proto::Code;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::client::{Client, soon};
use crate::door::{self, Door};
use crate::page;
use crate::secure::Authority;

/// A connection that began with the preface, without having asked (RFC 9113 §3.3).
pub(crate) async fn connect(door: &Door) -> SendRequest<Bytes> {
    let tcp = soon(TcpStream::connect(door.address)).await.expect("connects");
    over(tcp).await
}

/// The same, where no body may come before its stream is given room: so many bytes.
pub(crate) async fn connect_without_room(door: &Door) -> (SendRequest<Bytes>, oneshot::Sender<u32>) {
    let tcp = soon(TcpStream::connect(door.address)).await.expect("connects");
    let handshake = h2::client::Builder::new().initial_window_size(0).handshake(tcp);
    let (requests, mut connection) = soon(handshake).await.expect("HTTP/2");
    let (give, given) = oneshot::channel();
    tokio::spawn(async move {
        tokio::select! {
            _ = &mut connection => return,
            room = given => {
                if let Ok(room) = room {
                    connection.set_initial_window_size(room).expect("settings");
                }
            }
        }
        let _ = connection.await;
    });
    (soon(requests.ready()).await.expect("may send"), give)
}

async fn over(
    io: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
) -> SendRequest<Bytes> {
    let (requests, connection) = soon(h2::client::handshake(io)).await.expect("HTTP/2");
    tokio::spawn(connection);
    soon(requests.ready()).await.expect("may send")
}

pub(crate) fn get(uri: &str) -> Request<()> {
    Request::builder().version(Version::HTTP_2).uri(uri).body(()).expect("a request")
}

/// A WebSocket's handshake (RFC 8441 §5).
pub(crate) fn knock(uri: &str, fields: &[(&str, &str)]) -> Request<()> {
    let mut request = get(uri);
    *request.method_mut() = Method::CONNECT;
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    request.headers_mut().insert("sec-websocket-version", "13".parse().expect("a value"));
    for (name, value) in fields {
        let name: http::HeaderName = name.parse().expect("a name");
        request.headers_mut().append(name, value.parse().expect("a value"));
    }
    request
}

pub(crate) async fn ask(requests: &mut SendRequest<Bytes>, request: Request<()>) -> Response<RecvStream> {
    let (response, _) = requests.send_request(request, true).expect("is sent");
    soon(response).await.expect("an answer")
}

pub(crate) async fn tunnel(
    requests: &mut SendRequest<Bytes>,
    request: Request<()>,
) -> (Response<RecvStream>, SendStream<Bytes>) {
    let (response, stream) = requests.send_request(request, false).expect("is sent");
    (soon(response).await.expect("an answer"), stream)
}

/// The next bytes, which count as read.
pub(crate) async fn read(body: &mut RecvStream) -> Option<Result<Bytes, h2::Error>> {
    let chunk = soon(body.data()).await;
    if let Some(Ok(bytes)) = &chunk {
        body.flow_control().release_capacity(bytes.len()).expect("was granted");
    }
    chunk
}

#[track_caller]
pub(crate) fn refuses(response: &Response<RecvStream>, status: u16, code: &str) {
    let found = response.headers().get("pageport-error").map(|value| value.to_str().expect("text"));
    assert_eq!((response.status().as_u16(), found), (status, Some(code)));
}

#[tokio::test]
async fn it_is_spoken_by_prior_knowledge_and_inside_tls() {
    let authority = Authority::new();
    let door = door::open("");
    let response = ask(&mut connect(&door).await, get("http://localhost/.well-known/pageport")).await;
    assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
    door.until("pageport_http2_connections_total 1").await;

    let door = door::open(&authority.sign("cert", &["localhost"]));
    let mut requests = over(authority.connect(door.address, &["h2"]).await).await;
    let response = ask(&mut requests, get("https://localhost/.well-known/pageport")).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn an_answer_to_head_says_its_length_and_ends_with_its_head() {
    let door = door::open("");
    let mut requests = connect(&door).await;
    for (uri, status) in [("http://localhost/pageport.js", 200), ("http://localhost/nothing", 404)] {
        let whole = ask(&mut requests, get(uri)).await;
        let length = whole.headers()["content-length"].clone();
        let mut head = get(uri);
        *head.method_mut() = Method::HEAD;
        let mut response = ask(&mut requests, head).await;
        assert_eq!((response.status().as_u16(), &response.headers()["content-length"]), (status, &length));
        assert_ne!(length, "0");
        assert!(read(response.body_mut()).await.is_none(), "{uri}");
    }
}

#[tokio::test]
async fn what_only_begins_like_it_is_http_1() {
    let door = door::open("");
    for pieces in [
        &["P", "OST / HTTP/1.1\r\nHost: localhost\r\n\r\n"][..],
        &["PR", "I / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    ] {
        let mut client = Client::connect(door.address).await;
        for piece in pieces {
            client.send(piece).await;
            tokio::task::yield_now().await;
        }
        client.answer().await.refuses(405, "ERR_METHOD_NOT_ALLOWED");
    }
    let mut client = Client::connect(door.address).await;
    client.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 400);
}

#[tokio::test]
async fn authority_and_host_say_the_same_or_nothing_is_served() {
    let door = door::open("base = \"gw.example\"");
    let mut requests = connect(&door).await;
    let path = "/.well-known/pageport";
    let with_host = |authority: &str, hosts: &[&str]| {
        let mut request = get(&format!("http://{authority}{path}"));
        for host in hosts {
            request.headers_mut().append("host", host.parse().expect("a value"));
        }
        request
    };
    for (authority, hosts) in [
        ("gw.example", &[][..]),
        ("GW.example:443", &[]),
        ("gw.example", &["gw.example"]),
        ("gw.example", &["GW.EXAMPLE"]),
    ] {
        assert_eq!(
            ask(&mut requests, with_host(authority, hosts)).await.status(),
            200,
            "{authority} {hosts:?}"
        );
    }
    for (authority, hosts, status, code) in [
        ("other.example", &[][..], 421, "ERR_HOST_UNKNOWN"),
        ("gw.example.", &[], 421, "ERR_HOST_UNKNOWN"),
        ("a.b.gw.example", &[], 421, "ERR_HOST_UNKNOWN"),
        ("gw.example", &["other.example"], 400, "ERR_HOST_INVALID"),
        ("other.example", &["gw.example"], 400, "ERR_HOST_INVALID"),
        ("gw.example", &["gw.example", "gw.example"], 400, "ERR_HOST_INVALID"),
        ("gw.example", &["gw.example:80"], 400, "ERR_HOST_INVALID"),
        ("user@gw.example", &[], 400, "ERR_HOST_INVALID"),
    ] {
        refuses(&ask(&mut requests, with_host(authority, hosts)).await, status, code);
    }
}

#[tokio::test]
async fn a_websocket_is_accepted_without_a_key_and_relayed_until_both_ways_have_ended() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let uri = format!("http://{}.localhost/room?x=1", page.listening.name);
    let mut requests = connect(&door).await;
    ask(&mut requests, get("http://localhost/")).await;
    assert!(requests.is_extended_connect_protocol_enabled());
    let fields = [("sec-websocket-protocol", "chat, superchat"), ("cookie", "a=b"), ("cookie", "c=d")];
    let ((response, mut write), (mut stream, visit)) =
        tokio::join!(tunnel(&mut requests, knock(&uri, &fields)), page.admit(Some("superchat")));
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["sec-websocket-protocol"], "superchat");
    assert!(!response.headers().contains_key("sec-websocket-accept"));
    assert_eq!((visit.method.as_str(), visit.headers.get("cookie")), ("GET", Some("a=b; c=d")));
    assert_eq!(visit.url, format!("{}room?x=1", page.listening.url));
    door.until("pageport_http2_websockets_total 1").await;

    let sent = Bytes::from((0..2_000_000_u32).map(|number| (number % 251) as u8).collect::<Vec<u8>>());
    let mut body = response.into_body();
    write.send_data(sent.clone(), true).expect("is queued");
    let echo = async {
        while let Some(chunk) = stream.read_chunk().await.expect("bytes") {
            stream.write_chunk(chunk).await.expect("is taken");
        }
        stream.write_chunk("the end".into()).await.expect("is taken");
        stream.finish();
    };
    let pull = async {
        let mut received = Vec::new();
        while let Some(chunk) = read(&mut body).await {
            received.extend_from_slice(&chunk.expect("bytes"));
        }
        received
    };
    let ((), received) = soon(async { tokio::join!(echo, pull) }).await;
    assert_eq!(received.len(), sent.len() + 7);
    assert!(received.starts_with(&sent) && received.ends_with(b"the end"));
}

#[tokio::test]
async fn a_visitor_that_resets_its_stream_has_not_ended_in_order() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let uri = format!("http://{}.localhost/", page.listening.name);
    for reason in [Reason::CANCEL, Reason::INTERNAL_ERROR] {
        let mut requests = connect(&door).await;
        let ((_response, mut write), (mut stream, _)) =
            tokio::join!(tunnel(&mut requests, knock(&uri, &[])), page.admit(None));
        write.send_data("abc".into(), false).expect("is queued");
        assert_eq!(soon(stream.read_chunk()).await, Ok(Some("abc".into())));
        write.send_reset(reason);
        let end = soon(stream.read_chunk()).await;
        assert!(matches!(end, Err(StreamError::Reset(Code::ERR_VISITOR_GONE))), "{reason}: {end:?}");
    }
}

#[tokio::test]
async fn the_page_s_abort_ends_a_visitor_s_stream_and_leaves_the_others() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let uri = format!("http://{}.localhost/", page.listening.name);
    let mut requests = connect(&door).await;
    let ((one, _w1), (mut first, _)) =
        tokio::join!(tunnel(&mut requests, knock(&uri, &[])), page.admit(None));
    let ((two, _w2), (mut second, _)) =
        tokio::join!(tunnel(&mut requests, knock(&uri, &[])), page.admit(None));
    first.reset(Code::ERR_ABORTED);
    let mut one = one.into_body();
    while let Some(Ok(bytes)) = read(&mut one).await {
        assert!(bytes.is_empty());
    }
    soon(second.write_chunk("still here".into())).await.expect("is taken");
    assert_eq!(read(&mut two.into_body()).await.expect("bytes").expect("bytes"), "still here");
}

#[tokio::test]
async fn handshakes_that_break_the_rules_are_refused() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let uri = format!("http://{}.localhost/", page.listening.name);
    let mut requests = connect(&door).await;
    let mut other = knock(&uri, &[]);
    other.extensions_mut().insert(Protocol::from_static("pageport.v1"));
    refuses(&ask(&mut requests, other).await, 405, "ERR_METHOD_NOT_ALLOWED");
    let mut old = knock(&uri, &[]);
    old.headers_mut().insert("sec-websocket-version", "8".parse().expect("a value"));
    refuses(&ask(&mut requests, old).await, 426, "ERR_UPGRADE_REQUIRED");
    let mut plain = get("http://localhost/link");
    plain.headers_mut().insert("origin", "http://localhost".parse().expect("a value"));
    refuses(&ask(&mut requests, plain).await, 403, "ERR_ORIGIN_FORBIDDEN");
    let foreign = knock("http://localhost/link", &[("origin", "https://evil.example")]);
    refuses(&ask(&mut requests, foreign).await, 403, "ERR_ORIGIN_FORBIDDEN");
    let reject = page.refuse(Some(418), "no");
    let (response, ()) = tokio::join!(ask(&mut requests, knock(&uri, &[])), reject);
    refuses(&response, 418, "ERR_REJECTED");
}

#[tokio::test]
async fn a_page_attaches_over_a_stream() {
    let door = door::open("[link]\norigins = [\"https://app.example\"]");
    let mut requests = connect(&door).await;
    let fields = [("origin", "https://app.example"), ("sec-websocket-protocol", "pageport.v1")];
    let (response, mut write) = tunnel(&mut requests, knock("http://localhost/link", &fields)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["sec-websocket-protocol"], "pageport.v1");
    let message = page::websocket_message(&page::hello_frame());
    write.send_data(message.into(), false).expect("is queued");
    let (mut welcome, mut body) = (Vec::new(), response.into_body());
    while !welcome.ends_with(b"}") {
        welcome.extend_from_slice(&read(&mut body).await.expect("bytes").expect("bytes"));
    }
    assert_eq!(welcome[0], 0x82, "a binary message");
    assert!(String::from_utf8_lossy(&welcome).contains("\"nonce\""), "{welcome:?}");
    door.until("pageport_sessions_total 1").await;
}

/// A connection that says what a test wants.
async fn raw(door: &Door) -> TcpStream {
    let mut tcp = soon(TcpStream::connect(door.address)).await.expect("connects");
    tcp.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("is sent");
    tcp.write_all(&frame(4, 0, 0, b"")).await.expect("is sent");
    tcp
}

/// RFC 9113 §4.1
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Reads until the end; the error code of the last GOAWAY.
async fn goaway(tcp: &mut TcpStream) -> Option<u32> {
    let mut all = Vec::new();
    // A reset may take the rest away.
    let _ = soon(tcp.read_to_end(&mut all)).await;
    let (mut at, mut code) = (0, None);
    while let Some(header) = all.get(at..at + 9) {
        let length = usize::from(header[1]) << 8 | usize::from(header[2]);
        if header[3] == 7
            && let Some(bytes) = all.get(at + 13..at + 17)
        {
            code = Some(u32::from_be_bytes(bytes.try_into().expect("four")));
        }
        at += 9 + length;
    }
    code
}

#[tokio::test]
async fn a_header_block_must_end_in_time() {
    let door = door::open("[limits]\nheader_timeout = \"300ms\"");
    let start = Instant::now();
    let mut slow = raw(&door).await;
    slow.write_all(&frame(1, 0, 1, b"\x82")).await.expect("is sent");
    goaway(&mut slow).await;
    assert!((290..5_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    let mut half = soon(TcpStream::connect(door.address)).await.expect("connects");
    half.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0").await.expect("is sent");
    goaway(&mut half).await;
}

#[tokio::test]
async fn a_connection_without_requests_is_sent_away_and_one_with_a_websocket_stays() {
    let door = door::open("[limits]\nh2_idle = \"1s\"");
    let page = page::listen(&door).await;
    let uri = format!("http://{}.localhost/", page.listening.name);
    let mut requests = connect(&door).await;
    let ((response, _write), (mut stream, _)) =
        tokio::join!(tunnel(&mut requests, knock(&uri, &[])), page.admit(None));
    let tcp = soon(TcpStream::connect(door.address)).await.expect("connects");
    let (_idle, connection) = soon(h2::client::handshake(tcp)).await.expect("HTTP/2");
    soon(connection).await.expect("ends in order");
    soon(stream.write_chunk("still here".into())).await.expect("is taken");
    assert_eq!(read(&mut response.into_body()).await.expect("bytes").expect("bytes"), "still here");
}

#[tokio::test]
async fn frames_that_want_an_answer_get_it_while_they_are_no_flood() {
    let door = door::open("");
    let mut tcp = raw(&door).await;
    let asked = [frame(4, 0, 0, b"").repeat(20), frame(6, 0, 0, &[0; 8]).repeat(200)].concat();
    tcp.write_all(&asked).await.expect("is sent");
    let ack = frame(6, 1, 0, &[0; 8]);
    let mut all = Vec::new();
    let answered = async {
        while all.windows(ack.len()).filter(|window| *window == ack).count() < 200 {
            assert!(tcp.read_buf(&mut all).await.expect("is read") > 0, "sent away");
        }
    };
    soon(answered).await;
}

#[tokio::test]
async fn floods_of_frames_that_carry_nothing_are_told_to_calm_down() {
    let door = door::open("");
    let get: &[u8] = b"\x82\x86\x84\x41\x09localhost";
    let reset = [frame(1, 5, 1, get), frame(3, 0, 1, &[0, 0, 0, 8])];
    let continued = |end: u8| frame(9, end, 1, b"");
    let post = [frame(1, 4, 1, b"\x83\x86\x84\x41\x09localhost")].concat();
    for (name, first, repeated) in [
        ("PING", Vec::new(), frame(6, 0, 0, &[0; 8])),
        ("SETTINGS", Vec::new(), frame(4, 0, 0, b"")),
        ("PRIORITY", Vec::new(), frame(2, 0, 1, &[0, 0, 0, 0, 1])),
        ("unknown", Vec::new(), frame(0xee, 0, 0, b"")),
        ("CONTINUATION", frame(1, 0, 1, get), continued(0)),
        ("empty DATA", post, frame(0, 0, 1, b"")),
        ("reset", Vec::new(), reset.concat()),
    ] {
        let mut tcp = raw(&door).await;
        let _ = tcp.write_all(&first).await;
        let (mut reader, mut writer) = tcp.split();
        let mut all = Vec::new();
        let flood = async {
            let mut stream = 1_u32;
            for _ in 0..20_000 {
                let mut frames = repeated.clone();
                if name == "reset" {
                    frames[5..9].copy_from_slice(&stream.to_be_bytes());
                    let at = frames.len() - 8;
                    frames[at..at + 4].copy_from_slice(&stream.to_be_bytes());
                    stream += 2;
                }
                if writer.write_all(&frames).await.is_err() {
                    return;
                }
            }
            panic!("{name}: nobody minds");
        };
        soon(async { tokio::join!(flood, async { reader.read_to_end(&mut all).await.ok() }) }).await;
        // ENHANCE_YOUR_CALM, or PROTOCOL_ERROR where h2 knows better, if a reset has not taken it away.
        if let Some(at) = all.windows(5).position(|window| window[..4] == [0, 0, 8, 7]) {
            let code = all.get(at + 13..at + 17);
            assert!(matches!(code, Some([0, 0, 0, 0xb | 1 | 5])), "{name}: {code:?}");
        }
    }
    assert_eq!(door.get("/").await.status, 200, "and everybody else is served");
}

#[tokio::test]
async fn one_connection_has_no_more_streams_than_it_may() {
    let door = door::open("[limits]\nh2_streams = 2");
    let page = page::listen(&door).await;
    let uri = format!("http://{}.localhost/", page.listening.name);
    let mut requests = connect(&door).await;
    // The limit is in SETTINGS, which a client that keeps them has read by the end of an exchange.
    ask(&mut requests, get("http://localhost/")).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(tokio::join!(tunnel(&mut requests, knock(&uri, &[])), page.admit(None)));
    }
    let third =
        tokio::time::timeout(Duration::from_millis(200), std::future::poll_fn(|cx| requests.poll_ready(cx)));
    let waits = match third.await {
        Err(_) => true,
        Ok(ready) => {
            ready.expect("the connection is well");
            let (response, _) = requests.send_request(get("http://localhost/"), true).expect("is queued");
            tokio::time::timeout(Duration::from_millis(200), response).await.is_err()
        }
    };
    assert!(waits, "a third stream waits for its turn");
    held.pop();
}
