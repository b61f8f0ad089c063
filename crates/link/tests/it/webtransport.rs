//! The carrier `webtransport`: bytes on native streams, datagrams, and sessions that move between it and the others.

use std::time::Duration;

use bytes::Bytes;
use pageport_link::{CarrierKind, Session};
use pageport_testkit::{Impairment, ImpairmentRelay, Pattern, Random};
use serde_json::json;
use tokio::task::JoinSet;
use web_transport_quinn::SessionError;

use crate::support::{Exchange, Gateway, RawQuicPage, exchange, guard};

const STREAMS: u64 = 20;

async fn check(page: Session, what: Exchange) {
    let hash = exchange(&page, what).await.unwrap_or_else(|failure| panic!("{what:?}: {failure}"));
    assert_eq!(hash, Pattern::new(!what.seed).sha256(what.down), "{what:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_of_many_streams_arrive_whole() {
    let gateway = Gateway::start().await;
    let (page, _) = gateway.connect(CarrierKind::WebTransport).await;
    assert_eq!(page.stats().carrier, Some(CarrierKind::WebTransport));
    let mut running = JoinSet::new();
    for seed in 0..STREAMS as u32 {
        let what = Exchange { seed, up: 2 << 20, down: 2 << 20 };
        running.spawn(check(page.clone(), what));
    }
    guard(running.join_all()).await;
    guard(async {
        while page.stats().streams > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_moves_between_tcp_and_quic_loses_no_byte() {
    const MOVES: usize = 12;
    let seed = Random::seed();
    println!("PAGEPORT_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let gateway = Gateway::with_carriers(&[CarrierKind::Bytes]).await;
    let both = [CarrierKind::Bytes, CarrierKind::WebTransport];
    let page = gateway.connector(CarrierKind::Bytes).carriers(&both).connect().await.unwrap();
    let mut running = JoinSet::new();
    for _ in 0..STREAMS {
        let page = page.clone();
        let seed = random.below(1 << 32) as u32;
        running.spawn(async move {
            // Without an end of its own: the last move comes while bytes flow.
            for turn in 0.. {
                let what = Exchange { seed: seed ^ turn, up: 1 << 20, down: 1 << 20 };
                check(page.clone(), what).await;
            }
        });
    }
    let mut carriers = Vec::new();
    for at in 0..MOVES {
        let kind = both[(at + 1) % 2];
        let (attaches, before) = (page.stats().attaches, page.stats().sent + page.stats().received);
        // Something has moved on this carrier, and something is under way.
        guard(async {
            while page.stats().sent + page.stats().received < before + random.below(4 << 20) {
                assert!(running.try_join_next().is_none(), "a transfer failed");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        gateway.allow(&[kind]);
        page.abort_carrier();
        guard(async {
            while page.stats().attaches == attaches {
                page.attached().await;
                tokio::task::yield_now().await;
            }
        })
        .await;
        carriers.push(page.stats().carrier);
        assert!(page.stats().carrier.is_none_or(|carrier| carrier == kind));
    }
    let moved = page.stats();
    println!("{carriers:?}, {} bytes up, {} down", moved.sent, moved.received);
    running.abort_all();
    check(page.clone(), Exchange { seed: 1, up: 1 << 20, down: 1 << 20 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_arrive_in_both_directions() {
    let gateway = Gateway::start().await;
    for kind in [CarrierKind::WebTransport, CarrierKind::Bytes] {
        gateway.expect_newer();
        let (page, at_gateway) = gateway.connect(kind).await;
        for (from, to) in [(&page, &at_gateway), (&at_gateway, &page)] {
            let arrived = async {
                // They may get lost, so they are sent until one has arrived.
                let mut tick = tokio::time::interval(Duration::from_millis(10));
                let mut receive = std::pin::pin!(to.datagram());
                loop {
                    tokio::select! {
                        datagram = &mut receive => return datagram.unwrap(),
                        _ = tick.tick() => from.send_datagram(7, Bytes::from_static(b"hello")),
                    }
                }
            };
            assert_eq!(guard(arrived).await, (7, Bytes::from_static(b"hello")));
        }
        // The largest one fits every carrier, on QUIC's datagrams or not.
        page.send_datagram(8, Bytes::from(vec![1; 1_200]));
        guard(async { while at_gateway.datagram().await.unwrap() != (8, Bytes::from(vec![1; 1_200])) {} })
            .await;
    }
}

#[tokio::test]
async fn where_udp_leads_nowhere_the_next_carrier_is_tried() {
    let gateway = Gateway::with_carriers(&[CarrierKind::WebSocket]).await;
    let kinds = [CarrierKind::WebTransport, CarrierKind::WebSocket];
    let page = gateway.connector(kinds[0]).carriers(&kinds).connect().await.unwrap();
    assert_eq!(page.stats().carrier, Some(CarrierKind::WebSocket));
    let wrong = gateway.connector(kinds[0]).certificate_hashes(&[[0; 32]]).connect().await;
    assert!(wrong.is_err(), "a certificate with another hash");
}

#[tokio::test]
async fn where_tcp_is_refused_udp_is_still_tried() {
    let gateway = Gateway::start().await;
    // A handshake that is slower than the head start which other kinds give.
    let slow = Impairment { delay: Duration::from_millis(350), ..Impairment::default() };
    let slow = ImpairmentRelay::to(gateway.address, slow, 1).await.unwrap();
    for (kinds, address) in [
        ([CarrierKind::Bytes, CarrierKind::WebTransport], gateway.address),
        ([CarrierKind::WebTransport, CarrierKind::Bytes], slow.address()),
    ] {
        let refused = || async { Err(std::io::ErrorKind::ConnectionRefused.into()) };
        let connector = gateway.connector(kinds[0]).carriers(&kinds).dial(address).dial_by(refused);
        let page = guard(connector.connect()).await.unwrap();
        assert_eq!(page.stats().carrier, Some(CarrierKind::WebTransport), "{kinds:?}");
    }
}

#[tokio::test]
async fn closing_tells_the_other_side() {
    let gateway = Gateway::start().await;
    let (page, at_gateway) = gateway.connect(CarrierKind::WebTransport).await;
    let mut stream = page.open(&json!({ "do": "echo" })).unwrap();
    stream.write_chunk(Bytes::from_static(b"x")).await.unwrap();
    page.close(pageport_proto::Code::NO_ERROR, "");
    assert_eq!(guard(at_gateway.closed()).await, pageport_proto::Code::NO_ERROR);
    guard(page.finished()).await;
}

/// Where the session of WebTransport ends first, streams that have not ended fail one by one, which kills pages in Chromium.
#[tokio::test]
async fn a_carrier_that_is_retired_ends_with_its_connection_and_not_before() {
    let gateway = Gateway::start().await;
    let (page, at_gateway) = RawQuicPage::attach(&gateway).await;
    at_gateway.close(pageport_proto::Code::ERR_OVERLOADED, "");
    let ended = guard(page.end()).await;
    assert!(matches!(ended, SessionError::ConnectionError(_)), "{ended:?}");
}
