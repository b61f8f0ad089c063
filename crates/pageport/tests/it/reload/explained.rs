//! `config explain --json`, run as the program that it is, says what the gateway then does.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use pageport_link::Session;
use tokio::net::UdpSocket;

use super::dice::Dice;
use super::flow::{Flow, dialect};
use super::server::{Certificate, Server};
use super::{PROOF, runtime};
use crate::configured::Configured;
use crate::program::Place;

/// Of a proof, and of the test command.
const CASES: [usize; 2] = [200, 40];

const TOKENS: &str = "[[token]]\nname = \"other\"\nmay = [\"connect\"]\n\
                      sha256 = \"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa\"\n";

/// Of pages that may attach.
const ORIGINS: [&str; 2] = ["https://app.example", "https://other.example"];

/// What was tried comes out one way or another: that is not for rules to say.
const TRIED: [&str; 6] = [
    "ERR_TARGET_CONNECTION_REFUSED",
    "ERR_TARGET_UNREACHABLE",
    "ERR_TARGET_TLS",
    "ERR_TARGET_TIMEOUT",
    "ERR_TARGET_HANDSHAKE",
    "ERR_TARGET_REFUSED",
];

/// A few rules, some of which forbid, and most of which have something to do with this target.
fn rules(dice: &mut Dice, spoken: &str, host: &str, port: u16) -> String {
    const OTHERS: [&str; 12] = [
        "127.0.0.1",
        "127.0.0.2",
        "localhost",
        "127.0.0.0/8",
        "127.0.0.2/32",
        "0.0.0.0/0",
        "[::1]",
        "*",
        "*.test",
        "a.test",
        "b.test",
        "c.test",
    ];
    let hosts = [&[host; 12][..], &OTHERS].concat();
    let same = port.to_string();
    let ports =
        [same.clone(), same.clone(), same, format!("{}-{port}", port - 1), "*".to_owned(), "25".to_owned()];
    let ports: Vec<_> = ports.iter().map(String::as_str).collect();
    let mut text = String::new();
    for _ in 0..4 {
        let kind = dice.roll(&["allow", "allow", "allow", "allow", "deny"]);
        let (mut to, port) = (dice.roll(&hosts), dice.roll(&ports));
        if port == "25" && to.starts_with('*') {
            to = "a.test";
        }
        let own = format!("\"{spoken}\"");
        let protocol =
            dice.roll(&[&*own, &own, &own, "\"tcp\"", "\"tls\"", "[\"tcp\", \"ws\"]", "[\"tls\", \"wss\"]"]);
        let starttls = if kind == "allow" && protocol.contains("tls") {
            dice.roll(&["", "starttls = true\n"])
        } else {
            ""
        };
        let who = dice.roll(&[
            "",
            "",
            "",
            "tokens = [\"t\"]\n",
            "tokens = [\"other\"]\n",
            "origins = [\"https://app.example\"]\n",
            "origins = [\"https://other.example\"]\ntokens = [\"t\"]\n",
        ]);
        text.push_str(&format!("[[{kind}]]\nto = \"{to}:{port}\"\nprotocol = {protocol}\n{starttls}{who}"));
    }
    text
}

/// Who would like to be connected.
enum Caller {
    /// A program, by the name of its token.
    Program(&'static str, Session),
    /// A page, by its origin: it speaks a dialect, which is for tcp.
    Page(&'static str),
}

impl Caller {
    /// As `config explain` is told.
    fn flags(&self) -> [&'static str; 2] {
        match self {
            Caller::Program(token, _) => ["--token", token],
            Caller::Page(origin) => ["--origin", origin],
        }
    }

    /// The code of a refusal, or nothing for what was tried, whether it came about or not.
    async fn is_refused(&self, gateway: &str, to: &str, starttls: bool) -> Option<String> {
        let (kind, endpoint) = to.split_once("://").unwrap();
        let opened = match self {
            Caller::Program(_, session) if starttls => Flow::open_for_starttls(session, endpoint).await,
            Caller::Program(_, session) => Flow::open(session, kind, endpoint).await,
            Caller::Page(origin) => dialect::open_from(origin, gateway, endpoint).await,
        };
        opened.err().filter(|code| !TRIED.contains(&code.as_str()))
    }
}

#[test]
fn what_is_explained_is_what_happens_in_generated_cases() {
    let (place, runtime) = (Place::new(), runtime());
    let (seed, mut dice) = Dice::seeded();
    println!("fact seed={seed}");
    let server = runtime.block_on(Server::start("tcp", &Certificate::new(&place)));
    let port = server.address.port();
    let names = runtime.block_on(name_server(&[
        ("a.test", &[[127, 0, 0, 1]]),
        ("b.test", &[[10, 255, 255, 1], [127, 0, 0, 1]]),
        ("c.test", &[[127, 0, 0, 2]]),
    ]));
    let limits = "[limits]\nconnect_timeout = \"100ms\"\n";
    let pages = format!("[link]\norigins = {ORIGINS:?}\n[dialects]\ntcp = true\n");
    let mut gateway =
        Configured::new(&place, &format!("dns = [\"{names}\"]\n"), &format!("{TOKENS}{pages}{limits}"));
    let programs = [("t", "test"), ("other", "other")]
        .map(|(name, token)| Caller::Program(name, runtime.block_on(gateway.session_with(token))));
    let callers: Vec<_> = programs.into_iter().chain(ORIGINS.map(Caller::Page)).collect();
    let cases = CASES[usize::from(!*PROOF)];
    let mut outcomes = BTreeMap::<String, usize>::new();
    for case in 0..cases {
        let host =
            dice.roll(&["127.0.0.1", "127.0.0.2", "localhost", "a.test", "b.test", "c.test", "none.test"]);
        let at = dice.roll(&[&*port.to_string(), &*port.to_string(), &*port.to_string(), "25"]).to_owned();
        let caller = &callers[case % callers.len()];
        let program = matches!(caller, Caller::Program(..));
        let kinds: &[&str] =
            if program { &["tcp", "tcp", "tcp", "tls", "udp", "ws", "wss"] } else { &["tcp"] };
        let kind = dice.roll(kinds);
        let starttls = program && kind == "tcp" && dice.roll(&["no", "no", "yes"]) == "yes";
        let rules = rules(&mut dice, kind, host, port);
        gateway.reload(&format!("{TOKENS}{rules}{pages}{limits}"));
        let to = format!("{kind}://{host}:{at}");
        let flags = ["config", "explain", "--config", "p.toml", "--json", "--to", &to];
        let starttls_flag = if starttls { &["--starttls"][..] } else { &[] };
        let run = place.run(&[&flags[..], &caller.flags(), starttls_flag].concat());
        let explained: serde_json::Value =
            serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
        let happened = runtime.block_on(caller.is_refused(&gateway.url, &to, starttls));
        let words = format!(
            "seed {seed}, case {case}, {:?} {to} {starttls_flag:?}\n{rules}{explained}",
            caller.flags()
        );
        assert_eq!(explained["code"].as_str(), happened.as_deref(), "{words}");
        assert_eq!(explained["allowed"], happened.is_none(), "{words}");
        assert_eq!(run.code, Some(i32::from(happened.is_some())), "{words}");
        let outcome = happened.unwrap_or_else(|| "allowed".to_owned());
        let who = if program { "program" } else { "page" };
        *outcomes.entry(format!("{who}:{kind}:{outcome}")).or_default() += 1;
    }
    let count = |who: &str, what: &str| -> usize {
        let fits = |outcome: &str| outcome.starts_with(who) && outcome.ends_with(what);
        outcomes.iter().filter(|(outcome, _)| fits(outcome)).map(|(_, n)| n).sum()
    };
    let allowed = count("", ":allowed");
    println!("fact cases={cases} agreed={cases} allowed={allowed} forbidden={}", cases - allowed);
    for (outcome, count) in &outcomes {
        println!("  {count:4} {outcome}");
    }
    for who in ["program", "page"] {
        let (all, allowed) = (count(who, ""), count(who, ":allowed"));
        assert!(allowed > all / 20 && all - allowed > all / 20, "{outcomes:?}");
    }
}

/// Knows these names with their IPv4 addresses, and that there are no others (RFC 1035 §4).
async fn name_server(records: &'static [(&'static str, &'static [[u8; 4]])]) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            // Whoever asked may have given up.
            let _ = socket.send_to(&answer(&query[..length], records), from).await;
        }
    });
    address
}

fn answer(query: &[u8], records: &[(&str, &[[u8; 4]])]) -> Vec<u8> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_ascii_lowercase());
        at = end;
    }
    let (name, is_a) = (labels.join("."), query[at + 1..at + 3] == [0, 1]);
    let known = records.iter().find(|(known, _)| *known == name);
    let addresses = known.filter(|_| is_a).map_or(&[][..], |(_, addresses)| addresses);
    let code = if known.is_some() { 0 } else { 3 };
    let count = u8::try_from(addresses.len()).unwrap();
    // The question again, without what else the query has; names of answers point to its name.
    let head = [query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0];
    let mut message = [&head[..], &query[12..at + 5]].concat();
    for address in addresses {
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        message.extend(address);
    }
    message
}
