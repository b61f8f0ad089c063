//! Listeners at public ports: who gets which, what flows, what is cut, and what each limit does.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use bytes::Bytes;
use pageport_link::{Session, Stream, StreamError};
use pageport_proto::Code;
use pageport_proto::head::{
    Accepted, Claim, Headers, Kind, Listen, ListeningPort, Ready, Refusal, Reply, Request, TcpVisit, Visit,
};
use pageport_proto::session::Settings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::claimant::{Claimant, reset};
use crate::client::{Client, soon};
use crate::door::{Door, TOKEN, open, open_dev, token_section};
use crate::page::{attach, attach_with, handshake, listen_with};
use crate::wire::Wire;

/// Ports in a row that are free now, and that no other test here takes.
pub(crate) fn free_ports(count: u16) -> (u16, String) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let at = NEXT.fetch_add(count, Ordering::Relaxed);
        let offset = u16::try_from(std::process::id() % 300).expect("small") * 32;
        let first = 20_000 + (offset + at) % 10_000;
        if (first..first + count).all(|port| TcpListener::bind(("0.0.0.0", port)).is_ok()) {
            return (first, format!("{first}-{}", first + count - 1));
        }
    }
}

fn open_with_ports(count: u16, limits: &str) -> (Door, u16) {
    let (first, range) = free_ports(count);
    (open(&format!("[tcp]\nports = \"{range}\"\n[limits]\n{limits}\n")), first)
}

async fn ask(session: &Session, port: u16) -> (Stream, Result<ListeningPort, String>) {
    ask_with(session, port, None).await
}

async fn ask_with(
    session: &Session,
    port: u16,
    claim: Option<Claim>,
) -> (Stream, Result<ListeningPort, String>) {
    let wish = Listen { port: Some(port), claim, ..Listen::new(Kind::Tcp) };
    let mut stream = session.open(&Request::Listen(wish)).expect("opens");
    let reply = Reply::parse(&soon(stream.reply()).await.expect("a reply")).expect("a good reply");
    match reply {
        Reply::Ok(listening) => (stream, Ok(listening)),
        Reply::Refused(refusal) => (stream, Err(refusal.error)),
    }
}

/// A listener at any port, and where it is.
async fn listen(session: &Session) -> (Stream, SocketAddr) {
    let (stream, listening) = ask(session, 0).await;
    (stream, SocketAddr::from(([127, 0, 0, 1], listening.expect("a port").port)))
}

async fn next(session: &Session) -> (Stream, TcpVisit) {
    let stream = soon(session.accept()).await.expect("a visitor");
    let Ok(Visit::Tcp(visit)) = Visit::parse(stream.head()) else { panic!("not a TCP connection") };
    (stream, visit)
}

async fn admit(session: &Session) -> Stream {
    let (mut stream, _) = next(session).await;
    stream.respond(&Reply::Ok(Ready {})).expect("is sent");
    stream
}

async fn connect(address: SocketAddr) -> TcpStream {
    soon(TcpStream::connect(address)).await.expect("connects")
}

/// Whether the connection ends by a reset.
async fn is_reset(socket: &mut TcpStream) -> bool {
    let ended = soon(socket.read(&mut [0; 64])).await;
    ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
}

/// Whether a new connection is turned away. The reset may come before the connection looks made.
async fn is_turned_away(address: SocketAddr) -> bool {
    match soon(TcpStream::connect(address)).await {
        Ok(mut socket) => is_reset(&mut socket).await,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

async fn read_to_end(stream: &mut Stream) -> Result<Vec<u8>, StreamError> {
    let mut all = Vec::new();
    while let Some(chunk) = soon(stream.read_chunk()).await? {
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}

#[tokio::test]
async fn bytes_flow_both_ways_and_each_way_ends_on_its_own() {
    let (door, first) = open_with_ports(4, "");
    let session = attach(&door).await;
    let (_listener, listening) = ask(&session, 0).await;
    let ListeningPort { host, port, url } = listening.expect("a port");
    assert!((first..first + 4).contains(&port), "{port}");
    assert_eq!((host.as_str(), url), ("localhost", format!("tcp://localhost:{port}")));

    // The visitor is done first; what it said before the answer has waited.
    let mut visitor = connect(([127, 0, 0, 1], port).into()).await;
    visitor.write_all(b"question").await.expect("is sent");
    visitor.shutdown().await.expect("is sent");
    let (mut stream, visit) = next(&session).await;
    assert_eq!(visit.listener, format!(":{port}"));
    stream.respond(&Reply::Ok(Ready {})).expect("is sent");
    assert_eq!(read_to_end(&mut stream).await, Ok(b"question".to_vec()));
    stream.write_chunk(Bytes::from_static(b"answer")).await.expect("is sent");
    stream.finish();
    let mut answer = String::new();
    soon(visitor.read_to_string(&mut answer)).await.expect("an end in order");
    assert_eq!(answer, "answer");

    // The page is done first. Over the other family of loopback, where there is one.
    let address = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port));
    let mut visitor = connect(if door.addresses.len() > 1 { address } else { door_port(port) }).await;
    let mut stream = admit(&session).await;
    stream.write_chunk(Bytes::from_static(b"greeting")).await.expect("is sent");
    stream.finish();
    let mut greeting = String::new();
    soon(visitor.read_to_string(&mut greeting)).await.expect("an end in order");
    visitor.write_all(&[7; 200_000]).await.expect("is sent");
    visitor.shutdown().await.expect("is sent");
    assert_eq!(greeting, "greeting");
    assert_eq!(read_to_end(&mut stream).await.expect("an end in order").len(), 200_000);
}

fn door_port(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

#[tokio::test]
async fn what_is_cut_short_or_refused_is_a_reset_on_the_other_side() {
    let (door, _) = open_with_ports(1, "");
    let session = attach(&door).await;
    let (_listener, address) = listen(&session).await;

    let mut visitor = connect(address).await;
    let mut stream = admit(&session).await;
    stream.write_chunk(Bytes::from_static(b"half")).await.expect("is sent");
    assert_eq!(soon(visitor.read(&mut [0; 64])).await.expect("is read"), 4);
    stream.reset(Code::ERR_ABORTED);
    assert!(is_reset(&mut visitor).await, "the page broke off");

    let visitor = connect(address).await;
    let mut stream = admit(&session).await;
    visitor.set_zero_linger().expect("an option");
    drop(visitor);
    assert_eq!(read_to_end(&mut stream).await, Err(StreamError::Reset(Code::ERR_VISITOR_GONE)));

    let mut visitor = connect(address).await;
    let (mut stream, _) = next(&session).await;
    let refusal = Refusal::new(Code::ERR_REJECTED, "no");
    stream.respond(&Reply::<Ready>::Refused(refusal)).expect("is sent");
    assert!(is_reset(&mut visitor).await, "the page refused");

    let visitor = connect(address).await;
    let (mut stream, _) = next(&session).await;
    visitor.set_zero_linger().expect("an option");
    drop(visitor);
    assert_eq!(
        read_to_end(&mut stream).await,
        Err(StreamError::Reset(Code::ERR_VISITOR_GONE)),
        "before the answer"
    );
}

#[tokio::test]
async fn a_visitor_whose_bytes_are_not_wanted_still_gets_the_whole_answer() {
    let (door, _) = open_with_ports(1, "");
    let session = attach(&door).await;
    let (_listener, address) = listen(&session).await;
    let visitor = connect(address).await;
    let mut stream = admit(&session).await;
    stream.stop(Code::ERR_ABORTED);
    let (mut read, mut write) = visitor.into_split();
    let flood = tokio::spawn(async move { while write.write_all(&[1; 10_000]).await.is_ok() {} });
    stream.write_chunk(vec![2; 300_000].into()).await.expect("is sent");
    stream.finish();
    let mut answer = Vec::new();
    soon(read.read_to_end(&mut answer)).await.expect("an end in order");
    assert_eq!(answer.len(), 300_000);
    flood.abort();
}

#[tokio::test]
async fn two_sessions_cannot_have_the_same_port_and_it_rests_for_its_owner() {
    let (door, port) = open_with_ports(1, "");
    let (first, second) = (attach(&door).await, attach(&door).await);
    let (mut listener, listening) = ask(&first, port).await;
    assert_eq!(listening.expect("the port").port, port);
    for wanted in [port, 0] {
        assert_eq!(ask(&second, wanted).await.1, Err("ERR_PORT_UNAVAILABLE".into()), "taken");
    }
    listener.finish();
    assert_eq!(soon(listener.read_chunk()).await, Ok(None));
    let refused = TcpStream::connect(door_port(port)).await.map_err(|error| error.kind());
    assert_eq!(refused.err(), Some(std::io::ErrorKind::ConnectionRefused), "closed at once");
    for wanted in [port, 0] {
        assert_eq!(ask(&second, wanted).await.1, Err("ERR_PORT_UNAVAILABLE".into()), "it rests");
    }
    assert_eq!(ask(&first, 0).await.1.expect("its own again").port, port);
    first.close(Code::NO_ERROR, "");
    soon(first.finished()).await;
    assert_eq!(ask(&second, port).await.1, Err("ERR_PORT_UNAVAILABLE".into()), "and outlives its session");
}

#[tokio::test]
async fn a_port_that_rests_no_longer_is_free_for_all() {
    let (door, port) = open_with_ports(1, "port_rest = \"0s\"");
    let (first, second) = (attach(&door).await, attach(&door).await);
    let (mut listener, _) = ask(&first, port).await;
    listener.finish();
    assert_eq!(soon(listener.read_chunk()).await, Ok(None));
    assert_eq!(ask(&second, port).await.1.expect("the port").port, port);
}

/// Listens at a port and gives it up again.
async fn use_once(session: &Session, port: u16) {
    let (mut listener, listening) = ask(session, port).await;
    assert_eq!(listening.expect("the port").port, port);
    listener.finish();
    assert_eq!(soon(listener.read_chunk()).await, Ok(None));
}

#[tokio::test]
async fn nobody_has_more_ports_at_rest_than_listeners() {
    let taken = Err("ERR_PORT_UNAVAILABLE".to_owned());
    let (door, port) = open_with_ports(3, "listeners_per_session = 2");
    let (greedy, other) = (attach(&door).await, attach(&door).await);
    use_once(&greedy, port).await;
    use_once(&greedy, port + 1).await;
    assert_eq!(ask(&other, port).await.1, taken, "control: as many as listeners");
    use_once(&greedy, port + 2).await;
    use_once(&other, port).await;
    for rests in [port + 1, port + 2] {
        assert_eq!(ask(&other, rests).await.1, taken);
    }

    let (first, range) = free_ports(2);
    let one = token_section("one", "for-one-listener", "[\"listen\"]") + "listeners = 1";
    let door = open(&format!("[tcp]\nports = \"{range}\"\n{one}\n"));
    // A session for each port does not help.
    use_once(&attach_with(&door, "for-one-listener").await, first).await;
    let other = attach(&door).await;
    assert_eq!(ask(&other, first).await.1, taken, "control");
    use_once(&attach_with(&door, "for-one-listener").await, first + 1).await;
    use_once(&other, first).await;
    assert_eq!(ask(&other, first + 1).await.1, taken);
}

/// What a key is given that asks for this port: the port, or the code of the refusal.
async fn claim(claimant: &Claimant, session: &Session, port: u16) -> (Stream, Result<u16, String>) {
    let claim = claimant.claim(session, &format!(":{port}"));
    let (stream, listening) = ask_with(session, port, Some(claim)).await;
    (stream, listening.map(|listening| listening.port))
}

#[tokio::test]
async fn a_port_is_kept_for_its_key_in_whichever_session() {
    let (door, port) = open_with_ports(1, "");
    let (one, other) = (Claimant::new(&door, 1), Claimant::new(&door, 2));
    let first = attach(&door).await;
    assert_eq!(claim(&one, &first, 0).await.1, Ok(port));
    first.close(Code::NO_ERROR, "");
    soon(first.finished()).await;
    let stranger = attach(&door).await;
    assert_eq!(claim(&other, &stranger, port).await.1, Err("ERR_PORT_UNAVAILABLE".into()), "another key");
    assert_eq!(ask(&stranger, port).await.1, Err("ERR_PORT_UNAVAILABLE".into()), "no key");
    let second = attach(&door).await;
    let (mut listener, again) = claim(&one, &second, 0).await;
    assert_eq!(again, Ok(port), "found again, also as any");
    assert_eq!(claim(&one, &second, port).await.1, Err("ERR_PORT_UNAVAILABLE".into()), "once only");
    listener.finish();
    assert_eq!(soon(listener.read_chunk()).await, Ok(None));
    assert_eq!(ask(&second, port).await.1.expect("no second proof").port, port);
    second.close(Code::NO_ERROR, "");
    soon(second.finished()).await;
    let third = attach(&door).await;
    assert_eq!(claim(&one, &third, port).await.1, Ok(port), "and it is the key's still");
}

#[tokio::test]
async fn a_newer_session_of_the_same_key_takes_the_port_over() {
    let (door, port) = open_with_ports(1, "");
    let (one, other) = (Claimant::new(&door, 1), Claimant::new(&door, 2));
    let (old, stranger, new) = (attach(&door).await, attach(&door).await, attach(&door).await);
    let (listener, taken) = claim(&one, &old, port).await;
    assert_eq!(taken, Ok(port));
    let mut visitor = connect(door_port(port)).await;
    let mut stream = admit(&old).await;
    assert_eq!(claim(&other, &stranger, port).await.1, Err("ERR_PORT_UNAVAILABLE".into()), "another key");
    let (_listener, taken) = claim(&one, &new, port).await;
    assert_eq!(taken, Ok(port));
    assert!(reset(listener).await.contains("ERR_NAME_REPLACED"));
    let _next = connect(door_port(port)).await;
    admit(&new).await;
    visitor.write_all(b"still here").await.expect("is sent");
    assert_eq!(soon(stream.read_chunk()).await, Ok(Some(Bytes::from_static(b"still here"))));
    assert_eq!(ask(&old, port).await.1, Err("ERR_PORT_UNAVAILABLE".into()), "what it had proven is void");
}

#[tokio::test]
async fn a_claim_is_good_for_its_own_port_once() {
    let (door, port) = open_with_ports(2, "");
    let (session, claimant) = (attach(&door).await, Claimant::new(&door, 1));
    let of_first = claimant.claim(&session, &format!(":{port}"));
    let wrong = ask_with(&session, port + 1, Some(of_first.clone())).await.1;
    assert_eq!(wrong, Err("ERR_CLAIM_INVALID".into()), "another port");
    let of_any = claimant.claim(&session, ":0");
    let (_listener, taken) = ask_with(&session, 0, Some(of_any.clone())).await;
    assert!(taken.is_ok());
    let again = ask_with(&session, 0, Some(of_any)).await.1;
    assert_eq!(again, Err("ERR_CLAIM_STALE".into()), "the nonce has served");
}

#[tokio::test]
async fn a_claim_that_got_no_port_can_be_made_again() {
    let (door, port) = open_with_ports(1, "port_rest = \"0s\"");
    let (other, session) = (attach(&door).await, attach(&door).await);
    let (mut listener, _) = ask(&other, port).await;
    let claim = Claimant::new(&door, 1).claim(&session, &format!(":{port}"));
    let refused = ask_with(&session, port, Some(claim.clone())).await.1;
    assert_eq!(refused, Err("ERR_PORT_UNAVAILABLE".into()));
    listener.finish();
    assert_eq!(soon(listener.read_chunk()).await, Ok(None));
    let (_listener, taken) = ask_with(&session, port, Some(claim)).await;
    assert_eq!(taken.expect("the nonce has served nothing yet").port, port);
}

#[tokio::test]
async fn only_free_ports_of_the_range_exist() {
    let (door, first) = open_with_ports(2, "");
    let session = attach(&door).await;
    for port in [first - 1, first + 2, 22, door.address.port()] {
        assert_eq!(ask(&session, port).await.1, Err("ERR_PORT_UNAVAILABLE".into()), "{port}");
    }
    let other_program = TcpListener::bind(("127.0.0.1", first)).expect("free");
    assert_eq!(ask(&session, first).await.1, Err("ERR_PORT_UNAVAILABLE".into()));
    assert_eq!(ask(&session, 0).await.1.expect("the other one").port, first + 1);
    drop(other_program);

    let without = open("");
    assert_eq!(ask(&attach(&without).await, 0).await.1, Err("ERR_PORT_UNAVAILABLE".into()));
}

#[tokio::test]
async fn a_public_port_needs_a_credential_that_may_listen_and_in_dev_an_origin_is_enough() {
    let (_, range) = free_ports(1);
    let token = token_section("idle", "may-nothing", "[\"connect\"]");
    let door = open(&format!("[tcp]\nports = \"{range}\"\n{token}"));
    let idle = attach_with(&door, "may-nothing").await;
    assert_eq!(ask(&idle, 0).await.1, Err("ERR_LISTEN_FORBIDDEN".into()));
    assert!(ask(&attach(&door).await, 0).await.1.is_ok(), "control: {TOKEN}");

    // What a page of an allowed origin may, a raw carrier asks.
    let dev = open_dev();
    let mut page = crate::page::RawCarrier::websocket(&dev, "Origin: http://localhost:3000\r\n").await;
    page.welcome(&crate::page::hello()).await;
    let reply = page.request("{\"listen\":\"tcp\"}").await;
    assert!(reply.contains("\"host\":\"localhost\",\"port\":71"), "{reply}");

    let door = open(&format!("[tcp]\nports = \"{range}\"\n[link]\norigins = [\"https://app.example\"]"));
    let mut page = crate::page::RawCarrier::websocket(&door, "Origin: https://app.example\r\n").await;
    page.welcome(&crate::page::hello()).await;
    let reply = page.request("{\"listen\":\"tcp\"}").await;
    assert!(reply.contains("ERR_LISTEN_FORBIDDEN"), "a public page cannot keep a secret: {reply}");
}

#[tokio::test]
async fn connections_above_a_limit_are_reset_and_the_others_live() {
    let (door, _) = open_with_ports(1, "port_connections = 2");
    let session = attach(&door).await;
    let (_listener, address) = listen(&session).await;
    let mut good = Vec::new();
    for _ in 0..2 {
        let visitor = connect(address).await;
        good.push((visitor, admit(&session).await));
    }
    assert!(is_turned_away(address).await, "the third");
    for (visitor, stream) in &mut good {
        visitor.write_all(b"still here").await.expect("is sent");
        assert_eq!(soon(stream.read_chunk()).await, Ok(Some(Bytes::from_static(b"still here"))));
    }
    door.until("pageport_refusals_total{code=\"ERR_CONNECTION_LIMIT\"} 1").await;
    let (_, mut stream) = good.remove(0);
    stream.finish();
    assert_eq!(soon(stream.read_chunk()).await, Ok(None));
    door.until("pageport_connections 2").await;
    let _visitor = connect(address).await;
    admit(&session).await;
}

#[tokio::test]
async fn those_that_wait_for_the_page_are_counted_too() {
    let (door, _) = open_with_ports(1, "port_accept_queue = 1\naccept_timeout = \"2s\"");
    let session = attach(&door).await;
    let (_listener, address) = listen(&session).await;
    let mut first = connect(address).await;
    let (stream, _) = next(&session).await;
    assert!(is_turned_away(address).await, "one too many");
    assert!(is_reset(&mut first).await, "the page takes too long");
    door.until("pageport_refusals_total{code=\"ERR_LISTENER_BUSY\"} 1").await;
    door.until("pageport_refusals_total{code=\"ERR_ACCEPT_TIMEOUT\"} 1").await;
    drop(stream);
    let _visitor = connect(address).await;
    admit(&session).await;
}

#[tokio::test]
async fn what_comes_faster_than_the_rate_is_reset() {
    let (door, _) = open_with_ports(1, "port_accept_rate = 1");
    let session = attach(&door).await;
    let (_listener, address) = listen(&session).await;
    let _visitor = connect(address).await;
    assert!(is_turned_away(address).await, "the second in a second");
    admit(&session).await;
    door.until("pageport_refusals_total{code=\"ERR_RATE_LIMIT\"} 1").await;
}

#[tokio::test]
async fn the_gateways_connections_count_these_too() {
    // One is the carrier.
    let (door, _) = open_with_ports(1, "connections = 2");
    let session = attach(&door).await;
    let (_listener, address) = listen(&session).await;
    let _visitor = connect(address).await;
    let _stream = admit(&session).await;
    assert!(is_turned_away(address).await);
}

/// A listener whose page is away, and what brings it back.
async fn away(wait: &str) -> (Door, Wire, Session, Stream, SocketAddr) {
    let (door, _) = open_with_ports(1, &format!("parked_wait = \"{wait}\""));
    let wire = Wire::to(door.address).await;
    let session = listen_with(&door, wire.address, Settings::new(pageport_proto::Role::Page)).await.session;
    let (listener, address) = listen(&session).await;
    wire.cut();
    door.until("pageport_sessions{state=\"parked\"} 1").await;
    (door, wire, session, listener, address)
}

#[tokio::test]
async fn connections_wait_for_a_page_that_is_away() {
    let (_door, wire, session, _listener, address) = away("20s").await;
    let mut visitor = connect(address).await;
    visitor.write_all(b"hello").await.expect("waits in the kernel");
    wire.mend();
    let mut stream = admit(&session).await;
    assert_eq!(soon(stream.read_chunk()).await, Ok(Some(Bytes::from_static(b"hello"))));
}

#[tokio::test]
async fn connections_to_a_page_that_stays_away_are_reset() {
    let (_door, _wire, _session, _listener, address) = away("100ms").await;
    assert!(is_turned_away(address).await);
}

#[tokio::test]
async fn visitors_have_opaque_ids_and_pages_never_see_addresses() {
    let (door, _) = open_with_ports(2, "");
    let session = attach(&door).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (_listener, address) = listen(&session).await;
        for _ in 0..2 {
            let _visitor = connect(address).await;
            let (stream, visit) = next(&session).await;
            assert!(!String::from_utf8_lossy(stream.head()).contains("127.0.0.1"));
            ids.push(visit.peer);
        }
    }
    assert_eq!(ids[0], ids[1], "the same address at the same listener");
    drop(door);
}

#[tokio::test]
async fn the_end_of_the_gateway_closes_its_ports() {
    let (door, port) = open_with_ports(1, "");
    let session = attach(&door).await;
    let (mut listener, _) = ask(&session, port).await;
    let end = door.close();
    let ended = soon(listener.read_chunk()).await;
    assert_eq!(ended, Err(StreamError::Reset(Code::ERR_GOING_AWAY)));
    soon(end).await.expect("ends");
    assert!(Client::try_connect(door_port(port)).await.is_none());
}

#[tokio::test]
async fn a_connection_that_outlives_its_listener_finds_nobody() {
    let (door, _) = open_with_ports(1, "");
    let session = attach(&door).await;
    let wish = Listen { port: Some(0), ..Listen::new(Kind::WebSocket) };
    let mut listener = session.open(&Request::Listen(wish)).expect("opens");
    let reply = soon(listener.reply()).await.expect("a reply");
    let Ok(Reply::<ListeningPort>::Ok(ListeningPort { port, .. })) = Reply::parse(&reply) else {
        panic!("{reply:?}")
    };
    let mut visitor = Client::connect(door_port(port)).await;
    door.until("pageport_connections 2").await;
    listener.finish();
    assert_eq!(soon(listener.read_chunk()).await, Ok(None));
    let answer = visitor.ask(&handshake("/", &format!("localhost:{port}"), "")).await;
    answer.refuses(404, "ERR_LISTENER_UNKNOWN");
}

#[tokio::test]
async fn a_websocket_listener_has_a_port_to_itself() {
    let (door, port) = open_with_ports(1, "port_connections = 3");
    let session = attach(&door).await;
    let wish = Listen { port: Some(0), ..Listen::new(Kind::WebSocket) };
    let mut listener = session.open(&Request::Listen(wish)).expect("opens");
    let reply = soon(listener.reply()).await.expect("a reply");
    let Ok(Reply::<ListeningPort>::Ok(listening)) = Reply::parse(&reply) else { panic!("{reply:?}") };
    assert_eq!((listening.port, listening.url), (port, format!("ws://localhost:{port}/")));

    let mut visitor = Client::connect(door_port(port)).await;
    visitor.send(handshake("/path?query", &format!("localhost:{port}"), "X-Own: 1\r\n")).await;
    let mut stream = soon(session.accept()).await.expect("a visitor");
    let Ok(Visit::WebSocket(visit)) = Visit::parse(stream.head()) else { panic!("not a handshake") };
    assert_eq!(
        (visit.listener, visit.url),
        (format!(":{port}"), format!("ws://localhost:{port}/path?query"))
    );
    assert_eq!(visit.headers.get("x-own"), Some("1"));
    stream.respond(&Reply::Ok(Accepted { status: 101, headers: Headers::default() })).expect("is sent");
    assert_eq!(visitor.answer().await.status, 101);
    stream.write_chunk(Bytes::from_static(b"frames")).await.expect("is sent");
    assert_eq!(visitor.bytes(6).await, b"frames");

    // Nothing else is there, whoever it is asked for.
    for (host, path, status, code) in [
        (format!("localhost:{port}"), "/", 426, "ERR_UPGRADE_REQUIRED"),
        (format!("localhost:{port}"), "/link", 426, "ERR_UPGRADE_REQUIRED"),
        (format!("localhost:{}", door.address.port()), "/", 421, "ERR_HOST_UNKNOWN"),
        ("localhost".to_owned(), "/", 421, "ERR_HOST_UNKNOWN"),
        (format!("evil.example:{port}"), "/", 421, "ERR_HOST_UNKNOWN"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        Client::connect(door_port(port)).await.ask(&request).await.refuses(status, code);
        door.until("pageport_connections 2").await;
    }
    let _second = connect(door_port(port)).await;
    let _third = connect(door_port(port)).await;
    door.until("pageport_connections 4").await;
    assert!(is_turned_away(door_port(port)).await, "the fourth");
}
