//! A target with several addresses: which of them are tried, and when.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use pageport_proto::head::Reply;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::client::soon;
use crate::connect::{CALLER, GOOD, ask, open, refusal, serve};
use crate::page::attach_with;

/// One port of both families, which is `localhost`: the first address, where nobody listens yet, and the second.
fn both() -> (TcpSocket, TcpListener) {
    loop {
        let first = TcpSocket::new_v4().expect("a socket");
        first.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        let port = first.local_addr().expect("an address").port();
        let second = TcpSocket::new_v6().expect("a socket");
        if second.bind((Ipv6Addr::LOCALHOST, port).into()).is_ok() {
            return (first, second.listen(1).expect("listens"));
        }
    }
}

fn rule(port: u16) -> String {
    format!("[[allow]]\nto = \"localhost:{port}\"\nprotocol = \"ws\"\n")
}

#[tokio::test]
async fn a_dead_address_does_not_hide_a_living_one() {
    let (dead, alive) = both();
    let address = dead.local_addr().expect("an address");
    let _queue = dead.listen(0).expect("listens");
    let _last_one = TcpStream::connect(address).await.expect("connects");
    let control = timeout(Duration::from_millis(500), TcpStream::connect(address)).await;
    assert!(control.is_err(), "control: this address answers nobody");

    let task = serve(alive, &format!("{GOOD}\r\n"));
    let door = open(&rule(address.port()));
    let session = attach_with(&door, CALLER).await;
    let url = format!("ws://localhost:{}/", address.port());
    let (_stream, reply) = ask(&session, serde_json::json!({ "connect": url })).await;
    assert!(matches!(reply, Reply::Ok(_)), "{reply:?}");
    soon(task).await.expect("answers");
}

#[tokio::test]
async fn so_many_addresses_are_tried_and_no_more() {
    let (first, second) = both();
    let port = first.local_addr().expect("an address").port();
    let url = format!("ws://localhost:{port}/");
    let one = open(&format!("{}[limits]\nconnect_addresses = 1\n", rule(port)));
    assert_eq!(refusal(&attach_with(&one, CALLER).await, &url).await.error, "ERR_TARGET_UNREACHABLE");

    let task = serve(second, &format!("{GOOD}\r\n"));
    let two = open(&rule(port));
    let session = attach_with(&two, CALLER).await;
    let (_stream, reply) = ask(&session, serde_json::json!({ "connect": url })).await;
    assert!(matches!(reply, Reply::Ok(_)), "control: {reply:?}");
    soon(task).await.expect("answers");
}
