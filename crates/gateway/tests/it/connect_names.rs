//! Targets with names: where they are looked up, where they may lead, and when a lookup ends.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use pageport_link::Session;
use pageport_proto::Code;
use pageport_proto::head::Reply;
use tokio::net::TcpListener;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::client::soon;
use crate::connect::{CALLER, GOOD, ask, open, refusal, serve};
use crate::dns::{A, AAAA, name_server};
use crate::door::Door;
use crate::page::attach_with;

fn rule(to: &str) -> String {
    format!("[[allow]]\nto = \"{to}\"\nprotocol = \"ws\"\n")
}

/// This machine's own address in its network: names may not lead to loopback.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a free port");
    socket.connect("192.0.2.1:9").expect("a network");
    socket.local_addr().expect("an address").ip()
}

/// A server in the network, and its address.
async fn server() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind((own_address(), 0)).await.expect("a free port");
    (listener.local_addr().expect("an address"), listener)
}

async fn caller(door: &Door) -> Session {
    attach_with(door, CALLER).await
}

#[tokio::test]
async fn a_name_is_asked_for_as_it_is_written_and_leads_past_what_it_must_not() {
    let (address, listener) = server().await;
    let records = format!("127.0.0.1 169.254.169.254 {} ::1 fd00:ec2::254 64:ff9b::7f00:1", address.ip());
    let mut dns = name_server(&[("a_server", &records)]).await;
    let task = serve(listener, &format!("{GOOD}\r\n"));
    let port = address.port();
    let door = open(&format!("{}{}", dns.line(), rule(&format!("a_server:{port}"))));
    let head = serde_json::json!({ "connect": format!("ws://A_server:{port}/") });
    let (_stream, reply) = ask(&caller(&door).await, head).await;
    assert!(matches!(reply, Reply::Ok(_)), "{reply:?}");
    let (socket, request) = soon(task).await.expect("answers");
    assert_eq!(socket.local_addr().expect("an address"), address);
    assert!(request.contains(&format!("\r\nhost: a_server:{port}\r\n")), "{request}");
    let mut asked = dns.all();
    asked.sort();
    assert_eq!(asked, [("a_server".to_owned(), A), ("a_server".to_owned(), AAAA)]);
}

#[tokio::test]
async fn names_that_lead_nowhere_else_are_forbidden_and_others_are_unknown() {
    let dns = name_server(&[
        ("near.test", "127.0.0.1 ::1"),
        ("mapped.test", "::ffff:127.0.0.1 64:ff9b::a9fe:a9fe 2002:7f00:1::"),
        ("cloud.test", "100.100.100.200 168.63.129.16 fd00:ec2::254"),
        ("empty.test", ""),
    ])
    .await;
    let names = ["near.test", "mapped.test", "cloud.test", "empty.test", "none.test"];
    let rules: String = names.iter().map(|name| rule(&format!("{name}:80"))).collect();
    let door = open(&format!("{}{rules}", dns.line()));
    let session = caller(&door).await;
    for (name, code) in names.into_iter().zip([
        "ERR_TARGET_FORBIDDEN",
        "ERR_TARGET_FORBIDDEN",
        "ERR_TARGET_FORBIDDEN",
        "ERR_TARGET_UNRESOLVED",
        "ERR_TARGET_UNRESOLVED",
    ]) {
        assert_eq!(refusal(&session, &format!("ws://{name}/")).await.error, code, "{name}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_of_one_family_does_not_hide_the_other() {
    let (address, listener) = server().await;
    let dns = name_server(&[("half.test", &format!("{} ?6", address.ip()))]).await;
    let task = serve(listener, &format!("{GOOD}\r\n"));
    let to = format!("half.test:{}", address.port());
    let door = open(&format!("{}{}[limits]\nconnect_timeout = \"3s\"\n", dns.line(), rule(&to)));
    let head = serde_json::json!({ "connect": format!("ws://{to}/") });
    let (_stream, reply) = ask(&caller(&door).await, head).await;
    assert!(matches!(reply, Reply::Ok(_)), "{reply:?}");
    soon(task).await.expect("answers");
}

#[tokio::test]
async fn a_lookup_ends_with_whoever_wanted_it_and_only_so_many_are_made_at_once() {
    let mut dns = name_server(&[("silent.test", "?4 ?6"), ("near.test", "127.0.0.1")]).await;
    let rules = rule("silent.test:80") + &rule("near.test:80");
    let door = open(&format!("{}{rules}[limits]\nlookups = 1\n", dns.line()));
    let session = caller(&door).await;
    let mut waiting = session.open(&serde_json::json!({ "connect": "ws://silent.test/" })).expect("opens");
    let questions = [dns.asked().await, dns.asked().await];
    for question in &questions {
        assert!(question.is_open().await, "control: it waits for an answer");
    }
    let refused = refusal(&session, "ws://near.test/").await;
    assert_eq!((refused.error.as_str(), refused.retry_after), ("ERR_OVERLOADED", Some(1)));

    waiting.reset(Code::ERR_ABORTED);
    waiting.stop(Code::ERR_ABORTED);
    let closed = async {
        for question in &questions {
            while question.is_open().await {
                yield_now().await;
            }
        }
    };
    // Of itself it would give up after five seconds.
    timeout(Duration::from_secs(3), closed).await.expect("nobody asks any more");
    assert_eq!(refusal(&session, "ws://near.test/").await.error, "ERR_TARGET_FORBIDDEN", "the place is free");
}

#[tokio::test]
async fn the_hosts_file_stands_above_dns() {
    let dns = name_server(&[]).await;
    let hosts = std::fs::read_to_string("/etc/hosts").expect("a hosts file");
    let names =
        hosts.lines().flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace().skip(1));
    let name = names
        .map(str::to_lowercase)
        .find(|name| !name.ends_with("localhost"))
        .expect("a name beside localhost");
    let door = open(&format!(
        "{}{}{}[limits]\nconnect_timeout = \"3s\"\n",
        dns.line(),
        rule(&format!("{name}:1")),
        rule("none.test:1")
    ));
    let session = caller(&door).await;
    let refused = refusal(&session, &format!("ws://{name}:1/")).await;
    assert_ne!(refused.error, "ERR_TARGET_UNRESOLVED", "{name}");
    assert_eq!(refusal(&session, "ws://none.test:1/").await.error, "ERR_TARGET_UNRESOLVED", "control");
}

#[tokio::test]
async fn a_name_that_changes_its_mind_never_leads_to_this_machine() {
    const TRIES: usize = 500;
    // A server in the network, and one at the same port of loopback: nobody may come there.
    let (address, listener, near) = loop {
        let (address, listener) = server().await;
        if let Ok(near) = TcpListener::bind(("127.0.0.1", address.port())).await {
            break (address, listener, near);
        }
    };
    let changes = format!("{ip}|127.0.0.1|{ip} 127.0.0.1|::1 {ip}", ip = address.ip());
    let dns = name_server(&[("rebind.test", &changes)]).await;
    let to = format!("rebind.test:{}", address.port());
    let rule = format!("[[allow]]\nto = \"{to}\"\nprotocol = \"tcp\"\n");
    let door = open(&format!("{}{rule}", dns.line()));
    let session = caller(&door).await;
    let taking = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let (mut reached, mut forbidden) = (0, 0);
    for _ in 0..TRIES {
        match crate::connect_tcp::ask(&session, &to).await.1 {
            Reply::Ok(_) => reached += 1,
            Reply::Refused(refusal) => {
                assert_eq!(refusal.error, "ERR_TARGET_FORBIDDEN");
                forbidden += 1;
            }
        }
    }
    println!("tries {TRIES} reached {reached} forbidden {forbidden}");
    assert!(reached > TRIES / 4 && forbidden > TRIES / 10, "{reached} {forbidden}");
    let came = tokio::select! {
        biased;
        came = near.accept() => Some(came),
        () = yield_now() => None,
    };
    assert!(came.is_none(), "a connection to loopback");
    taking.abort();
}
