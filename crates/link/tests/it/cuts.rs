//! Carriers that are cut at any byte: nothing is lost, doubled or reordered, and nothing hangs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pageport_link::{CarrierKind, Session};
use pageport_proto::Code;
use pageport_testkit::{Cut, CutRelay, Direction, Pattern, Random};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{CONNECTED, Exchange, Gateway, TCP_KINDS, exchange, guard};

const CUTS: u64 = 30;
const STREAMS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_cuts_at_random_bytes_during_transfers_over_twenty_streams() {
    for kind in CONNECTED {
        let seed = Random::seed();
        println!("{kind}: PAGEPORT_TEST_SEED={seed}");
        let mut random = Random::new(seed);
        let gateway = Gateway::start().await;
        let relay = CutRelay::to(gateway.address).await.unwrap();
        let page = through(&gateway, kind, relay.address()).await;
        let at_gateway = gateway.newest().await;

        let mut running = JoinSet::new();
        let (mut bytes, mut streams, mut slowest) = (0, 0, Duration::ZERO);
        let mut begin = |running: &mut JoinSet<_>, random: &mut Random| {
            let what = Exchange {
                seed: random.below(1 << 32) as u32,
                up: random.below(1 << 20),
                down: random.below(1 << 20),
            };
            (bytes, streams) = (bytes + what.up + what.down, streams + 1);
            let page = page.clone();
            let aborts = random.below(4) == 0;
            running.spawn(async move {
                check(&page, what).await;
                if aborts {
                    abort(&page).await;
                }
            });
        };
        for _ in 0..STREAMS {
            begin(&mut running, &mut random);
        }
        for cut in 0..CUTS {
            let direction = if random.below(2) == 0 { Direction::Up } else { Direction::Down };
            let how = if random.below(2) == 0 { Cut::Reset } else { Cut::Fin };
            let attaches = page.stats().attaches;
            relay.cut_after(direction, random.below(300_000), how);
            guard(async {
                // Transfers go on until the cut has come, with streams that end and others that begin.
                let mut cut_comes = std::pin::pin!(relay.cut_since(cut));
                loop {
                    tokio::select! {
                        _ = &mut cut_comes => break,
                        Some(done) = running.join_next() => {
                            done.unwrap();
                            begin(&mut running, &mut random);
                        }
                    }
                }
                let back = Instant::now();
                while page.stats().attaches == attaches {
                    page.attached().await;
                    tokio::task::yield_now().await;
                }
                slowest = slowest.max(back.elapsed());
            })
            .await;
        }
        guard(async {
            while let Some(done) = running.join_next().await {
                done.unwrap();
            }
        })
        .await;
        guard(async {
            while page.stats().streams + at_gateway.stats().streams > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        let stats = page.stats();
        println!(
            "{kind}: {CUTS} cuts, {} attaches, {streams} streams, {bytes} bytes checked, {} sent in all by the page, slowest return {slowest:?}",
            stats.attaches, stats.sent
        );
        assert!(stats.attaches > CUTS);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_flipped_byte_is_noticed() {
    // The control of everything else here: the checks must be able to fail.
    for kind in CONNECTED {
        let gateway = Gateway::start().await;
        let relay = CutRelay::to(gateway.address).await.unwrap();
        let page = through(&gateway, kind, relay.address()).await;
        relay.flip(Direction::Down, 1_000_000);
        let what = Exchange { seed: 9, up: 0, down: 4 << 20 };
        let result = guard(exchange(&page, what)).await;
        println!("{kind}: {:?}", result);
        assert_eq!(relay.counts().damaged, 1);
        result.expect_err("a flipped byte passed for a right one");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_bytes_are_noticed() {
    for kind in CONNECTED {
        let gateway = Gateway::start().await;
        let relay = CutRelay::to(gateway.address).await.unwrap();
        let page = through(&gateway, kind, relay.address()).await;
        relay.leave_out(Direction::Up, 500_000, 100);
        let what = Exchange { seed: 9, up: 4 << 20, down: 0 };
        let result = guard(exchange(&page, what)).await;
        println!("{kind}: {:?}", result);
        assert_eq!(relay.counts().damaged, 100);
        result.expect_err("bytes were lost unseen");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_that_is_cut_at_every_byte_of_its_handshake_succeeds_in_the_end() {
    for kind in TCP_KINDS {
        let gateway = Gateway::start().await;
        let relay = CutRelay::to(gateway.address).await.unwrap();
        let page = through(&gateway, kind, relay.address()).await;
        let mut echo = page.open(&json!({ "do": "echo" })).unwrap();
        guard(echo.reply()).await.unwrap();
        let at_gateway = gateway.newest().await;
        let mut cuts = 0;
        for at in (0..400).step_by(8) {
            // Each return is cut inside the answer, WELCOME, RESUME or what follows; a lost WELCOME needs the next number.
            relay.cut_after(Direction::Down, at, Cut::Reset);
            page.abort_carrier();
            let text = format!("after {at}");
            echo.write_chunk(text.clone().into()).await.unwrap();
            let mut back = Vec::new();
            guard(async {
                while back.len() < text.len() {
                    back.extend_from_slice(&echo.read_chunk().await.unwrap().unwrap());
                }
            })
            .await;
            assert_eq!(back, text.as_bytes());
            cuts = relay.counts().cuts;
        }
        let attaches = at_gateway.stats().attaches;
        println!(
            "{kind}: {cuts} cuts of returns, {attaches} attaches, {} connections",
            relay.counts().connections
        );
        assert!(cuts >= 30, "only {cuts} returns were cut");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_session_keeps_what_was_written_and_resumes() {
    for kind in TCP_KINDS {
        let gateway = Gateway::start().await;
        let relay = CutRelay::to(gateway.address).await.unwrap();
        let page = through(&gateway, kind, relay.address()).await;
        let at_gateway = gateway.newest().await;
        let mut echo = page.open(&json!({ "do": "echo" })).unwrap();
        guard(echo.reply()).await.unwrap();

        relay.refuse(true);
        relay.cut(Cut::Reset);
        guard(parked(&page)).await;
        guard(parked(&at_gateway)).await;
        // The stream takes bytes, and so does the gateway's end of a new one.
        let pattern = Pattern::new(11);
        echo.write_chunk(pattern.bytes(0, 30_000)).await.unwrap();
        let mut visit = at_gateway.open(&json!({ "kind": "x" })).unwrap();

        relay.refuse(false);
        assert!(guard(page.attached()).await);
        let mut at = 0;
        while at < 30_000 {
            let bytes = guard(echo.read_chunk()).await.unwrap().unwrap();
            pattern.check(at, &bytes).unwrap();
            at += bytes.len() as u64;
        }
        let mut visitor = guard(page.accept()).await.unwrap();
        visitor.respond(&json!({ "ok": true })).unwrap();
        guard(visit.reply()).await.unwrap();
        assert_eq!(page.stats().attaches, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_that_falls_silent_is_given_up_and_replaced() {
    let timings = pageport_link::Timings {
        ping: Duration::from_millis(200),
        silent: Duration::from_millis(400),
        page_silent: Duration::from_millis(600),
        probe: Duration::from_millis(300),
        ..pageport_link::Timings::default()
    };
    for kind in TCP_KINDS {
        let settings =
            |role| pageport_link::Settings { timings: timings.clone(), ..pageport_link::Settings::new(role) };
        let gateway = Gateway::with_settings(settings(pageport_proto::Role::Gateway)).await;
        let relay = CutRelay::to(gateway.address).await.unwrap();
        let connector =
            gateway.connector(kind).dial(relay.address()).settings(settings(pageport_proto::Role::Page));
        let page = connector.connect().await.unwrap();
        let at_gateway = gateway.newest().await;
        assert!(guard(at_gateway.attached()).await);

        // Nothing moves but PING and PONG, which keep the carrier alive.
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!((page.stats().attaches, at_gateway.stats().attaches), (1, 1));

        relay.stall();
        guard(parked(&at_gateway)).await;
        guard(parked(&page)).await;
        relay.resume();
        assert!(guard(page.attached()).await);
        assert!(guard(at_gateway.attached()).await);
    }
}

async fn through(gateway: &Gateway, kind: CarrierKind, relay: SocketAddr) -> Session {
    gateway.connector(kind).dial(relay).connect().await.unwrap()
}

async fn check(page: &Session, what: Exchange) {
    let hash = exchange(page, what).await.unwrap_or_else(|failure| panic!("{what:?}: {failure}"));
    assert_eq!(hash, Pattern::new(!what.seed).sha256(what.down), "{what:?}");
}

/// Streams that end early in each way that there is, in the middle of what they send.
async fn abort(page: &Session) {
    let code = Code::from_number(0x1_0002);
    for end in 0..4 {
        let mut stream = page.open(&json!({ "do": "echo" })).unwrap();
        stream.write_chunk(vec![end; 50_000].into()).await.unwrap();
        match end {
            0 => drop(stream),
            1 => stream.reset(code),
            2 => stream.stop(code),
            _ => {
                stream.finish();
                stream.stop(code);
            }
        }
    }
}

async fn parked(session: &Session) {
    while !matches!(session.state(), pageport_link::SessionState::Parked { .. }) {
        assert!(
            !matches!(session.state(), pageport_link::SessionState::Closed(code) if code != Code::NO_ERROR)
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
