//! `pageport check`: what it finds on ways that are known.

use serde_json::Value;

use crate::middlebox::{Habit, Middlebox};
use crate::program::{Place, Run, Running};

struct Gateway {
    place: Place,
    port: u16,
    _dev: Running,
}

impl Gateway {
    fn new() -> Gateway {
        let place = Place::new();
        let mut dev = place.start(&["dev", "--listen", "0", "--json"]);
        let url = dev.ready()["url"].as_str().unwrap().to_owned();
        let port = url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
        Gateway { place, port, _dev: dev }
    }

    /// Of programs of the same user.
    fn token(&self) -> String {
        std::fs::read_to_string(self.place.path().join(format!("pageport/dev-{}.token", self.port))).unwrap()
    }

    /// Looks at a gateway at this port, with the token.
    fn check(&self, port: u16, flags: &[&str]) -> Run {
        let (url, token) = (format!("http://localhost:{port}"), self.token());
        self.place.run(&[&["check", &url, "--token", &token], flags].concat())
    }
}

#[track_caller]
fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

/// The entry of a carrier.
fn carrier<'a>(report: &'a Value, name: &str) -> &'a Value {
    let all = report["carriers"].as_array().unwrap();
    all.iter().find(|entry| entry["carrier"] == name).unwrap_or_else(|| panic!("no {name}: {report}"))
}

#[test]
fn an_open_way_lets_everything_through_and_is_measured() {
    let gateway = Gateway::new();
    let run = gateway.check(gateway.port, &["--json", "--idle=2s"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let report = report(&run);
    for name in ["bytes", "webtransport", "websocket", "http"] {
        let entry = carrier(&report, name);
        assert_eq!(entry["works"], true, "{entry}");
        for number in ["open_ms", "round_ms", "down_mbit", "up_mbit"] {
            assert!(entry[number].as_f64().unwrap() > 0.0, "{number}: {entry}");
        }
        assert!(entry["added_ms"].as_f64().unwrap() >= 0.0, "{entry}");
    }
    let requests = &report["requests"];
    assert_eq!((&requests["answers"], &requests["uploads"]), (&"streamed".into(), &"streamed".into()));
    assert_eq!(requests["duplex"], true);
    let passing = serde_json::json!({ "websocket": "passes", "raw": "passes", "connect": null });
    assert_eq!(report["upgrades"], passing);
    assert_eq!(report["udp"], "open");
    assert_eq!(report["best"], serde_json::json!({ "pages": "webtransport", "programs": "bytes" }));
    assert_eq!(report["idle"], serde_json::json!({ "survived_s": 2.0, "gone_s": null }));
}

#[test]
fn what_is_stripped_and_held_back_is_found_and_plain_requests_are_left() {
    let gateway = Gateway::new();
    let stripping = Middlebox::new(gateway.port, Habit::Strips);
    let tcp = ["--json", "--carrier", "bytes", "--carrier", "websocket", "--carrier", "http"];
    let found = report(&gateway.check(stripping.port(), &tcp));
    let stripped = serde_json::json!({ "websocket": "stripped", "raw": "stripped", "connect": null });
    assert_eq!((&found["upgrades"], &found["udp"]), (&stripped, &Value::Null));
    assert_eq!(carrier(&found, "bytes")["error"], "ERR_UPGRADE_REQUIRED");
    assert_eq!(carrier(&found, "websocket")["error"], "ERR_UPGRADE_REQUIRED");
    assert_eq!(found["best"], serde_json::json!({ "pages": "http", "programs": "http" }));
    assert_eq!(found["requests"]["answers"], "streamed", "control: it holds nothing back");
    assert_eq!(found["requests"]["uploads"], "streamed", "control: it holds nothing back");

    let holding = Middlebox::new(gateway.port, Habit::HoldsBack);
    let run = gateway.check(holding.port(), &["--json", "--carrier", "http", "--carrier", "bytes"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let found = report(&run);
    let requests = &found["requests"];
    assert_eq!((&requests["answers"], &requests["uploads"]), (&"held-back".into(), &"held-back".into()));
    assert_eq!((&requests["duplex"], &found["upgrades"]), (&false.into(), &stripped));
    assert_eq!(found["best"], serde_json::json!({ "pages": "http", "programs": "http" }));
    assert!(found["carriers"].as_array().unwrap().len() == 2, "only what was asked for");
}

#[test]
fn a_way_without_udp_is_found() {
    let gateway = Gateway::new();
    // Nobody passes UDP on there.
    let tcp_only = Middlebox::new(gateway.port, Habit::Strips);
    let run = gateway.check(tcp_only.port(), &["--json", "--carrier", "webtransport"]);
    assert_eq!((run.code, &report(&run)["udp"]), (Some(1), &"closed".into()), "{run:?}");
}

#[test]
fn a_way_that_forgets_quiet_connections_is_found() {
    let gateway = Gateway::new();
    let forgetful = Middlebox::new(gateway.port, Habit::CutsQuiet);
    let run = gateway.check(forgetful.port(), &["--json", "--idle=4s", "--carrier", "bytes"]);
    let found = report(&run);
    let [survived, gone] = ["survived_s", "gone_s"].map(|key| found["idle"][key].as_f64().unwrap());
    assert!((1.0..3.0).contains(&survived) && (1.5..4.0).contains(&gone) && survived < gone, "{found}");
}

#[test]
fn without_a_way_it_fails_and_says_why() {
    let gateway = Gateway::new();
    let refusing = Middlebox::new(gateway.port, Habit::Refuses);
    let run = gateway.check(refusing.port(), &["--carrier", "websocket", "--carrier", "http"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stdout.contains("requests  do not get through: "), "{}", run.stdout);
    assert!(run.stdout.contains("best      nothing for pages, nothing for programs"), "{}", run.stdout);
    assert!(run.stderr.starts_with("error: no carrier gets through ("), "{}", run.stderr);

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let run = gateway.check(closed, &["--json", "--carrier", "bytes"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(report(&run)["requests"]["error"], "ERR_GATEWAY_UNREACHABLE");
    assert!(run.stderr.contains("hint: "), "{}", run.stderr);
}

#[test]
fn without_a_credential_it_says_so_and_what_it_could_see() {
    let gateway = Gateway::new();
    let elsewhere = Place::new();
    let run = elsewhere.run(&["check", &format!("http://127.0.0.1:{}", gateway.port), "--json"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let report = report(&run);
    assert_eq!(report["upgrades"]["websocket"], "passes", "the gateway has seen it");
    assert_eq!(carrier(&report, "websocket")["error"], "ERR_CREDENTIAL_REQUIRED");
    assert!(report["requests"]["round_ms"].as_f64().unwrap() > 0.0, "{report}");
    assert_eq!(report["requests"]["answers"], "streamed", "a credential is shown later");
}

#[test]
fn secrets_are_not_repeated() {
    let gateway = Gateway::new();
    let proxy = format!("http://me:secret@127.0.0.1:{}", gateway.port);
    let run = gateway.check(gateway.port, &["--json", "--proxy", &proxy, "-vv"]);
    assert_eq!(report(&run)["proxy"], format!("http://127.0.0.1:{}", gateway.port));
    let tunnelled = report(&run);
    assert_eq!(carrier(&tunnelled, "webtransport")["error"], "ERR_UNSUPPORTED", "not through a proxy");
    assert_eq!(tunnelled["udp"], Value::Null);
    for output in [&run.stdout, &run.stderr] {
        assert!(!output.contains("secret") && !output.contains(&gateway.token()), "{output}");
    }
    for wrong in [&["--carrier", "pigeon"][..], &["--idle=0s"], &["--proxy"]] {
        assert_eq!(gateway.check(gateway.port, wrong).code, Some(2), "{wrong:?}");
    }
}
