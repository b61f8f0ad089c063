//! Native programs: a listener that keeps itself alive, and visitors that dial.

use pageport_gateway::{Config, Gateway};
use pageport_link::head::{Accepted, Headers, Kind, Listen, Refusal, Visit};
use pageport_link::{
    Address, Connector, HALVES, Identity, ListenError, Listener, Messages, Phase, Visitor, dial,
};
use pageport_proto::Code;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

use crate::client::soon;
use crate::door::{Door, TOKEN, config, open};
use crate::ports::free_ports;

fn connector(door: &Door) -> Connector {
    let connector = Connector::new(&format!("http://{}", door.host)).expect("an address");
    connector.dial(door.address).credential(TOKEN.to_owned())
}

async fn start(door: &Door, wish: Listen) -> Listener {
    soon(Listener::start(connector(door), wish)).await.expect("listens")
}

async fn next(listener: &mut Listener) -> Visitor {
    soon(listener.accept()).await.expect("a visitor")
}

/// A gateway on this door's port, as a URL for visitors.
fn own_url(door: &Door, listener: &Listener) -> String {
    let Address::Name(name) = listener.address() else { panic!("not a name") };
    format!("ws://{}.localhost:{}/", name.name, door.address.port())
}

#[tokio::test]
async fn a_program_listens_at_a_port_and_another_one_dials_it() {
    let (_, range) = free_ports(1);
    let door = open(&format!("[tcp]\nports = \"{range}\""));
    let mut listener = start(&door, Listen::new(Kind::Tcp)).await;
    let mut visitor = soon(dial(listener.address().url())).await.expect("connects");
    let mut stream = next(&mut listener).await.admit().expect("is sent");
    visitor.write_all(b"question").await.expect("is sent");
    visitor.shutdown().await.expect("is sent");
    let mut question = String::new();
    soon(stream.read_to_string(&mut question)).await.expect("an end in order");
    stream.write_all(b"answer").await.expect("is sent");
    stream.shutdown().await.expect("is sent");
    let mut answer = String::new();
    soon(visitor.read_to_string(&mut answer)).await.expect("an end in order");
    assert_eq!((question.as_str(), answer.as_str()), ("question", "answer"));
}

#[tokio::test]
async fn two_programs_have_half_close_over_a_websocket() {
    let door = open("");
    let mut listener = start(&door, Listen::new(Kind::WebSocket)).await;
    let url = own_url(&door, &listener);
    let dialling = tokio::spawn(async move { dial(&url).await });
    let visitor = next(&mut listener).await;
    let Visit::WebSocket(visit) = &visitor.visit else { panic!("not a handshake") };
    assert_eq!(visit.headers.get("sec-websocket-protocol"), Some(HALVES));
    let mut headers = Headers::default();
    headers.push("sec-websocket-protocol", HALVES).expect("a field");
    let stream = visitor.respond(Accepted { status: 101, headers }).expect("is sent");
    let mut stream = Messages::server(stream, true);
    let mut visitor = soon(dialling).await.expect("no panic").expect("connects");

    visitor.write_all(&[1; 200_000]).await.expect("is sent");
    visitor.shutdown().await.expect("is sent");
    let mut all = Vec::new();
    soon(stream.read_to_end(&mut all)).await.expect("an end in order");
    assert_eq!(all.len(), 200_000);
    stream.write_all(b"after your end").await.expect("is sent");
    stream.shutdown().await.expect("is sent");
    let mut answer = String::new();
    soon(visitor.read_to_string(&mut answer)).await.expect("an end in order");
    assert_eq!(answer, "after your end");
}

#[tokio::test]
async fn what_breaks_off_is_an_error_for_who_dialled() {
    let door = open("");
    let mut listener = start(&door, Listen::new(Kind::WebSocket)).await;
    for orderly in [true, false] {
        let url = own_url(&door, &listener);
        let dialling = tokio::spawn(async move { dial(&url).await });
        let stream = next(&mut listener).await.admit().expect("is sent");
        let mut visitor = soon(dialling).await.expect("no panic").expect("connects");
        let stream = Messages::server(stream, false);
        let reading = tokio::spawn(async move { visitor.read_to_end(&mut Vec::new()).await });
        if orderly {
            soon(stream.close()).await.expect("the visitor answers");
        } else {
            drop(stream);
        }
        assert_eq!(soon(reading).await.expect("no panic").is_ok(), orderly);
    }
}

#[tokio::test]
async fn who_dials_a_listener_that_refuses_learns_its_code() {
    let door = open("");
    let mut listener = start(&door, Listen::new(Kind::WebSocket)).await;
    let url = own_url(&door, &listener);
    let dialling = tokio::spawn(async move { dial(&url).await });
    next(&mut listener).await.refuse(Refusal::new(Code::ERR_REJECTED, "not today"));
    assert_eq!(soon(dialling).await.expect("no panic").expect_err("refused").code(), Code::ERR_REJECTED);
    drop(listener);
    for url in
        ["ftp://localhost:1", "tcp://localhost", "tcp://localhost:1/path", "ws:///", "ws://a@localhost"]
    {
        assert_eq!(dial(url).await.expect_err(url).code(), Code::ERR_INVALID_ARGUMENT);
    }
}

#[tokio::test]
async fn a_listener_that_cannot_be_says_why() {
    let door = open("");
    let refused =
        soon(Listener::start(connector(&door), Listen::new(Kind::Tcp))).await.expect_err("no ports");
    assert_eq!(refused.code(), Code::ERR_PORT_UNAVAILABLE);
    let stranger = connector(&door).credential("wrong".to_owned());
    let refused = soon(Listener::start(stranger, Listen::new(Kind::WebSocket))).await.expect_err("no token");
    assert!(matches!(refused, ListenError::Link(_)), "{refused}");
    assert_eq!(refused.code(), Code::ERR_CREDENTIAL_INVALID);
}

/// A gateway that can end and come back at the same place.
async fn gateway_at(
    config: Config,
) -> (oneshot::Sender<()>, tokio::task::JoinHandle<()>, std::net::SocketAddr) {
    let bound = Gateway::bind(config).expect("a free port");
    let address = bound.addresses()[0];
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(bound.run(async {
        let _ = stopped.await;
    }));
    (stop, task, address)
}

#[tokio::test]
async fn a_listener_survives_the_restart_of_its_gateway() {
    let (port, range) = free_ports(1);
    let mut config = config(&format!("[tcp]\nports = \"{range}\""));
    let (stop, task, address) = gateway_at(config.clone()).await;
    config.listen = pageport_gateway::config::Listen::Loopback(address.port());
    let connector = Connector::new(&format!("http://localhost:{}", address.port())).expect("an address");
    let connector = connector.dial(address).credential(TOKEN.to_owned());
    let mut listener = soon(Listener::start(connector, Listen::new(Kind::Tcp))).await.expect("listens");
    let mut status = listener.status();

    stop.send(()).expect("runs");
    soon(task).await.expect("ends");
    soon(status.wait_for(|status| matches!(status.phase, Phase::Lost(_)))).await.expect("is told");
    let (_stop, _task, _) = gateway_at(config).await;
    soon(status.wait_for(|status| status.phase == Phase::Listening)).await.expect("is told");
    assert_eq!(listener.address().url(), format!("tcp://localhost:{port}"));
    let _visitor = soon(dial(listener.address().url())).await.expect("connects");
    next(&mut listener).await.admit().expect("is sent");
}

#[tokio::test]
async fn a_dropped_listener_is_gone_and_its_visitors_stay() {
    let (port, range) = free_ports(1);
    let door = open(&format!("[tcp]\nports = \"{range}\""));
    let mut listener = start(&door, Listen::new(Kind::Tcp)).await;
    let url = listener.address().url().to_owned();
    let mut visitor = soon(dial(&url)).await.expect("connects");
    let mut stream = next(&mut listener).await.admit().expect("is sent");
    drop(listener);
    door.until("pageport_listeners 0").await;
    assert!(dial(&url).await.is_err(), "{port}");
    stream.write_all(b"still here").await.expect("is sent");
    let mut text = [0; 10];
    soon(visitor.read_exact(&mut text)).await.expect("is read");
    assert_eq!(&text, b"still here");
}

#[tokio::test]
async fn a_key_keeps_name_and_port_through_every_new_session() {
    let (port, range) = free_ports(2);
    let mut config = config(&format!("[tcp]\nports = \"{range}\""));
    let (stop, task, address) = gateway_at(config.clone()).await;
    config.listen = pageport_gateway::config::Listen::Loopback(address.port());
    let connector = Connector::new(&format!("http://localhost:{}", address.port())).expect("an address");
    let connector = connector.dial(address).credential(TOKEN.to_owned());
    let identity = Identity::random().expect("randomness");
    let chosen = Listen { name: Some("my-shop".to_owned()), ..Listen::new(Kind::WebSocket) };
    let mut listeners = Vec::new();
    for wish in [chosen, Listen::new(Kind::WebSocket), Listen::new(Kind::Tcp)] {
        let started = Listener::start_as(connector.clone(), wish, identity.clone());
        listeners.push(soon(started).await.expect("listens"));
    }
    let urls = |listeners: &[Listener]| -> Vec<String> {
        listeners.iter().map(|listener| listener.address().url().to_owned()).collect()
    };
    let before = urls(&listeners);
    assert!(before[0].starts_with("ws://my-shop.localhost:"), "{before:?}");
    assert!([port, port + 1].iter().any(|port| before[2].ends_with(&format!(":{port}"))), "{before:?}");

    stop.send(()).expect("runs");
    soon(task).await.expect("ends");
    let mut status: Vec<_> = listeners.iter().map(Listener::status).collect();
    for status in &mut status {
        soon(status.wait_for(|status| matches!(status.phase, Phase::Lost(_)))).await.expect("is told");
    }
    let (_stop, _task, _) = gateway_at(config).await;
    for status in &mut status {
        soon(status.wait_for(|status| status.phase == Phase::Listening)).await.expect("is told");
    }
    assert_eq!(urls(&listeners), before);

    // Somebody newer with the same key ends the older listener for good.
    let taken = listeners.remove(0);
    let wish = Listen { name: Some("my-shop".to_owned()), ..Listen::new(Kind::WebSocket) };
    let _newer = soon(Listener::start_as(connector, wish, identity)).await.expect("takes it over");
    let mut status = taken.status();
    let ended =
        soon(status.wait_for(|status| matches!(status.phase, Phase::Ended(_)))).await.expect("is told");
    assert_eq!(ended.phase, Phase::Ended(Code::ERR_NAME_REPLACED));
}
