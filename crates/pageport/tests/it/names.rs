//! Names survive the death of the gateway that acknowledged them.

use pageport_link::{Connector, Session};
use pageport_proto::claim::{PrivateKey, Seed, Statement, Subject};
use pageport_proto::head::{Kind, Listen, Listening, Reply, Request};
use rustix::process::Signal;
use tokio::runtime::Runtime;

use crate::program::{Place, Running};

/// The token is `test`.
const FILE: &str = "listen = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\n\
                    [[token]]\nname = \"t\"\nmay = [\"listen\"]\n\
                    sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n";

/// Claims a name with one of the keys; the code when it is refused.
async fn claim(url: &str, owner: u8, name: &str) -> (Session, Result<(), String>) {
    let session = Connector::new(url).unwrap().credential("test".to_owned()).connect().await.unwrap();
    let (id, nonce) = session.claimant().unwrap();
    let subject = Subject::parse(name).unwrap();
    let origin = url.trim_end_matches('/');
    let statement = Statement { origin, session: &id, nonce: &nonce, subject: &subject };
    let claim = PrivateKey::new(&Seed::new([owner; 32])).claim(&statement, None);
    let wish = Listen { name: Some(name.to_owned()), claim: Some(claim), ..Listen::new(Kind::WebSocket) };
    let mut stream = session.open(&Request::Listen(wish)).unwrap();
    let result = match Reply::<Listening>::parse(&stream.reply().await.unwrap()).unwrap() {
        Reply::Ok(_) => Ok(()),
        Reply::Refused(refusal) => Err(refusal.error),
    };
    (session, result)
}

/// What a stranger and the owner are told by a gateway that was started after another one was killed in the middle of its work.
fn after_the_kill(place: &Place, runtime: &Runtime) -> [Result<(), String>; 2] {
    let start = || -> (Running, String) {
        let mut gateway = place.start(&["gateway", "--config", "p.toml", "--json"]);
        let url = gateway.ready()["url"].as_str().unwrap().to_owned();
        (gateway, url)
    };
    let (gateway, url) = start();
    let (session, claimed) = runtime.block_on(claim(&url, 1, "shop"));
    assert_eq!(claimed, Ok(()));
    gateway.signal(Signal::KILL);
    assert_eq!(gateway.end().code, None, "it had no time for anything");
    drop(session);
    let (gateway, url) = start();
    let answers = [2, 1].map(|owner| runtime.block_on(claim(&url, owner, "shop")).1);
    gateway.signal(Signal::TERM);
    gateway.end();
    answers
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let place = Place::new();
    let runtime = Runtime::new().unwrap();
    place.write("p.toml", &format!("data = \"kept\"\n{FILE}"));
    for _ in 0..3 {
        assert_eq!(after_the_kill(&place, &runtime), [Err("ERR_NAME_TAKEN".to_owned()), Ok(())]);
    }
    place.write("p.toml", FILE);
    assert_eq!(
        after_the_kill(&place, &runtime)[0],
        Ok(()),
        "control: without `data` the first to come has it"
    );
}

#[test]
fn what_an_operator_should_know_is_said_at_the_start_and_a_wrong_directory_stops_it() {
    let place = Place::new();
    place.write("p.toml", &format!("base = \"gw.example\"\n{FILE}"));
    let mut gateway = place.start(&["gateway", "--config", "p.toml", "--json"]);
    assert!(gateway.logged("Public Suffix List").contains("gw.example"));
    assert!(gateway.logged("names are kept in memory").contains("`data` keeps them"));
    gateway.signal(Signal::TERM);
    gateway.end();

    place.write("p.toml", &format!("data = \"kept\"\n{FILE}"));
    let mut first = place.start(&["gateway", "--config", "p.toml", "--json"]);
    first.ready();
    let second = place.run(&["gateway", "--config", "p.toml"]);
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(
        second.stderr.contains("error: kept belongs to another gateway that runs (ERR_DATA_INVALID)\n"),
        "{second:?}"
    );
    assert!(second.stderr.contains("hint: give each gateway a directory of its own in `data`"), "{second:?}");
    first.signal(Signal::TERM);
    first.end();

    std::fs::write(place.path().join("kept/names"), "something else\n").unwrap();
    let damaged = place.run(&["gateway", "--config", "p.toml"]);
    assert!(
        damaged.stderr.contains("error: kept/names, line 1: damaged (ERR_DATA_INVALID)\n"),
        "{damaged:?}"
    );
}
