//! What sessions hold is counted, bounded, and given back.

use pageport_link::{Budget, CarrierKind, Level, OpenError, Session, SessionState, Stream};
use pageport_proto::Code;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{CONNECTED, Exchange, Gateway, KINDS, exchange, guard};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_is_charged_for_what_is_held_and_given_back() {
    for kind in CONNECTED {
        let budget = Budget::new(1 << 30);
        let gateway = Gateway::with_budget(budget.clone()).await;
        let (page, at_gateway) = gateway.connect(kind).await;
        // A session costs something by itself.
        let idle = budget.used();
        assert!((1_000..20_000).contains(&idle), "{idle}");
        let stalled = guard(fill(&page)).await;
        guard(until(|| budget.used() >= idle + 65_536)).await;
        assert_eq!(budget.used(), idle + at_gateway.stats().held);
        drop(stalled);
        guard(until(|| budget.used() == idle)).await;

        let _stalled = guard(fill(&page)).await;
        guard(until(|| budget.used() >= idle + 65_536)).await;
        at_gateway.close(Code::NO_ERROR, "");
        assert_eq!(budget.used(), idle, "an end gives back what was held");
    }
}

#[tokio::test]
async fn a_session_is_given_back_with_its_last_handle() {
    for kind in KINDS {
        let budget = Budget::new(1 << 30);
        let gateway = Gateway::with_budget(budget.clone()).await;
        let (page, at_gateway) = gateway.connect(kind).await;
        guard(open_and_end(&page)).await;
        drop(page);
        guard(at_gateway.finished()).await;
        assert!(budget.used() > 0);
        drop(at_gateway);
        gateway.forget_sessions();
        guard(until(|| budget.used() == 0)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tight_budget_keeps_windows_small_and_a_full_one_refuses_streams() {
    let budget = Budget::new(200_000);
    let gateway = Gateway::with_budget(budget.clone()).await;
    let (page, at_gateway) = gateway.connect(CarrierKind::Bytes).await;
    let mut stalled = Vec::new();
    while budget.level() < Level::Tight {
        stalled.push(guard(fill(&page)).await);
    }
    // From here on a stream gets no more than it began with.
    let before = budget.used();
    let small = guard(fill(&page)).await;
    guard(until(|| budget.used() > before)).await;
    assert!(budget.used() - before < 10_000, "{} more", budget.used() - before);
    drop(small);
    while budget.level() < Level::Full {
        stalled.push(guard(fill(&page)).await);
    }
    assert_eq!(at_gateway.open(&json!({})).unwrap_err(), OpenError::Overloaded);
    println!("{} streams filled a budget of 200,000 bytes", stalled.len());
    stalled.clear();
    guard(until(|| budget.level() == Level::Calm)).await;
    at_gateway.open(&json!({})).unwrap();
    // And transfers work again.
    guard(exchange(&page, Exchange { seed: 1, up: 50_000, down: 50_000 })).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_above_its_share_ends_when_memory_is_used_up_and_a_modest_one_stays() {
    let budget = Budget::new(400_000);
    let gateway = Gateway::with_budget(budget.clone()).await;
    let (modest, modest_at_gateway) = gateway.connect(CarrierKind::Bytes).await;
    let mut echo = modest.open(&json!({ "do": "echo" })).unwrap();
    guard(echo.reply()).await.unwrap();
    gateway.expect_newer();
    let (greedy, greedy_at_gateway) = gateway.connect(CarrierKind::Bytes).await;
    let mut stalled = Vec::new();
    guard(async {
        while !matches!(greedy_at_gateway.state(), SessionState::Closed(_)) {
            let Ok(mut stream) = greedy.open(&json!({ "do": "stall" })) else { continue };
            let write = stream.write_chunk(bytes::Bytes::from(vec![7; 1 << 16]));
            let _ = tokio::time::timeout(std::time::Duration::from_millis(100), write).await;
            stalled.push(stream);
        }
    })
    .await;
    assert_eq!(guard(greedy.closed()).await, Code::ERR_OVERLOADED);
    assert_eq!(modest_at_gateway.state(), SessionState::Attached);
    echo.write_chunk(bytes::Bytes::from_static(b"still here")).await.unwrap();
    assert_eq!(guard(echo.read_chunk()).await, Ok(Some(bytes::Bytes::from_static(b"still here"))));
    assert!(budget.level() < Level::Shedding, "{} bytes", budget.used());
}

#[test]
fn streams_that_come_and_go_leave_nothing_behind() {
    in_a_process_of_its_own("memory::streams_that_come_and_go_leave_nothing_behind", || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(come_and_go());
    });
}

async fn come_and_go() {
    const ROUNDS: usize = 20;
    const EACH: usize = 1_000;
    let gateway = Gateway::start().await;
    let (page, at_gateway) = gateway.connect(CarrierKind::Bytes).await;
    let mut after_warm_up = 0;
    for round in 0..ROUNDS {
        let mut tasks = JoinSet::new();
        for _ in 0..EACH / 50 {
            let page = page.clone();
            tasks.spawn(async move {
                for _ in 0..50 {
                    open_and_end(&page).await;
                }
            });
        }
        guard(tasks.join_all()).await;
        guard(until(|| page.stats().streams + at_gateway.stats().streams == 0)).await;
        if round == 3 {
            after_warm_up = resident();
        }
    }
    let (held, grown) =
        (page.stats().held + at_gateway.stats().held, resident().saturating_sub(after_warm_up));
    println!("{} streams: {held} bytes held, {grown} bytes more than after a fifth of them", ROUNDS * EACH);
    assert_eq!(held, 0);
    // 16,000 streams more; 100 bytes left behind by each would show.
    assert!(grown < 1_600_000, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_nobody_accepts_do_not_pile_up_when_their_opener_gives_up() {
    let gateway = Gateway::start().await;
    let (page, at_gateway) = gateway.connect(CarrierKind::Bytes).await;
    for _ in 0..200 {
        let opened: Vec<Stream> =
            (0..50).map(|_| at_gateway.open(&json!({ "x": "y".repeat(1_000) })).unwrap()).collect();
        drop(opened);
        guard(until(|| at_gateway.stats().streams == 0)).await;
    }
    guard(until(|| page.stats().held == 0)).await;
    let last = at_gateway.open(&json!({ "last": true })).unwrap();
    let accepted = guard(page.accept()).await.unwrap();
    assert_eq!(accepted.id(), last.id(), "only the live one is there");
}

async fn open_and_end(page: &Session) {
    let mut stream = page.open(&json!({ "do": "echo" })).unwrap();
    stream.reply().await.unwrap();
    stream.finish();
    assert_eq!(stream.read_chunk().await, Ok(None));
}

/// A stream that the gateway does not read, after as much was written as it takes at once.
async fn fill(page: &Session) -> Stream {
    let mut stream = page.open(&json!({ "do": "stall" })).unwrap();
    stream.reply().await.unwrap();
    let write = stream.write_chunk(bytes::Bytes::from(vec![7; 1 << 20]));
    tokio::time::timeout(std::time::Duration::from_millis(300), write).await.unwrap_err();
    stream
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// The memory of a process says nothing of one test while others run in it, so this one runs again, by itself.
fn in_a_process_of_its_own(name: &str, test: impl FnOnce()) {
    const ALONE: &str = "PAGEPORT_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return test();
    }
    let mut itself = std::process::Command::new(std::env::current_exe().unwrap());
    let output = itself.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"));
}

/// Bytes of memory that the process really has (Linux, proc(5)).
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
