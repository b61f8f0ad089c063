//! What is not allowed any more ends within a second, and nothing else does.

use std::time::{Duration, Instant};

use pageport_link::Session;
use rustix::process::Signal;

use super::flow::{Flow, Way};
use super::server::{Certificate, Server};
use super::{PROOF, runtime};
use crate::configured::Configured;
use crate::program::Place;

/// From the moment that the file was written.
const WITHIN: Duration = Duration::from_secs(1);
/// The same where a change of the file has to be noticed and much else runs beside this; a proof takes no longer than the other.
const NOTICED_WITHIN: Duration = Duration::from_secs(4);

/// Ways, and what is spoken at their ends.
const KINDS: [(Way, &str); 8] = [
    (Way::Session, "tcp"),
    (Way::Session, "tls"),
    (Way::Session, "ws"),
    (Way::Session, "wss"),
    (Way::Session, "udp"),
    (Way::Messages, "tcp"),
    (Way::Upgrade, "tcp"),
    (Way::Wisp, "tcp"),
];

/// What stands in the file in place of a server's rule.
type Change = fn(&Server) -> String;

/// How a rule goes.
const CHANGES: [(&str, Change); 3] = [
    ("rule removed", |_| String::new()),
    ("deny added", |server| format!("{}[[deny]]\nto = \"{}\"\n", server.rule(""), server.endpoint())),
    ("rule for another token", |server| server.rule("tokens = [\"other\"]\n")),
];

/// What stays as it is.
const REST: &str = "[dialects]\ntcp = true\nupgrade = true\nwisp = true\n\
                    [[token]]\nname = \"other\"\nmay = [\"connect\"]\n\
                    sha256 = \"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa\"\n";

/// Servers with a rule each, and a gateway that has them.
struct Stage<'a> {
    servers: Vec<(Way, Server)>,
    gateway: Configured<'a>,
    session: Session,
}

impl Stage<'_> {
    async fn open(&self, at: usize) -> Result<Flow, String> {
        let (way, server) = &self.servers[at];
        Flow::by(*way, &self.gateway, &self.session, (server.kind, &server.endpoint())).await
    }

    async fn open_all(&self) -> Vec<Flow> {
        let mut flows = Vec::new();
        for at in 0..self.servers.len() {
            flows.push(self.open(at).await.unwrap());
        }
        flows
    }

    /// All rules, but that one is changed.
    fn rules(&self, changed: Option<(usize, Change)>) -> String {
        let rule = |(at, (_, server)): (usize, &(Way, Server))| match changed {
            Some((victim, change)) if victim == at => change(server),
            _ => server.rule(""),
        };
        REST.to_owned() + &self.servers.iter().enumerate().map(rule).collect::<String>()
    }
}

#[test]
fn a_rule_that_goes_ends_its_own_flows_within_a_second_and_no_others() {
    let (place, runtime) = (Place::new(), runtime());
    let certificate = Certificate::new(&place);
    // Two of each: the one whose rule goes, and one that has all but the rule in common with it.
    let kinds = KINDS.into_iter().flat_map(|kind| [kind, kind]);
    let servers =
        kinds.map(|(way, kind)| (way, runtime.block_on(Server::start(kind, &certificate)))).collect();
    let gateway = Configured::new(&place, "", REST);
    let session = runtime.block_on(gateway.session());
    let mut stage = Stage { servers, gateway, session };
    for victim in (0..stage.servers.len()).step_by(2) {
        for (number, (change, to)) in CHANGES.into_iter().enumerate() {
            let by_change = number == 0 && (victim == 0 || *PROOF);
            let all = stage.rules(None);
            stage.gateway.reload(&all);
            let mut flows = runtime.block_on(stage.open_all());
            for flow in &mut flows {
                assert!(runtime.block_on(flow.echoes()));
            }
            stage.gateway.write(&stage.rules(Some((victim, to))));
            let written = Instant::now();
            if !by_change {
                stage.gateway.running.signal(Signal::HUP);
            }
            stage.gateway.running.logged("configuration read again");
            let read = written.elapsed();
            let (cut, end) = runtime.block_on(flows.remove(victim).ended());
            let (way, server) = &mut stage.servers[victim];
            let (way, kind) = (*way, server.kind);
            let what = format!("{way:?} {kind}, {change}");
            assert_eq!(end, way.forbidden(), "{what}");
            let most = if by_change && !*PROOF { NOTICED_WITHIN } else { WITHIN };
            assert!(read < most && cut - written < most, "{what}: {read:?}, {:?}", cut - written);
            let target = match kind {
                "udp" => "none".to_owned(),
                _ => {
                    let (at, reset) = runtime.block_on(server.ended.recv()).unwrap();
                    assert!(reset, "{what}: the server sees no orderly end");
                    assert!(at - written < most, "{what}: {:?}", at - written);
                    (at - written).as_millis().to_string()
                }
            };
            let again = runtime.block_on(stage.open(victim)).err();
            let refused = if way == Way::Wisp { "CLOSE 0x48" } else { "ERR_TARGET_FORBIDDEN" };
            assert_eq!(again.as_deref(), Some(refused), "{what}");
            for flow in &mut flows {
                assert!(runtime.block_on(flow.echoes()), "{what}: another flow has ended");
            }
            println!(
                "fact way={way:?} kind={kind} change={change:?} by={} read_after_ms={} client_cut_after_ms={} server_cut_after_ms={target} \
                 others_alive={}",
                if by_change { "file" } else { "SIGHUP" },
                read.as_millis(),
                (cut - written).as_millis(),
                flows.len(),
            );
            drop(flows);
            // The flows that were let go have ended, too: their servers have said so.
            for (at, (_, server)) in stage.servers.iter_mut().enumerate() {
                if at != victim && server.kind != "udp" {
                    runtime.block_on(server.ended.recv()).unwrap();
                }
            }
        }
    }
}
