//! What is not allowed any more ends within a second, and nothing else does.

use std::time::{Duration, Instant};

use pageport_link::{Session, StreamError};
use pageport_proto::Code;

use super::flow::Flow;
use super::server::{Certificate, KINDS, Server};
use super::{PROOF, runtime};
use crate::configured::Configured;
use crate::program::Place;
use rustix::process::Signal;

/// From the moment that the configuration was read again.
const WITHIN: Duration = Duration::from_secs(1);
/// Once a second it is looked at, and when it has changed, another second must pass without a change.
const NOTICED_WITHIN: Duration = Duration::from_secs(4);

/// How a rule goes.
const WAYS: [(&str, fn(&Server) -> String); 3] = [
    ("rule removed", |_| String::new()),
    ("deny added", |server| format!("{}[[deny]]\nto = \"{}\"\n", server.rule(""), server.endpoint())),
    ("rule for another token", |server| server.rule("tokens = [\"other\"]\n")),
];

const OTHER: &str = "[[token]]\nname = \"other\"\nmay = [\"connect\"]\n\
                     sha256 = \"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa\"\n";

async fn flows(session: &Session, servers: &[Server]) -> Vec<Flow> {
    let mut flows = Vec::new();
    for server in servers {
        flows.push(Flow::open(session, server.kind, &server.endpoint()).await.unwrap());
    }
    flows
}

#[test]
fn a_rule_that_goes_ends_its_own_flows_within_a_second_and_no_others() {
    let (place, runtime) = (Place::new(), runtime());
    let certificate = Certificate::new(&place);
    let mut servers = Vec::new();
    // Two of each kind: the one whose rule goes, and one that only has the kind in common with it.
    for kind in KINDS.into_iter().flat_map(|kind| [kind, kind]) {
        servers.push(runtime.block_on(Server::start(kind, &certificate)));
    }
    let all: String = servers.iter().map(|server| server.rule("")).collect();
    let mut gateway = Configured::new(&place, "", &format!("{OTHER}{all}"));
    let session = runtime.block_on(gateway.session());
    for (victim, by_change) in (0..servers.len()).step_by(2).map(|victim| (victim, victim == 0 || *PROOF)) {
        for (number, (way, instead)) in WAYS.into_iter().enumerate() {
            let mut flows = runtime.block_on(flows(&session, &servers));
            let rest: String = servers
                .iter()
                .enumerate()
                .map(|(at, server)| if at == victim { instead(server) } else { server.rule("") })
                .collect();
            gateway.write(&format!("{OTHER}{rest}"));
            let written = Instant::now();
            let by_change = by_change && number == 0;
            if !by_change {
                gateway.running.signal(Signal::HUP);
            }
            gateway.running.logged("configuration read again");
            let read = Instant::now();
            let (cut, end) = runtime.block_on(flows.remove(victim).ended());
            let server = &mut servers[victim];
            let (reset, was_reset) = runtime.block_on(server.ended.recv()).unwrap();
            let kind = server.kind;
            assert_eq!(end, Some(StreamError::Reset(Code::ERR_TARGET_FORBIDDEN)), "{kind} {way}");
            assert!(was_reset, "{kind} {way}: the server sees no orderly end");
            let noticed = read - written;
            let [page, target] = [cut, reset].map(|at| at - written);
            // Often it is over before the log says that the file was read.
            assert!(
                page < noticed + WITHIN && target < noticed + WITHIN,
                "{kind} {way}: {page:?} {target:?}"
            );
            assert!(noticed < if by_change { NOTICED_WITHIN } else { WITHIN }, "{kind} {way}: {noticed:?}");
            let endpoint = servers[victim].endpoint();
            let again = runtime.block_on(Flow::open(&session, kind, &endpoint)).err();
            assert_eq!(again.as_deref(), Some("ERR_TARGET_FORBIDDEN"), "{kind} {way}");
            for flow in &mut flows {
                assert!(runtime.block_on(flow.echoes()), "{kind} {way}: another flow has ended");
            }
            println!(
                "fact kind={kind} way={way:?} by={} read_after_ms={} page_cut_after_ms={} server_cut_after_ms={} others_alive={}",
                if by_change { "\"file change\"" } else { "SIGHUP" },
                noticed.as_millis(),
                page.as_millis(),
                target.as_millis(),
                flows.len(),
            );
            drop(flows);
            gateway.reload(&format!("{OTHER}{all}"));
            // The flows that were let go have ended, too: their servers have said so.
            for (_, server) in servers.iter_mut().enumerate().filter(|(at, _)| *at != victim) {
                runtime.block_on(server.ended.recv()).unwrap();
            }
        }
    }
}
