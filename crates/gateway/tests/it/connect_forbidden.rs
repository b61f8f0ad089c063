//! What a wildcard never reaches, what a name never leads to, and what no rule can allow.

use std::collections::BTreeSet;

use pageport_gateway::egress::{Explanation, Party, Question, explain};
use pageport_link::StreamError;
use pageport_proto::Code;
use pageport_proto::target::Target;

use crate::client::soon;
use crate::connect::{CALLER, open};
use crate::connect_tcp::{allow, connect, refusal, server};
use crate::dns::name_server;
use crate::door::{self, token_section};
use crate::page::attach_with;

/// What stands in `spec/forbidden-targets.json`, which the proof with real packets reads too.
#[derive(serde::Deserialize)]
struct Forbidden {
    /// Special addresses, and forms in which they hide.
    special: Vec<String>,
    /// What some reader takes for an address, and none of ours for anything.
    tricks: Vec<String>,
    /// Ports where mail is handed over.
    mail: Vec<u16>,
}

fn forbidden() -> Forbidden {
    serde_json::from_str(include_str!("../../../../spec/forbidden-targets.json")).expect("a good file")
}

#[tokio::test]
async fn a_wildcard_never_reaches_what_is_special() {
    let door = open("[[allow]]\nto = \"*:*\"\nprotocol = [\"tcp\", \"tls\", \"udp\", \"ws\", \"wss\"]\n");
    let session = attach_with(&door, CALLER).await;
    let Forbidden { special, .. } = forbidden();
    for host in &special {
        for target in [
            format!("tcp://{host}:80"),
            format!("tls://{host}:443"),
            format!("udp://{host}:53"),
            format!("ws://{host}/"),
        ] {
            let head = serde_json::json!({ "connect": target });
            let reply = soon(session.open(&head).expect("opens").reply()).await.expect("a reply");
            assert!(
                String::from_utf8_lossy(&reply).contains("\"ERR_TARGET_FORBIDDEN\""),
                "{target}: {reply:?}"
            );
        }
    }
    println!("special {}", special.len());
    // Control, without a packet: ordinary addresses would be tried.
    for ordinary in ["8.8.8.8:80", "[2606:4700:4700::1111]:80"] {
        assert!(explained(&allow("*:*"), ordinary).await.allowed, "{ordinary}");
    }
}

/// What a gateway with these rules would do for the caller.
async fn explained(rules: &str, to: &str) -> Explanation {
    let config = door::config(&format!("{rules}{}", token_section("caller", CALLER, "[\"connect\"]")));
    let party = Party { token: Some("caller".into()), ..Party::default() };
    let target = Target::parse(&format!("tcp://{to}")).expect(to);
    explain(&config, &Question { party, target, starttls: false }).await
}

#[tokio::test]
async fn hosts_that_two_readers_read_differently_are_no_targets() {
    let door = open("[[allow]]\nto = \"*:*\"\nprotocol = \"tcp\"\n");
    let session = attach_with(&door, CALLER).await;
    let Forbidden { special, tricks, .. } = forbidden();
    for host in &tricks {
        let head = serde_json::json!({ "connect": format!("tcp://{host}:80") });
        let end = soon(session.open(&head).expect("opens").reply()).await;
        assert_eq!(end, Err(StreamError::Reset(Code::ERR_HEAD_INVALID)), "{host:?}");
    }
    println!("tricks {}", tricks.len());
    let all: BTreeSet<_> = special.iter().chain(&tricks).collect();
    assert!(all.len() >= 60);
}

#[tokio::test]
async fn a_special_address_has_a_rule_of_its_own_or_none() {
    let (_listener, address) = server().await;
    let port = address.port();
    for (to, reaches) in [
        (format!("127.0.0.1:{port}"), true),
        (format!("127.0.0.1:{}-{port}", port - 1), true),
        ("127.0.0.1:*".to_owned(), true),
        (format!("127.0.0.0/8:{port}"), true),
        (format!("127.0.0.1/32:{port}"), true),
        (format!("0.0.0.0/0:{port}"), false),
        (format!("126.0.0.0/7:{port}"), false),
        (format!("*:{port}"), false),
        (format!("[::ffff:127.0.0.1]:{port}"), false),
    ] {
        let door = open(&allow(&to));
        let session = attach_with(&door, CALLER).await;
        if reaches {
            connect(&session, address).await;
        } else {
            assert_eq!(refusal(&session, address).await.error, "ERR_TARGET_FORBIDDEN", "{to}");
        }
    }
}

#[tokio::test]
async fn deny_beats_allow_by_name_by_address_and_for_whom_it_is_meant() {
    let (_listener, address) = server().await;
    let port = address.port();
    let rules = allow(address) + &allow(format!("localhost:{port}"));
    for (deny, by_address, by_name) in [
        (String::new(), true, true),
        (format!("to = \"127.0.0.1:{port}\""), false, false),
        (format!("to = \"127.0.0.0/8:{port}\""), false, false),
        ("to = \"*:*\"".to_owned(), false, false),
        ("to = \"localhost:*\"".to_owned(), true, false),
        (format!("to = \"[::1]:{port}\""), true, true),
        (format!("to = \"127.0.0.1:{port}\"\nprotocol = \"tls\""), true, true),
        (format!("to = \"127.0.0.1:{port}\"\ntokens = [\"test\"]"), true, true),
        (format!("to = \"127.0.0.1:{port}\"\ntokens = [\"caller\"]"), false, false),
        (format!("to = \"127.0.0.1:{}\"", port - 1), true, true),
    ] {
        let section = if deny.is_empty() { String::new() } else { format!("[[deny]]\n{deny}\n") };
        let door = open(&(section + &rules));
        let session = attach_with(&door, CALLER).await;
        for (to, reaches) in [(address.to_string(), by_address), (format!("localhost:{port}"), by_name)] {
            if reaches {
                connect(&session, &to).await;
            } else {
                // Nobody listens at the other loopback address, which may be left of the name.
                let refused = refusal(&session, &to).await.error;
                let codes = ["ERR_TARGET_FORBIDDEN", "ERR_TARGET_CONNECTION_REFUSED"];
                assert!(codes.contains(&refused.as_str()), "{deny} {to}: {refused}");
            }
        }
    }
}

#[tokio::test]
async fn mail_ports_need_a_rule_of_their_own() {
    for (to, reaches) in [
        ("*:*", false),
        ("8.8.8.8:1-1000", false),
        ("8.8.8.8:*", false),
        ("8.8.8.8:25", true),
        ("8.8.8.0/24:25", true),
    ] {
        let answer = explained(&allow(to), "8.8.8.8:25").await;
        assert_eq!(answer.allowed, reaches, "{answer}");
    }
    let door = open(&allow("*:1-65535"));
    let session = attach_with(&door, CALLER).await;
    for port in forbidden().mail {
        assert_eq!(refusal(&session, format!("a.example:{port}")).await.error, "ERR_TARGET_FORBIDDEN");
    }
}

#[tokio::test]
async fn a_name_that_leads_to_something_special_is_not_reached_by_a_wildcard() {
    let mixed = "8.8.8.8 127.0.0.1";
    // As many as fit a datagram of 512 bytes, and the one that matters behind them.
    let many: Vec<_> = (1..28).map(|last| format!("8.8.8.{last}")).collect();
    let records = [
        ("many.test", format!("{} 127.0.0.1", many.join(" "))),
        ("mixed.test", mixed.to_owned()),
        ("private.test", "10.0.0.1".to_owned()),
        ("six.test", "8.8.8.8 fd00:ec2::254".to_owned()),
        ("mapped.test", "::ffff:8.8.8.8".to_owned()),
        ("alias.test", "=inner.invalid".to_owned()),
        ("inner.invalid", "169.254.169.254".to_owned()),
        ("good.test", "8.8.8.8".to_owned()),
    ];
    let records: Vec<_> = records.iter().map(|(name, data)| (*name, data.as_str())).collect();
    let mut dns = name_server(&records).await;
    let rules = format!("{}{}", dns.line(), allow("*.test:*"));
    let door = open(&rules);
    let session = attach_with(&door, CALLER).await;
    for name in ["many.test", "mixed.test", "private.test", "six.test", "mapped.test", "alias.test"] {
        assert_eq!(refusal(&session, format!("{name}:80")).await.error, "ERR_TARGET_FORBIDDEN", "{name}");
    }
    assert!(explained(&rules, "good.test:80").await.allowed, "control");
    dns.all();
    assert_eq!(refusal(&session, "a.example:80").await.error, "ERR_TARGET_FORBIDDEN");
    assert!(dns.all().is_empty(), "what no rule names is not looked up");
}

#[tokio::test]
async fn no_rule_makes_the_gateway_a_target_by_its_sockets_or_by_its_name() {
    let mut dns = name_server(&[("gw.example", "8.8.8.8"), ("shop.gw.example", "8.8.8.8")]).await;
    let base = "base = \"gw.example\"\n";
    let door = door::open_at(
        "gw.example",
        &format!("{}{base}{}", dns.line(), token_section("caller", CALLER, "[\"connect\"]")),
    );
    let (port, admin) = (door.address.port(), door.admin.port());
    let hosts = ["127.0.0.1", "127.0.0.0/8", "[::ffff:127.0.0.1]", "gw.example", "*.gw.example", "*"];
    let rules: String = hosts.iter().map(|host| allow(format!("{host}:*"))).collect();
    let token = token_section("caller", CALLER, "[\"connect\"]");
    door.handle.reload(door::config(&format!("{}{base}{rules}{token}", dns.line())).policy);
    let session = attach_with(&door, CALLER).await;
    for target in [
        format!("127.0.0.1:{port}"),
        format!("127.0.0.1:{admin}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("gw.example:{port}"),
        format!("shop.gw.example:{port}"),
    ] {
        assert_eq!(refusal(&session, &target).await.error, "ERR_TARGET_FORBIDDEN", "{target}");
    }
    assert!(dns.all().is_empty(), "its own name is not looked up");
    // Control: the same rules reach another port of the same address.
    let (_listener, other) = server().await;
    connect(&session, other).await;
}
