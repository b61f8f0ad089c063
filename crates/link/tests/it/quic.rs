//! What QUIC lends to whom: little to strangers and candidates, what a session pays for to its carrier, and to nobody for ever.

use std::time::Duration;

use futures_util::FutureExt as _;
use pageport_link::{Budget, Level, LinkError};
use web_transport_quinn::quinn::{ConnectionError, TransportConfig};
use web_transport_quinn::{SendStream, Session};

use crate::support::{Gateway, QuicDoor, RawPage, RawQuic, guard};

const MIB: u64 = 1 << 20;
const LIMIT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_candidate_gets_no_more_than_a_stranger_until_it_carries_its_session() {
    let gateway = Gateway::start().await;
    let (session, mut page) = knock(&gateway).await;
    page.hello(1, None).await;
    page.welcome().await;
    let mut lanes = Vec::new();
    while let Some(lane) = session.open_uni().now_or_never() {
        lanes.push(lane.unwrap());
    }
    // Eight, of which HTTP/3 has one.
    assert_eq!(lanes.len(), 7);
    page.resume().await;
    page.resumed().await;
    for _ in 0..50 {
        lanes.push(guard(session.open_uni()).await.unwrap());
    }
}

#[tokio::test]
async fn native_streams_that_wait_are_counted_and_never_turned_away() {
    let budget = Budget::new(20 * MIB);
    let gateway = Gateway::with_budget(budget.clone()).await;
    let (session, mut page) = knock(&gateway).await;
    page.begin().await;
    page.resumed().await;
    let before = budget.used();
    let mut lanes = Vec::new();
    for nth in 1..=4 {
        lanes.push(early(&session).await);
        guard(async {
            while budget.used() < before + nth * 4 * MIB {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    // All of them hold no more than the connection lets them have, and it is more than seven tenths of what there is.
    lanes.push(early(&session).await);
    guard(async {
        while budget.used() <= before + 16 * MIB {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(budget.used() < before + 18 * MIB, "{}", budget.used());
    assert!(budget.level() >= Level::Tight);
    assert!(lanes.iter().all(|lane| lane.stopped().now_or_never().is_none()), "all of them go on waiting");
    assert!(gateway.newest().await.attached().await);
    session.close(0, b"");
    guard(gateway.newest().await.parked()).await;
    guard(async {
        while budget.used() > before {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_whose_first_stream_never_comes_ends_within_the_limit() {
    let door = QuicDoor::open(([127, 0, 0, 1], 0).into());
    let page = RawQuic::ask_only(&door, TransportConfig::default());
    let (accepted, closed) = guard(async { tokio::join!(accept(&door), page) }).await;
    assert!(matches!(accepted, Err(LinkError::Timeout)), "{accepted:?}");
    assert!(matches!(closed, ConnectionError::ApplicationClosed(_)), "{closed:?}");
}

#[tokio::test]
async fn a_page_that_takes_no_answer_is_let_go_within_the_limit() {
    let door = QuicDoor::open(([127, 0, 0, 1], 0).into());
    let page = RawQuic::ask_only(&door, RawQuic::deaf());
    let (accepted, closed) = guard(async { tokio::join!(accept(&door), page) }).await;
    assert!(matches!(accepted, Err(LinkError::Timeout)), "{accepted:?}");
    assert!(matches!(closed, ConnectionError::ApplicationClosed(_)), "{closed:?}");

    let page = RawQuic::ask_only(&door, RawQuic::deaf());
    let refuse = async { door.request().await.refuse(http::StatusCode::NOT_FOUND).await };
    let ((), closed) = guard(async { tokio::join!(refuse, page) }).await;
    assert!(matches!(closed, ConnectionError::ApplicationClosed(_)), "{closed:?}");
}

async fn accept(door: &QuicDoor) -> Result<pageport_link::Carrier, LinkError> {
    door.request().await.accept(8, LIMIT).await
}

/// A session of WebTransport, and its first stream.
async fn knock(gateway: &Gateway) -> (Session, RawPage) {
    let page = RawQuic::connect(gateway.address, &gateway.certificate, TransportConfig::default()).await;
    let session = guard(page.session()).await;
    let (send, receive) = guard(session.open_bi()).await.unwrap();
    (session, RawPage::over(tokio::io::join(receive, send)))
}

/// A native stream with bytes of stream 1, which no frame has opened.
async fn early(session: &Session) -> SendStream {
    let mut lane = guard(session.open_uni()).await.unwrap();
    lane.write_all(&[1, 0, 42]).await.unwrap();
    lane
}
