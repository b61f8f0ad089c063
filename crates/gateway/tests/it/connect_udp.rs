//! Connections by UDP: datagrams both ways over every carrier, what is dropped, and how they end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pageport_link::{CarrierKind, Connector, Session, Stream, StreamError};
use pageport_proto::frame::Frame;
use pageport_proto::head::{Ready, Refusal, Reply};
use pageport_proto::{Code, StreamId};
use tokio::net::UdpSocket;

use crate::client::soon;
use crate::connect::{CALLER, open};
use crate::connect_flows::{Log, reload};
use crate::connect_tcp;
use crate::door::{self, token_section};
use crate::page::{RawCarrier, attach_with, hello};
use crate::secure::Authority;

fn allow(to: impl std::fmt::Display) -> String {
    format!("[[allow]]\nto = \"{to}\"\nprotocol = \"udp\"\n")
}

/// A server, and where it is.
async fn server() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("an address");
    (socket, address)
}

/// Asks to be connected, and says what the gateway answers.
async fn ask(session: &Session, to: impl std::fmt::Display) -> (Stream, Reply<Ready>) {
    connect_tcp::ask_at(session, format!("udp://{to}")).await
}

async fn connect(session: &Session, to: impl std::fmt::Display) -> Stream {
    let (stream, reply) = ask(session, to).await;
    assert!(matches!(reply, Reply::Ok(_)), "{reply:?}");
    stream
}

async fn refusal(session: &Session, to: impl std::fmt::Display) -> Refusal {
    match ask(session, &to).await.1 {
        Reply::Refused(refusal) => refusal,
        Reply::Ok(_) => panic!("{to}: connected"),
    }
}

fn datagram(bytes: &'static [u8]) -> Bytes {
    Bytes::from_static(bytes)
}

/// What comes next at a server, and from where.
async fn heard(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2_048];
    let (length, from) = soon(socket.recv_from(&mut buffer)).await.expect("a datagram");
    (buffer[..length].to_vec(), from)
}

/// A flow that has said "hello", and the port that the gateway has for it.
async fn greeted(session: &Session, socket: &UdpSocket) -> (Stream, SocketAddr) {
    let stream = connect(session, socket.local_addr().expect("an address")).await;
    session.send_datagram(stream.id(), datagram(b"hello"));
    let (bytes, from) = heard(socket).await;
    assert_eq!(bytes, b"hello");
    (stream, from)
}

/// From now on what comes is kept until it is asked for, the newest.
async fn kept(session: &Session) {
    tokio::select! {
        biased;
        _ = session.datagram() => panic!("nothing was sent"),
        () = std::future::ready(()) => {}
    }
}

/// How a flow ends that the page does not end.
async fn end_of(stream: &mut Stream) -> Code {
    match soon(stream.read_chunk()).await {
        Err(StreamError::Reset(code)) => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn datagrams_pass_both_ways_over_every_carrier_as_they_are() {
    let (socket, address) = server().await;
    let authority = Authority::new();
    let token = token_section("caller", CALLER, "[\"connect\"]");
    let door = door::open(&format!("{}{}{token}", authority.sign("cert", &["localhost"]), allow(address)));
    for kind in CarrierKind::ALL {
        let connector = Connector::new("https://localhost").expect("an address").dial(door.address);
        let connector = connector.trust(authority.certificate().as_bytes()).expect("a certificate");
        let connector = connector.credential(CALLER.to_owned()).carriers(&[kind]);
        let session = soon(connector.connect()).await.expect("attaches");
        assert_eq!(session.stats().carrier, Some(kind));
        let mut stream = connect(&session, address).await;
        for size in [0, 1, 1_100, 1_200] {
            let sent = Bytes::from((0..=u8::MAX).cycle().take(size).collect::<Vec<_>>());
            session.send_datagram(stream.id(), sent.clone());
            let (bytes, from) = heard(&socket).await;
            assert_eq!(bytes, sent, "{kind:?}");
            socket.send_to(&bytes, from).await.expect("is sent");
            assert_eq!(soon(session.datagram()).await, Some((stream.id(), sent)), "{kind:?}");
        }
        stream.finish();
        assert_eq!(soon(stream.read_chunk()).await, Ok(None), "{kind:?}");
    }
    door.until("pageport_connects_total{kind=\"udp\",outcome=\"connected\"} 4").await;
    door.until("pageport_connect_sent_bytes_total 9204").await;
    door.until("pageport_connect_received_bytes_total 9204").await;
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn only_what_a_rule_for_udp_allows_is_reached() {
    let (socket, address) = server().await;
    let door = open(&(connect_tcp::allow(address) + &allow("no-such-host.invalid:1")));
    let session = attach_with(&door, CALLER).await;
    assert_eq!(refusal(&session, address).await.error, "ERR_TARGET_FORBIDDEN", "a rule for tcp");
    assert_eq!(refusal(&session, "no-such-host.invalid:1").await.error, "ERR_TARGET_UNRESOLVED");
    reload(&door, &allow(format!("*:{}", address.port())));
    assert_eq!(refusal(&session, address).await.error, "ERR_TARGET_FORBIDDEN", "a wildcard");
    // Where nothing was allowed nothing has come.
    let (stream, _) = {
        reload(&door, &allow(address));
        greeted(&session, &socket).await
    };
    assert_eq!(refusal(&session, door.address).await.error, "ERR_TARGET_FORBIDDEN", "the gateway itself");
    drop(stream);
}

#[tokio::test]
async fn the_end_of_the_stream_is_the_end_of_the_flow_and_behind_all_that_was_sent() {
    let (socket, address) = server().await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let mut stream = connect(&session, address).await;
    let numbers: Vec<_> = (0..10_u8).collect();
    for number in &numbers {
        session.send_datagram(stream.id(), Bytes::from(vec![*number]));
    }
    stream.finish();
    assert_eq!(soon(stream.read_chunk()).await, Ok(None));
    for number in numbers {
        assert_eq!(heard(&socket).await.0, [number]);
    }
    door.until("pageport_connects 0").await;

    for end in ["reset", "stop", "drop"] {
        let (mut stream, from) = greeted(&session, &socket).await;
        match end {
            "reset" => stream.reset(Code::ERR_ABORTED),
            "stop" => stream.stop(Code::ERR_ABORTED),
            _ => drop(stream),
        }
        door.until("pageport_connects 0").await;
        // Nobody has the port any more.
        let asking = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        asking.connect(from).await.expect("a route");
        asking.send(b"anybody?").await.expect("is sent");
        let error = soon(asking.recv(&mut [0])).await.expect_err("nobody");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused, "{end}");
    }
    let (stream, _) = greeted(&session, &socket).await;
    drop((session, stream));
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn what_waits_behind_the_end_does_not_outlive_who_gives_up() {
    let (socket, address) = server().await;
    let door = open(&format!("{}bytes_per_second = \"1KiB\"\n", allow(address)));
    for leaves in ["stop", "session"] {
        let session = attach_with(&door, CALLER).await;
        let mut stream = connect(&session, address).await;
        for _ in 0..16 {
            session.send_datagram(stream.id(), Bytes::from(vec![7; 600]));
        }
        stream.finish();
        // More than half a second after the first, and so after the end.
        for _ in 0..2 {
            heard(&socket).await;
        }
        let begun = Instant::now();
        match leaves {
            "stop" => stream.stop(Code::ERR_ABORTED),
            _ => drop((session, stream)),
        }
        door.until("pageport_connects 0").await;
        assert!(begun.elapsed() < Duration::from_secs(3), "{leaves}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn bytes_on_the_stream_are_none_of_it() {
    let (socket, address) = server().await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let (mut stream, _) = greeted(&session, &socket).await;
    soon(stream.write_chunk(datagram(b"bytes"))).await.expect("are accepted");
    assert_eq!(end_of(&mut stream).await, Code::ERR_UNEXPECTED_DATA);
}

#[tokio::test]
async fn where_nobody_listens_icmp_says_so_once_something_was_sent() {
    // Connected elsewhere, so that nothing reaches it, nor can anybody else have its port.
    let (silent, address) = server().await;
    let (_other, elsewhere) = server().await;
    silent.connect(elsewhere).await.expect("a route");
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let mut stream = connect(&session, address).await;
    session.send_datagram(stream.id(), datagram(b"anybody?"));
    assert_eq!(end_of(&mut stream).await, Code::ERR_TARGET_CONNECTION_REFUSED);
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn what_is_too_long_or_comes_from_elsewhere_is_not_passed_on() {
    let (socket, address) = server().await;
    let (stranger, _) = server().await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let (stream, from) = greeted(&session, &socket).await;
    socket.send_to(&[1; 1_201], from).await.expect("is sent");
    stranger.send_to(b"evil", from).await.expect("is sent");
    socket.send_to(b"good", from).await.expect("is sent");
    assert_eq!(soon(session.datagram()).await, Some((stream.id(), datagram(b"good"))));
    door.until("pageport_datagrams_dropped_total{reason=\"oversize\"} 1").await;

    session.send_datagram(stream.id(), Bytes::from(vec![1; 1_201]));
    session.send_datagram(stream.id() + 2, datagram(b"of no flow"));
    session.send_datagram(stream.id(), datagram(b"well"));
    assert_eq!(heard(&socket).await.0, b"well");
    door.until("pageport_datagrams_dropped_total{reason=\"unknown\"} 1").await;
    assert_eq!(session.stats().datagrams_dropped, 1, "the long one does not even leave");
}

#[tokio::test]
async fn a_flow_on_which_nothing_moves_ends_also_where_its_rule_does_not_say_so() {
    let ((socket, address), (patient, other)) = (server().await, server().await);
    let rules = format!("{}{}idle = \"1h\"\n[limits]\nudp_idle = \"1s\"\n", allow(address), allow(other));
    let door = open(&rules);
    let session = attach_with(&door, CALLER).await;
    let begun = Instant::now();
    let (kept, _) = greeted(&session, &patient).await;
    let (mut quiet, _) = greeted(&session, &socket).await;
    let (used, from) = greeted(&session, &socket).await;
    let using = async {
        // By turns, since each way counts.
        for turn in 0..20 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if turn % 2 == 0 {
                session.send_datagram(used.id(), datagram(b"a"));
                heard(&socket).await;
            } else {
                socket.send_to(b"b", from).await.expect("is sent");
                assert_eq!(soon(session.datagram()).await, Some((used.id(), datagram(b"b"))));
            }
        }
    };
    let ending = async {
        assert_eq!(end_of(&mut quiet).await, Code::ERR_TARGET_IDLE);
        let took = begun.elapsed();
        assert!((Duration::from_millis(950)..Duration::from_millis(1_900)).contains(&took), "{took:?}");
    };
    tokio::join!(using, ending);
    door.until("pageport_connects 2").await;
    drop((kept, used));
}

#[tokio::test]
async fn a_reload_ends_flows_that_are_not_allowed_any_more_and_no_others() {
    let ((socket, address), (other, second)) = (server().await, server().await);
    let both = allow(address) + &allow(second);
    let door = open(&both);
    let session = attach_with(&door, CALLER).await;
    let (mut cut, _) = greeted(&session, &socket).await;
    let (kept, _) = greeted(&session, &other).await;
    let begun = Instant::now();
    reload(&door, &allow(second));
    assert_eq!(end_of(&mut cut).await, Code::ERR_TARGET_FORBIDDEN);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    session.send_datagram(kept.id(), datagram(b"still here"));
    assert_eq!(heard(&other).await.0, b"still here");
    assert_eq!(refusal(&session, address).await.error, "ERR_TARGET_FORBIDDEN");
}

#[tokio::test]
async fn limits_of_a_rule_hold_for_datagrams_too() {
    let (socket, address) = server().await;
    let door = open(&format!("{}connections = 1\n", allow(address)));
    let session = attach_with(&door, CALLER).await;
    let (first, _) = greeted(&session, &socket).await;
    let refused = refusal(&session, address).await;
    assert_eq!((refused.error.as_str(), refused.retry_after), ("ERR_TARGET_LIMIT", Some(1)));
    drop(first);
    door.until("pageport_connects 0").await;

    reload(&door, &format!("{}lifetime = \"400ms\"\n", allow(address)));
    let (mut stream, _) = greeted(&session, &socket).await;
    assert_eq!(end_of(&mut stream).await, Code::ERR_TARGET_LIFETIME);

    reload(&door, &format!("{}bytes_per_second = \"16KiB\"\n", allow(address)));
    let (stream, from) = greeted(&session, &socket).await;
    let begun = Instant::now();
    kept(&session).await;
    let piece = [7; 1_024];
    for _ in 0..8 {
        session.send_datagram(stream.id(), Bytes::copy_from_slice(&piece));
        socket.send_to(&piece, from).await.expect("is sent");
    }
    for _ in 0..8 {
        heard(&socket).await;
        soon(session.datagram()).await.expect("a datagram");
    }
    // A second for all of it, less one piece each way, which may leave at once.
    let took = begun.elapsed();
    assert!((Duration::from_millis(800)..Duration::from_secs(10)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_flood_from_a_page_keeps_what_is_newest_and_no_more_than_a_burst() {
    const FLOOD: u64 = 10_000;
    let (socket, address) = server().await;
    // Slower than anybody floods.
    let door = open(&format!("{}bytes_per_second = \"1KiB\"\n", allow(address)));
    let mut page = RawCarrier::websocket(&door, &format!("Authorization: Bearer {CALLER}\r\n")).await;
    page.welcome(&hello()).await;
    let head = format!("{{\"connect\":\"udp://{address}\"}}");
    let reply = page.request(&head).await;
    assert!(reply.ends_with("{\"ok\":true}"), "{reply}");
    for number in 0..FLOOD {
        let bytes = [&number.to_be_bytes()[..], &[7; 1_192]].concat();
        page.send(&Frame::Datagram { flow: 1, bytes: bytes.into() }).await;
    }
    // When this one ends all that came before it has been taken, and counted with the flow's end.
    let reset = |stream, last| Frame::Reset { stream, code: Code::ERR_ABORTED, last };
    page.send(&reset(StreamId::new(1).expect("an id"), head.len() as u64 + 2)).await;
    door.until("pageport_connects 0").await;
    let mut sent = Vec::new();
    let mut buffer = [0; 2_048];
    while let Ok(length) = socket.try_recv(&mut buffer) {
        assert_eq!(length, 1_200);
        sent.push(u64::from_be_bytes(buffer[..8].try_into().expect("eight bytes")));
    }
    assert!(sent.is_sorted() && sent.len() < 100, "{sent:?}");
    // What was neither sent nor dropped waited for its turn: one, and 16 behind it. What the session still had when the flow ended is handed to nobody a moment later.
    let waiting = async {
        loop {
            let dropped = [
                door.metric("pageport_datagrams_dropped_total{reason=\"queue\"}").await,
                door.metric("pageport_datagrams_dropped_total{reason=\"unknown\"}").await,
            ];
            let waited = FLOOD - sent.len() as u64 - dropped.iter().sum::<u64>();
            assert!((16..=17 + 64).contains(&waited), "{waited} {dropped:?}");
            if waited <= 17 {
                return dropped;
            }
        }
    };
    let dropped = soon(waiting).await;
    println!("sent {} dropped {dropped:?}", sent.len());
    // What the wire does not allow costs the session.
    page.send(&Frame::Datagram { flow: 1, bytes: Bytes::from(vec![7; 1_201]) }).await;
    while !matches!(page.frame().await, Frame::Close(farewell) if farewell.code == Code::ERR_FRAME_MALFORMED)
    {
    }
}

#[tokio::test]
async fn a_flood_from_a_target_keeps_what_is_newest_for_a_page_that_takes_nothing() {
    const FLOOD: u32 = 10_000;
    let (socket, address) = server().await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let (stream, from) = greeted(&session, &socket).await;
    kept(&session).await;
    for number in 0..FLOOD {
        socket.send_to(&number.to_be_bytes(), from).await.expect("is sent");
        // The kernel drops what is not taken, and then nobody could say what was dropped where.
        if number % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let last = FLOOD.to_be_bytes();
    let mut taken = 0;
    // The last one shows that all before it have passed; it is repeated, since it may be lost as well.
    let telling = async {
        loop {
            socket.send_to(&last, from).await.expect("is sent");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let taking = async {
        while let Some((flow, bytes)) = session.datagram().await {
            assert_eq!(flow, stream.id());
            if *bytes == last {
                return;
            }
            taken += 1;
        }
    };
    tokio::select! {
        () = telling => {}
        () = soon(taking) => {}
    }
    // 64 here, as many at the gateway while they cannot leave, and what was on its way.
    println!("kept {taken}");
    assert!(taken < FLOOD);
}

#[tokio::test]
async fn a_flow_leaves_one_line_for_audits() {
    let log = Log::default();
    let lines = tracing_subscriber::fmt().json().with_writer(log.clone()).finish();
    let _logging = tracing::subscriber::set_default(lines);
    let (socket, address) = server().await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let (mut stream, from) = greeted(&session, &socket).await;
    socket.send_to(b"a secret", from).await.expect("is sent");
    soon(session.datagram()).await.expect("a datagram");
    stream.finish();
    assert_eq!(soon(stream.read_chunk()).await, Ok(None));
    door.until("pageport_connects 0").await;
    let audits = log.audits();
    let [line] = &audits[..] else { panic!("{audits:?}") };
    assert_eq!((&line["who"], &line["to"]), (&"caller".into(), &format!("udp://{address}").into()));
    assert_eq!(
        (&line["bytes_in"], &line["bytes_out"], &line["end"]),
        (&8.into(), &5.into(), &"complete".into())
    );
    assert!(!format!("{audits:?}").contains("secret"));
}
