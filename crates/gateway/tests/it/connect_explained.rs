//! `config explain` says what a gateway does.

use pageport_gateway::egress::{Party, Question, explain};
use pageport_link::Session;
use pageport_proto::target::Target;

use crate::client::soon;
use crate::connect_tcp::server;
use crate::dns::name_server;
use crate::door::{self, token_section};
use crate::page::attach_with;

const CASES: usize = 200;

/// Draws the same on every run (xorshift, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn roll<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        from[usize::try_from(self.0 % from.len() as u64).expect("small")]
    }
}

/// A few rules, some of which forbid, and most of which have something to do with this target.
fn rules(dice: &mut Dice, host: &str, port: u16) -> String {
    const OTHERS: [&str; 10] = [
        "127.0.0.1",
        "127.0.0.2",
        "localhost",
        "127.0.0.0/8",
        "127.0.0.2/32",
        "0.0.0.0/0",
        "*",
        "*.test",
        "a.test",
        "b.test",
    ];
    let hosts = [&[host; 6][..], &OTHERS].concat();
    let ports = [port.to_string(), format!("{}-{port}", port - 1), "*".to_owned(), "25".to_owned()];
    let ports: Vec<_> = ports.iter().map(String::as_str).collect();
    let mut text = String::new();
    for _ in 0..4 {
        let kind = dice.roll(&["allow", "allow", "allow", "allow", "deny"]);
        let (mut to, port) = (dice.roll(&hosts), dice.roll(&ports));
        if port == "25" && to.starts_with('*') {
            to = "a.test";
        }
        let protocol = dice.roll(&["\"tcp\"", "\"tcp\"", "\"tls\"", "[\"tcp\", \"ws\"]"]);
        let who = dice.roll(&["", "", "tokens = [\"one\"]\n", "tokens = [\"other\"]\n"]);
        text.push_str(&format!("[[{kind}]]\nto = \"{to}:{port}\"\nprotocol = {protocol}\n{who}"));
    }
    text
}

/// The code of a refusal, or nothing for what was tried, whether it came about or not.
async fn happens(session: &Session, to: &str) -> Option<String> {
    let mut stream = session.open(&serde_json::json!({ "connect": to })).expect("opens");
    let reply = soon(stream.reply()).await.expect("a reply");
    let reply: serde_json::Value = serde_json::from_slice(&reply).expect("JSON");
    let code = reply["error"].as_str()?;
    let tried =
        ["ERR_TARGET_CONNECTION_REFUSED", "ERR_TARGET_UNREACHABLE", "ERR_TARGET_TLS", "ERR_TARGET_TIMEOUT"];
    (!tried.contains(&code)).then(|| code.to_owned())
}

#[tokio::test]
async fn what_is_explained_is_what_happens_in_two_hundred_cases() {
    let (_listener, address) = server().await;
    let port = address.port();
    let dns = name_server(&[("a.test", "127.0.0.1"), ("b.test", "10.255.255.1 127.0.0.1")]).await;
    let tokens = token_section("one", "token-one", "[\"connect\"]")
        + &token_section("other", "token-other", "[\"connect\"]");
    let config = |rules: &str| {
        door::config(&format!("{}{rules}{tokens}[limits]\nconnect_timeout = \"100ms\"\n", dns.line()))
    };
    let door = door::open(&tokens);
    let sessions =
        [("one", attach_with(&door, "token-one").await), ("other", attach_with(&door, "token-other").await)];
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut allowed, mut forbidden) = (0, 0);
    for case in 0..CASES {
        let host = dice.roll(&["127.0.0.1", "127.0.0.2", "localhost", "a.test", "b.test", "none.test"]);
        let at = dice.roll(&[port.to_string().as_str(), port.to_string().as_str(), "25"]).to_owned();
        let config = config(&rules(&mut dice, host, port));
        door.handle.reload(config.policy.clone());
        let (token, session) = &sessions[case % 2];
        let target = format!("tcp://{host}:{at}");
        let party = Party { token: Some((*token).into()), ..Party::default() };
        let question = Question { party, target: Target::parse(&target).expect("a target"), starttls: false };
        let answer = explain(&config, &question).await;
        let happened = happens(session, &target).await;
        assert_eq!(
            answer.code.map(|code| code.to_string()),
            happened,
            "{case} {token}: {answer}{}",
            config.print()
        );
        assert_eq!(answer.allowed, happened.is_none());
        *if answer.allowed { &mut allowed } else { &mut forbidden } += 1;
    }
    println!("cases {CASES} allowed {allowed} forbidden {forbidden}");
    assert!(allowed > CASES / 10 && forbidden > CASES / 10, "{allowed} {forbidden}");
}
