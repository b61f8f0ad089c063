//! From the sockets to the end: binding, reloading, memory, draining.

use bytes::Bytes;
use pageport_gateway::{Config, Gateway};
use pageport_proto::frame::{Data, Frame, Mark, Resume};
use pageport_proto::session::Settings;
use pageport_proto::{Code, Role, StreamId};
use tokio::net::TcpListener;

use crate::client::{Client, soon};
use crate::door;
use crate::page::{self, RawCarrier};
use crate::wire::Wire;

#[tokio::test]
async fn both_families_share_one_port_and_admin_is_next_to_it() {
    let config = Config::dev(Some("0"), None, std::iter::empty()).expect("dev");
    let gateway = Gateway::bind(config).expect("free ports");
    let [v4, v6] = gateway.addresses() else { panic!("{:?}", gateway.addresses()) };
    assert!(v4.is_ipv4() && v6.is_ipv6() && v4.port() == v6.port() && v4.port() != 0);
    assert_ne!(gateway.admin_address().port(), v4.port());
    assert!(gateway.admin_address().ip().is_loopback());
    assert_eq!(gateway.public().url(), format!("http://localhost:{}/", v4.port()));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = taken.local_addr().expect("bound");
    let config = Config::dev(Some(&address.port().to_string()), None, std::iter::empty()).expect("dev");
    let error = Gateway::bind(config).err().expect("taken");
    assert_eq!(error.code(), Code::ERR_ADDRESS_IN_USE);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    let config = Config::dev(Some("192.0.2.1:7070"), None, std::iter::empty()).expect("dev");
    assert_eq!(Gateway::bind(config).err().expect("not here").code(), Code::ERR_ADDRESS_INVALID);
}

#[tokio::test]
async fn both_families_are_served() {
    let door = door::open_dev();
    for address in &door.addresses {
        let answer =
            Client::connect(*address).await.ask("GET /pageport.js HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert_eq!(answer.status, 200, "{address}");
    }
}

#[tokio::test]
async fn draining_lets_open_streams_finish_and_takes_nothing_new() {
    let door = door::open("[limits]\ndrain = \"20s\"");
    let (address, admin) = (door.address, door.admin);
    let page = page::listen(&door).await;
    let idle = page::listen(&door).await;
    let mut client = Client::connect(address).await;
    let knock = page.knock(&door, "/", "");
    let (_, (mut stream, _)) = tokio::join!(client.ask(&knock), page.admit(None));
    let gone = door.close();

    assert_eq!(
        soon(idle.session.closed()).await,
        Code::ERR_GOING_AWAY,
        "a session without visitors ends at once"
    );
    let ready = Client::connect(admin).await.ask("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, "draining\n"));
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "the front door is closed");

    client.send("last words").await;
    assert_eq!(soon(stream.read_chunk()).await.expect("bytes").as_deref(), Some(&b"last words"[..]));
    soon(stream.write_chunk(Bytes::from_static(b"good bye"))).await.expect("is taken");
    stream.finish();
    assert_eq!(client.bytes(8).await, b"good bye");
    assert!(client.ends_cleanly().await);
    drop(client);
    soon(gone).await.expect("ends well");
    assert_eq!(soon(page.session.closed()).await, Code::ERR_GOING_AWAY);
}

#[tokio::test]
async fn a_drain_has_an_end() {
    let door = door::open("[limits]\ndrain = \"300ms\"");
    let page = page::listen(&door).await;
    let mut client = Client::connect(door.address).await;
    let knock = page.knock(&door, "/", "");
    let (_, (_stream, _)) = tokio::join!(client.ask(&knock), page.admit(None));
    soon(door.close()).await.expect("ends well");
    assert!(client.ends().await);
    assert_eq!(soon(page.session.closed()).await, Code::ERR_GOING_AWAY);
}

#[tokio::test]
async fn a_reload_counts_for_who_comes_later() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let attach = page::handshake(
        "/link",
        "localhost",
        "Sec-WebSocket-Protocol: pageport.v1\r\nOrigin: https://a.example\r\n",
    );
    door.ask(&attach).await.refuses(403, "ERR_ORIGIN_FORBIDDEN");
    let changed = door::config(
        "[link]\norigins = [\"https://a.example\"]\n[limits]\nlisteners_per_session = 1\nlease = \"7s\"",
    );
    door.handle.reload(changed.policy);
    assert_eq!(door.ask(&attach).await.status, 101);
    assert!(door.get("/.well-known/pageport").await.body.contains("\"lease\": 7"));
    let knock = page.knock(&door, "/", "");
    let (answer, _) = tokio::join!(door.ask(&knock), page.admit(None));
    assert_eq!(answer.status, 101, "what was open stays open");
}

/// Two pages go away while their visitors push; what is kept for both is 88 % of 16 MiB.
#[tokio::test]
async fn when_memory_runs_short_the_page_that_is_away_longest_goes_first() {
    const VISITORS: usize = 113;
    let door = door::open("[limits]\nmemory = \"16MiB\"\nparked_wait = \"0ms\"");
    let (first_wire, second_wire) = (Wire::to(door.address).await, Wire::to(door.address).await);
    // Pages that grant every stream a whole window.
    let settings = Settings { receive: 64 << 20, ..Settings::new(Role::Page) };
    let first = page::listen_with(&door, first_wire.address, settings.clone()).await;
    let second = page::listen_with(&door, second_wire.address, settings).await;
    let bystander = page::listen(&door).await;
    let mut open = Vec::new();
    for page in [&first, &second] {
        let knock = page.knock(&door, "/", "");
        for _ in 0..VISITORS {
            let mut client = Client::connect(door.address).await;
            let (_, (mut stream, _)) = tokio::join!(client.ask(&knock), page.admit(None));
            // More than a new stream's limit: once it is through, the page has granted a whole window.
            client.send([0; 5_000]).await;
            let mut read = 0;
            while read < 5_000 {
                read += soon(stream.read_chunk()).await.expect("bytes").expect("more").len();
            }
            open.push((client, stream));
        }
    }
    first_wire.cut();
    door.until("pageport_sessions{state=\"parked\"} 1").await;
    second_wire.cut();
    door.until("pageport_sessions{state=\"parked\"} 2").await;
    for (client, _) in &mut open {
        // What the page has granted, and not a byte more, is taken; the rest stays with the visitor.
        let _ = client.socket.try_write(&[1; 65_536]);
    }
    door.until("pageport_sessions_ended_total{code=\"ERR_OVERLOADED\"} 1").await;
    first_wire.mend();
    second_wire.mend();
    assert_eq!(soon(first.session.closed()).await, Code::ERR_SESSION_LOST);
    let knock = second.knock(&door, "/", "");
    door.until("pageport_sessions{state=\"attached\"} 2").await;
    let (answer, _) = tokio::join!(door.ask(&knock), second.admit(None));
    assert_eq!(answer.status, 101, "the one that left later is back");
    let knock = bystander.knock(&door, "/", "");
    let (answer, _) = tokio::join!(door.ask(&knock), bystander.admit(None));
    assert_eq!(answer.status, 101, "who was never away was never asked to go");
}

/// A page that was let in opens as many streams as it may and sends a part of a head on each: 16 MiB that nobody can refuse it.
#[tokio::test]
async fn a_session_that_takes_all_memory_ends_and_the_others_stay() {
    let door = door::open("[limits]\nmemory = \"16MiB\"");
    let bystander = page::listen(&door).await;
    let mut hog = RawCarrier::bytes(&door, "").await;
    hog.welcome(&page::hello_with(Some(door::TOKEN))).await;
    hog.send(&Frame::Resume(Resume { end: true, highest: 0, entries: Vec::new() })).await;
    let mut head = vec![0x80, 0x00, 0x40, 0x00];
    head.resize(4_096, b' ');
    for at in 0..4_096 {
        let stream = StreamId::new(2 * at + 1).expect("an id");
        hog.try_send(&Frame::Data(Data { stream, offset: 0, mark: Mark::None, bytes: head.clone().into() }))
            .await;
    }
    let code = loop {
        if let Frame::Close(farewell) = hog.frame().await {
            break farewell.code;
        }
    };
    assert_eq!(code, Code::ERR_OVERLOADED);
    let knock = bystander.knock(&door, "/", "");
    let (answer, _) = tokio::join!(door.ask(&knock), bystander.admit(None));
    assert_eq!(answer.status, 101);
}

#[tokio::test]
async fn a_session_that_is_never_confirmed_or_whose_lease_is_over_ends() {
    let door = door::open("[limits]\nlease = \"1s\"");
    let wire = Wire::to(door.address).await;
    let page = page::listen_with(&door, wire.address, Settings::new(Role::Page)).await;
    wire.cut();
    door.until("pageport_sessions_ended_total{code=\"ERR_SESSION_LOST\"} 1").await;
    let knock = page.knock(&door, "/", "");
    door.ask(&knock).await.refuses(404, "ERR_LISTENER_UNKNOWN");
    wire.mend();
    assert_eq!(soon(page.session.closed()).await, Code::ERR_SESSION_LOST);
}
