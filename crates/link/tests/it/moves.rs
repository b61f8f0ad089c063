//! A live session goes from one kind of carrier to another, and its streams do not notice.

use std::time::Duration;

use pageport_link::{CarrierKind, Connector, HttpMode, LinkError};
use pageport_proto::Code;
use pageport_testkit::{Cut, CutRelay, Pattern, Random};
use tokio::task::JoinSet;

use crate::support::{Exchange, Gateway, KINDS, SwallowingProxy, Swallows, exchange, guard};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_moves_between_all_kinds_while_it_transfers() {
    const LEN: u64 = 1 << 19;
    let seed = Random::seed();
    println!("PAGEPORT_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let gateway = Gateway::start().await;
    let relay = CutRelay::to(gateway.address).await.unwrap();
    let connector = Connector::new(&gateway.url()).unwrap().dial(relay.address());
    let page = guard(connector.clone().connect()).await.unwrap();
    let at_gateway = gateway.newest().await;
    let mut running = JoinSet::new();
    for seed in 0..20 {
        let page = page.clone();
        running.spawn(async move {
            let what = Exchange { seed, up: LEN, down: LEN };
            let hash = exchange(&page, what).await.unwrap_or_else(|failure| panic!("{what:?}: {failure}"));
            assert_eq!(hash, Pattern::new(!seed).sha256(LEN));
        });
    }
    let (mut moves, mut cuts) = (0_u64, 0);
    let done = async {
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
    };
    let moving = async {
        loop {
            // Some bytes between two moves, or all would be spent on sending them again.
            let before = page.stats().received;
            while page.stats().received < before + LEN {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let kind = KINDS[random.below(4) as usize];
            let mode = if random.below(2) == 0 { HttpMode::Poll } else { HttpMode::Detect };
            if random.below(4) == 0 {
                relay.cut(Cut::Reset);
                cuts += 1;
            }
            // A move that a cut has met is no move; the session is well either way.
            // What cuts stands in the way of TCP only.
            let connector = match kind {
                CarrierKind::WebTransport => gateway.connector(kind),
                _ => connector.clone().http_mode(mode),
            };
            if connector.carry(&page, kind).await.is_ok() {
                moves += 1;
            }
        }
    };
    guard(async {
        tokio::select! {
            () = done => {}
            () = moving => {}
        }
    })
    .await;
    println!("{moves} moves and {cuts} cuts while 20 x 2 x {LEN} bytes went, {:?}", page.stats());
    assert!(moves >= 4, "only {moves} moves");
    guard(async {
        while page.stats().streams + at_gateway.stats().streams > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert!(at_gateway.stats().attaches >= moves);
}

#[tokio::test]
async fn a_move_that_fails_leaves_the_session_where_it_is() {
    let gateway = Gateway::with_carriers(&[CarrierKind::WebSocket]).await;
    let connector = Connector::new(&gateway.url()).unwrap().carriers(&[CarrierKind::WebSocket]);
    let page = guard(connector.clone().connect()).await.unwrap();
    for kind in [CarrierKind::Bytes, CarrierKind::Http] {
        guard(connector.clone().carry(&page, kind)).await.expect_err("it is not served there");
    }
    assert_eq!((page.stats().attaches, page.stats().carrier), (1, Some(CarrierKind::WebSocket)));
    guard(exchange(&page, Exchange { seed: 1, up: 1_000, down: 1_000 })).await.unwrap();
}

#[tokio::test]
async fn a_move_whose_carrier_opens_and_is_then_refused_has_failed() {
    for code in [Code::ERR_OVERLOADED, Code::ERR_GOING_AWAY] {
        let gateway = Gateway::start().await;
        let (page, _) = gateway.connect(CarrierKind::WebSocket).await;
        gateway.refuse(code);
        let moved = guard(gateway.connector(CarrierKind::Http).carry(&page, CarrierKind::Http)).await;
        assert!(matches!(moved, Err(LinkError::Code(why)) if why == code), "{moved:?}");
        assert_eq!((page.stats().attaches, page.stats().carrier), (1, Some(CarrierKind::WebSocket)));
    }
}

#[tokio::test]
async fn a_move_that_a_newer_one_overtakes_has_failed() {
    let gateway = Gateway::start().await;
    let proxy = SwallowingProxy::to(gateway.address, Swallows::All).await;
    let (page, _) = gateway.connect(CarrierKind::WebSocket).await;
    let swallowed = gateway.connector(CarrierKind::Bytes).dial(proxy.address);
    let first = tokio::spawn({
        let page = page.clone();
        async move { swallowed.carry(&page, CarrierKind::Bytes).await }
    });
    guard(proxy.swallowed()).await;
    guard(gateway.connector(CarrierKind::Http).carry(&page, CarrierKind::Http)).await.unwrap();
    let first = guard(first).await.unwrap();
    assert!(matches!(first, Err(LinkError::Code(Code::ERR_CARRIER_REPLACED))), "{first:?}");
    assert_eq!((page.stats().attaches, page.stats().carrier), (2, Some(CarrierKind::Http)));
}

#[tokio::test]
async fn the_kind_that_carries_is_known_at_both_ends() {
    let gateway = Gateway::start().await;
    let connector = Connector::new(&gateway.url()).unwrap();
    let page = guard(connector.clone().connect()).await.unwrap();
    for kind in [CarrierKind::Http, CarrierKind::WebSocket, CarrierKind::Bytes, CarrierKind::Http] {
        guard(connector.clone().carry(&page, kind)).await.unwrap();
        assert_eq!(page.stats().carrier, Some(kind));
        guard(exchange(&page, Exchange { seed: 1, up: 1_000, down: 1_000 })).await.unwrap();
        assert_eq!(gateway.newest().await.stats().carrier, Some(kind));
    }
}
