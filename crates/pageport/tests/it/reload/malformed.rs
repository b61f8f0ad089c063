//! Configurations that are wrong, one for each file of `tests/malformed`: the first line of each says where, and in which words.

use std::path::Path;
use std::time::Instant;

use pageport_link::Session;
use rustix::process::Signal;

use super::flow::Flow;
use super::server::{Certificate, KINDS, Server};
use super::{PROOF, runtime};
use crate::configured::Configured;
use crate::program::Place;

/// So many of them also by a change of the file alone, which is noticed within a second, in the test command.
const NOTICED: usize = 2;

struct Malformed {
    name: String,
    text: String,
    /// `line:column`
    place: String,
    words: String,
}

fn malformed() -> Vec<Malformed> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed");
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let first = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap();
        let (place, words) = first.split_once(' ').unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        Malformed { name, place: place.to_owned(), words: words.to_owned(), text: text.clone() }
    };
    files.iter().map(read).collect()
}

/// Connections that are there, and whether another one comes about.
struct Life {
    session: Session,
    servers: Vec<Server>,
    flows: Vec<Flow>,
}

impl Life {
    async fn goes_on(&mut self) -> bool {
        for flow in &mut self.flows {
            if !flow.echoes().await {
                return false;
            }
        }
        let Server { kind, .. } = self.servers[0];
        match Flow::open(&self.session, kind, &self.servers[0].endpoint()).await {
            Ok(mut flow) => flow.echoes().await,
            Err(_) => false,
        }
    }
}

#[test]
fn a_malformed_configuration_changes_nothing_and_is_named_with_its_place() {
    let (place, runtime) = (Place::new(), runtime());
    let certificate = Certificate::new(&place);
    let mut servers = Vec::new();
    for kind in KINDS {
        servers.push(runtime.block_on(Server::start(kind, &certificate)));
    }
    let rules: String = servers.iter().map(|server| server.rule("")).collect();
    let mut gateway = Configured::new(&place, "", &rules);
    let session = runtime.block_on(gateway.session());
    let mut flows = Vec::new();
    for server in &servers {
        flows.push(runtime.block_on(Flow::open(&session, server.kind, &server.endpoint())).unwrap());
    }
    let mut life = Life { session, servers, flows };
    let cases = malformed();
    assert!(cases.len() >= 40, "{}", cases.len());
    let noticed = if *PROOF { cases.len() } else { NOTICED };
    let mut slowest = [0, 0];
    for (by, how, count) in [("SIGHUP", 0, cases.len()), ("file change", 1, noticed)] {
        for Malformed { name, text, place: at, words } in &cases[..count] {
            place.write("p.toml", text);
            let begun = Instant::now();
            if how == 0 {
                gateway.running.signal(Signal::HUP);
            }
            let line = gateway.running.logged("the old configuration stays");
            slowest[how] = begun.elapsed().as_millis().max(slowest[how]);
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            let said = line["fields"]["message"].as_str().unwrap();
            assert!(said.contains(&format!("--> p.toml:{at}\n")), "{name}, wanted {at}: {said}");
            assert!(said.contains(&format!("error: {words} (ERR_")), "{name}, wanted {words}: {said}");
            assert!(runtime.block_on(life.goes_on()), "{name}: the old one counts");
            if *PROOF && how == 0 {
                println!("  p.toml:{at:5} {words}");
            }
        }
        println!(
            "fact malformed={count} by={by:?} kept_running={count} flows_alive={} slowest_ms={}",
            life.flows.len(),
            slowest[how]
        );
    }
    // A file that is not there has no line.
    std::fs::rename(place.path().join("p.toml"), place.path().join("gone.toml")).unwrap();
    gateway.running.signal(Signal::HUP);
    let line = gateway.running.logged("the old configuration stays");
    assert!(line.contains("cannot read p.toml"), "{line}");
    assert!(runtime.block_on(life.goes_on()));
    // Control: had one of them counted, this would have been seen, since none has the rules.
    gateway.reload("");
    for flow in life.flows {
        let (_, end) = runtime.block_on(flow.ended());
        assert_eq!(end, "ERR_TARGET_FORBIDDEN", "a file without rules that is right ends them");
    }
    println!("fact control=\"a right file without rules\" flows_alive=0");
}
