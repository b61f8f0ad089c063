//! The carrier `http` on networks that break it, and where it is slow: it goes on by asking again, or is lost as a whole.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pageport_link::{Budget, CarrierKind, HttpLimits, HttpMode, Io, Session};
use pageport_proto::Code;
use pageport_testkit::{Cut, CutRelay, Direction, Pattern, Random};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::{Exchange, Gateway, HoldingProxy, exchange, guard};

const MODES: [HttpMode; 2] = [HttpMode::Detect, HttpMode::Poll];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfers_arrive_as_they_were_sent_streamed_and_polled() {
    const LEN: u64 = 6 << 20;
    for mode in MODES {
        let gateway = Gateway::start().await;
        let page = guard(gateway.connector(CarrierKind::Http).http_mode(mode).connect()).await.unwrap();
        let mut running = JoinSet::new();
        let begin = Instant::now();
        for seed in 0..8 {
            let page = page.clone();
            running.spawn(async move { check(&page, Exchange { seed, up: LEN / 8, down: LEN / 8 }).await });
        }
        while let Some(done) = guard(running.join_next()).await {
            done.unwrap();
        }
        println!("{mode:?}: 2 x {LEN} bytes over 8 streams in {:?}, {:?}", begin.elapsed(), page.stats());
        assert_eq!(page.stats().attaches, 1, "answers that end are no loss");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cuts_during_transfers_lose_no_byte() {
    const CUTS: u64 = 30;
    for mode in MODES {
        let seed = Random::seed();
        println!("{mode:?}: PAGEPORT_TEST_SEED={seed}");
        let mut random = Random::new(seed);
        let gateway = Gateway::start().await;
        let relay = CutRelay::to(gateway.address).await.unwrap();
        let connector = gateway.connector(CarrierKind::Http).http_mode(mode).dial(relay.address());
        let page = guard(connector.connect()).await.unwrap();
        let mut running = JoinSet::new();
        let begin = |running: &mut JoinSet<()>, random: &mut Random| {
            let (seed, up, down) =
                (random.below(1 << 32) as u32, random.below(1 << 18), random.below(1 << 18));
            let page = page.clone();
            running.spawn(async move { check(&page, Exchange { seed, up, down }).await });
        };
        (0..10).for_each(|_| begin(&mut running, &mut random));
        for cut in 0..CUTS {
            let direction = if random.below(2) == 0 { Direction::Up } else { Direction::Down };
            let how = if random.below(2) == 0 { Cut::Reset } else { Cut::Fin };
            relay.cut_after(direction, random.below(100_000), how);
            let mut cut_comes = std::pin::pin!(relay.cut_since(cut));
            guard(async {
                loop {
                    tokio::select! {
                        _ = &mut cut_comes => break,
                        Some(done) = running.join_next() => {
                            done.unwrap();
                            begin(&mut running, &mut random);
                        }
                    }
                }
            })
            .await;
        }
        while let Some(done) = guard(running.join_next()).await {
            done.unwrap();
        }
        let attaches = page.stats().attaches;
        println!("{mode:?}: {CUTS} cuts of all connections, {attaches} attaches");
        assert!(attaches <= CUTS, "most cuts are repaired by asking again: {attaches} attaches");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_held_back_on_the_way_are_polled() {
    let gateway = Gateway::start().await;
    let proxy = HoldingProxy::to(gateway.address).await;
    let begin = Instant::now();
    let connector = gateway.connector(CarrierKind::Http).dial(proxy.address);
    let page = guard(connector.clone().connect()).await.unwrap();
    let first = begin.elapsed();
    check(&page, Exchange { seed: 5, up: 300_000, down: 300_000 }).await;
    assert_eq!(page.stats().attaches, 1);
    // What was found out holds for the next carrier of this connector.
    let begin = Instant::now();
    guard(connector.connect()).await.unwrap();
    println!("usable after {first:?}, and then after {:?}", begin.elapsed());
    assert!(first < Duration::from_secs(3), "{first:?}");
    assert!(begin.elapsed() < Duration::from_millis(1_400), "{:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_end_when_they_are_long_or_old_and_the_next_goes_on() {
    let limits = HttpLimits {
        answer_bytes: 40_000,
        answer_time: Duration::from_millis(50),
        kept: 20_000,
        ..HttpLimits::default()
    };
    for mode in MODES {
        let gateway = Gateway::with_http(limits.clone()).await;
        let relay = CutRelay::to(gateway.address).await.unwrap();
        let connector = gateway.connector(CarrierKind::Http).http_mode(mode).dial(relay.address());
        let page = guard(connector.connect()).await.unwrap();
        check(&page, Exchange { seed: 6, up: 1_000_000, down: 1_000_000 }).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        check(&page, Exchange { seed: 7, up: 1, down: 1 }).await;
        assert_eq!(page.stats().attaches, 1);
    }
}

#[tokio::test]
async fn answers_that_end_at_once_are_not_asked_for_in_a_storm() {
    let limits = HttpLimits { answer_time: Duration::from_millis(5), ..HttpLimits::default() };
    let gateway = Gateway::with_http(limits).await;
    let relay = CutRelay::to(gateway.address).await.unwrap();
    let connector = gateway.connector(CarrierKind::Http).dial(relay.address());
    let page = guard(connector.connect()).await.unwrap();
    check(&page, Exchange { seed: 8, up: 1, down: 1 }).await;
    let before = relay.counts().up;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let asked = relay.counts().up - before;
    println!("{asked} bytes of requests in 2 s");
    // A request has about 170 bytes; without pauses there would be hundreds.
    assert!(asked < 4_000, "{asked} bytes of requests in 2 s");
    check(&page, Exchange { seed: 9, up: 1_000, down: 1_000 }).await;
    assert_eq!(page.stats().attaches, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stops_holds_what_is_kept_and_nothing_else() {
    let budget = Budget::new(1 << 30);
    let gateway = Gateway::with_budget(budget.clone()).await;
    let relay = CutRelay::to(gateway.address).await.unwrap();
    let page = guard(gateway.connector(CarrierKind::Http).dial(relay.address()).connect()).await.unwrap();
    let at_gateway = gateway.newest().await;
    let mut source = page.open(&json!({ "do": "source", "bytes": 64 << 20 })).unwrap();
    guard(source.reply()).await.unwrap();
    relay.stall_only(Direction::Down);
    let mut held = 0;
    guard(async {
        while held == 0 || held != budget.used() {
            held = budget.used();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    })
    .await;
    let beside = held - at_gateway.stats().held;
    println!("{held} bytes held, {beside} of them beside the session's own");
    // What was handed out, one message that was not, and what a session costs anyway.
    assert!(beside < 256 * 1024 + 262_144 + 16_384, "{beside}");
    relay.resume();
    drop(page);
    drop(source);
    guard(at_gateway.finished()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_vanishes_is_noticed_and_one_that_comes_back_resumes() {
    let timings = pageport_link::Timings {
        ping: Duration::from_millis(200),
        silent: Duration::from_millis(600),
        ..pageport_link::Timings::default()
    };
    let settings =
        pageport_link::Settings { timings, ..pageport_link::Settings::new(pageport_proto::Role::Gateway) };
    let gateway = Gateway::with_settings(settings).await;
    let relay = CutRelay::to(gateway.address).await.unwrap();
    let page = guard(gateway.connector(CarrierKind::Http).dial(relay.address()).connect()).await.unwrap();
    let at_gateway = gateway.newest().await;
    assert!(guard(at_gateway.attached()).await);
    let mut echo = page.open(&json!({ "do": "echo" })).unwrap();
    guard(echo.reply()).await.unwrap();
    // Nothing but PING and PONG for a while, which is enough.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((page.stats().attaches, at_gateway.stats().attaches), (1, 1));

    relay.refuse(true);
    relay.cut(Cut::Reset);
    assert!(guard(at_gateway.parked()).await);
    assert!(guard(page.parked()).await);
    echo.write_chunk("still here".into()).await.unwrap();
    relay.refuse(false);
    assert_eq!(guard(echo.read_chunk()).await.unwrap().unwrap(), "still here");
    page.close(Code::NO_ERROR, "");
    assert_eq!(guard(at_gateway.closed()).await, Code::NO_ERROR);
}

#[tokio::test]
async fn a_page_that_closes_leaves_no_request_behind() {
    let gateway = Gateway::start().await;
    let relay = CutRelay::to(gateway.address).await.unwrap();
    let (open, address) = (Arc::new(()), relay.address());
    let connections = Arc::clone(&open);
    let dial = move || connection(address, Arc::clone(&connections));
    let page = guard(gateway.connector(CarrierKind::Http).dial_by(dial.clone()).connect()).await.unwrap();
    relay.stall();
    page.close(Code::NO_ERROR, "");
    guard(page.finished()).await;
    drop((page, dial));
    let gone = async {
        while Arc::strong_count(&open) > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // Far less than an upload may take.
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("a request is still open");
}

/// One that holds `open` for as long as whoever has dialled holds it.
async fn connection(address: SocketAddr, open: Arc<()>) -> io::Result<Box<dyn Io>> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (mut up, mut to_page) = tokio::io::split(far);
    let (mut down, mut to_gateway) = TcpStream::connect(address).await?.into_split();
    tokio::spawn(async move {
        let _open = open;
        tokio::select! {
            _ = tokio::io::copy(&mut up, &mut to_gateway) => {}
            _ = tokio::io::copy(&mut down, &mut to_page) => {}
        }
    });
    Ok(Box::new(near))
}

async fn check(page: &Session, what: Exchange) {
    let hash = guard(exchange(page, what)).await.unwrap_or_else(|failure| panic!("{what:?}: {failure}"));
    assert_eq!(hash, Pattern::new(!what.seed).sha256(what.down), "{what:?}");
}
