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

/// Special addresses, and forms in which they hide.
const SPECIAL: &[&str] = &[
    "0.0.0.0",
    "0.0.0.1",
    "0.255.255.255",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.0.0.53",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[::127.0.0.1]",
    "[::a9fe:a9fe]",
    "[::ffff:127.0.0.1]",
    "[::ffff:0.0.0.0]",
    "[::ffff:10.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::ffff:8.8.8.8]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::8.8.8.8]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[100::1]",
    "[2001::1]",
    "[2001:0:a9fe:a9fe::1]",
    "[2001:2::1]",
    "[2001:10::1]",
    "[2001:20::1]",
    "[2001:db8::1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2002:808:808::1]",
    "[2620:4f:8000::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd00::1]",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "[fd00:42::42]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[4000::1]",
    "[8000::1]",
    "localhost",
    "a.localhost",
    "LOCALHOST",
];

/// What some reader takes for an address, and none of ours for anything.
const TRICKS: &[&str] = &[
    "127.1",
    "127.0.1",
    "0",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.01",
    "127.0.0.1.",
    "localhost.",
    "1.2.3.4.5",
    "%31%32%37.0.0.1",
    "127.0.0.1%00.example",
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[::1",
    "::1",
    "[127.0.0.1]",
    "[::ffff:0x7f.1]",
    "\u{ff11}27.0.0.1",
    "\u{2460}27.0.0.1",
    "127\u{3002}0.0.1",
    "me@127.0.0.1",
    "127.0.0.1#",
    "127.0.0.1/",
    "127.0.0.1\\",
    " 127.0.0.1",
    "",
    "*",
];

#[tokio::test]
async fn a_wildcard_never_reaches_what_is_special() {
    let door = open("[[allow]]\nto = \"*:*\"\nprotocol = [\"tcp\", \"tls\", \"ws\", \"wss\"]\n");
    let session = attach_with(&door, CALLER).await;
    for host in SPECIAL {
        for target in [format!("tcp://{host}:80"), format!("tls://{host}:443"), format!("ws://{host}/")] {
            let head = serde_json::json!({ "connect": target });
            let reply = soon(session.open(&head).expect("opens").reply()).await.expect("a reply");
            assert!(
                String::from_utf8_lossy(&reply).contains("\"ERR_TARGET_FORBIDDEN\""),
                "{target}: {reply:?}"
            );
        }
    }
    println!("special {}", SPECIAL.len());
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
    for host in TRICKS {
        let head = serde_json::json!({ "connect": format!("tcp://{host}:80") });
        let end = soon(session.open(&head).expect("opens").reply()).await;
        assert_eq!(end, Err(StreamError::Reset(Code::ERR_HEAD_INVALID)), "{host:?}");
    }
    println!("tricks {}", TRICKS.len());
    let all: BTreeSet<_> = SPECIAL.iter().chain(TRICKS).collect();
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
    for port in [25, 465, 587, 2525] {
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
