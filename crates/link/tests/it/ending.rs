//! How sessions end, and that everybody hears of it.

use std::time::Duration;

use bytes::Bytes;
use pageport_link::{CarrierKind, OpenError, SessionState, StreamError};
use pageport_proto::Code;
use serde_json::json;

use crate::support::{Gateway, KINDS, guard};

const OVER: Code = Code::from_number(0x1_0001);

#[tokio::test]
async fn a_close_reaches_the_other_end_with_its_code() {
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, at_gateway) = gateway.connect(kind).await;
        let mut stream = page.open(&json!({ "do": "echo" })).unwrap();
        guard(stream.reply()).await.unwrap();
        let accepting = tokio::spawn({
            let page = page.clone();
            async move { page.accept().await.is_none() }
        });
        page.close(OVER, "enough");
        assert_eq!(page.state(), SessionState::Closed(OVER));
        assert_eq!(guard(at_gateway.closed()).await, OVER);
        assert_eq!(guard(page.finished()).await, OVER);
        assert_eq!(guard(at_gateway.finished()).await, OVER);
        assert!(guard(accepting).await.unwrap(), "accept ends");
        assert_eq!(guard(stream.read_chunk()).await, Err(StreamError::SessionClosed(OVER)));
        assert_eq!(stream.write_chunk(Bytes::from_static(b"x")).await, Err(StreamError::SessionClosed(OVER)));
        assert_eq!(page.open(&json!({})).unwrap_err(), OpenError::Closed(OVER));
        assert!(!guard(page.attached()).await);
    }
}

#[tokio::test]
async fn the_last_handle_that_goes_closes_the_session() {
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, at_gateway) = gateway.connect(kind).await;
        let stream = page.open(&json!({ "do": "stall" })).unwrap();
        let clone = page.clone();
        drop(page);
        drop(clone);
        assert!(guard(at_gateway.attached()).await, "a stream keeps it");
        assert_eq!(at_gateway.state(), SessionState::Attached);
        drop(stream);
        assert_eq!(guard(at_gateway.closed()).await, Code::NO_ERROR);
    }
}

#[tokio::test]
async fn going_away_lets_streams_finish_and_then_closes() {
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, at_gateway) = gateway.connect(kind).await;
        let mut running = page.open(&json!({ "do": "echo" })).unwrap();
        guard(running.reply()).await.unwrap();
        at_gateway.go_away(Duration::from_secs(100), Code::ERR_GOING_AWAY, 5..=30);
        assert_eq!(at_gateway.open(&json!({})).unwrap_err(), OpenError::GoingAway);
        guard(async {
            while page.open(&json!({ "do": "stall" })).map_err(|error| error == OpenError::GoingAway).is_ok()
            {
                tokio::task::yield_now().await;
            }
        })
        .await;
        running.write_chunk(Bytes::from_static(b"still")).await.unwrap();
        assert_eq!(guard(running.read_chunk()).await, Ok(Some(Bytes::from_static(b"still"))));
        assert_eq!(at_gateway.state(), SessionState::Attached);
        running.finish();
        assert_eq!(guard(running.read_chunk()).await, Ok(None));
        assert_eq!(guard(page.closed()).await, Code::ERR_GOING_AWAY);
    }
}

#[tokio::test]
async fn going_away_does_not_wait_for_ever() {
    let gateway = Gateway::start().await;
    let (page, at_gateway) = gateway.connect(CarrierKind::Bytes).await;
    let mut running = page.open(&json!({ "do": "stall" })).unwrap();
    guard(running.reply()).await.unwrap();
    at_gateway.go_away(Duration::from_millis(200), Code::ERR_GOING_AWAY, 5..=30);
    assert_eq!(guard(at_gateway.closed()).await, Code::ERR_GOING_AWAY);
    assert_eq!(guard(running.read_chunk()).await, Err(StreamError::SessionClosed(Code::ERR_GOING_AWAY)));
    assert_eq!(guard(page.finished()).await, Code::ERR_GOING_AWAY);
}

#[tokio::test]
async fn a_session_without_streams_goes_away_at_once() {
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, at_gateway) = gateway.connect(kind).await;
        assert!(guard(at_gateway.attached()).await);
        at_gateway.go_away(Duration::from_secs(100), Code::ERR_GOING_AWAY, 5..=30);
        assert_eq!(guard(page.closed()).await, Code::ERR_GOING_AWAY);
    }
}
