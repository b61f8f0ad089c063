//! Peers that take nothing: what waits for them is given up soon after their session has ended, and does not pile up before.

use std::time::Duration;

use bytes::Bytes;
use pageport_link::{Budget, Carrier, HttpLimits, Session, SessionState, Settings, Socket, receive_hello};
use pageport_proto::frame::{Ack, Data, Frame, Mark, Resume};
use pageport_proto::{Code, Limits, Role, StreamId, limits};
use serde_json::json;
use tokio::io::duplex;
use tokio::time::Instant;

use crate::support::{RawPage, greet, guard, hello, upload, welcome};

const LIMITS: Limits = Limits { streams: 100, initial: limits::WINDOW, unreceived: 8 << 20 };
/// A message that is on its way, and the session's end; pages that ask for messages get more time.
const SOON: Duration = Duration::from_secs(12);
const SOON_HTTP: Duration = Duration::from_secs(25);
/// Where something leaves all the time, and the message never does.
const SOON_TRICKLED: Duration = Duration::from_secs(40);

#[tokio::test(start_paused = true)]
async fn a_page_that_reads_nothing_is_gone_soon_after_its_session() {
    let (session, carried, page) = silent().await;
    let mut stream = session.open(&json!({})).unwrap();
    stream.write_chunk(Bytes::from(vec![7; 60_000])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let begin = Instant::now();
    session.close(Code::NO_ERROR, "");
    guard(carried).await.unwrap();
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    drop(page);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_reads_slowly_hears_of_the_end_all_the_same() {
    let (session, carried, mut page) = silent().await;
    let mut stream = session.open(&json!({})).unwrap();
    stream.write_chunk(Bytes::from(vec![7; 60_000])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    session.close(Code::NO_ERROR, "");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(page.farewell().await, Some((true, Code::NO_ERROR)));
    drop(page);
    guard(carried).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_page_behind_a_path_that_became_slow_hears_of_the_end_as_well() {
    let (session, carried, mut page) = silent().await;
    let mut stream = session.open(&json!({})).unwrap();
    stream.write_chunk(Bytes::from(vec![7; 60_000])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let begin = Instant::now();
    session.close(Code::NO_ERROR, "");
    while page.take(600).await == 600 {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(
        begin.elapsed() > SOON,
        "the message left in {:?}: it was too small to show anything",
        begin.elapsed()
    );
    assert_eq!(page.farewell().await, Some((true, Code::NO_ERROR)));
    drop(page);
    guard(carried).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_page_that_takes_a_byte_now_and_then_is_gone_all_the_same() {
    let (session, carried, mut page) = silent().await;
    let mut stream = session.open(&json!({})).unwrap();
    stream.write_chunk(Bytes::from(vec![7; 60_000])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let begin = Instant::now();
    session.close(Code::NO_ERROR, "");
    while !carried.is_finished() && begin.elapsed() < 2 * SOON_TRICKLED {
        tokio::time::sleep(Duration::from_secs(3)).await;
        page.take(1).await;
    }
    assert!(carried.is_finished() && begin.elapsed() < SOON_TRICKLED, "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_page_that_asks_for_no_messages_is_gone_soon_after_its_session() {
    let budget = Budget::new(64 << 20);
    let (carrier, line) = Carrier::http_server(HttpLimits::default(), budget.clone());
    let session = Session::new_gateway(settings(), budget.clone());
    let arrival = greet(carrier, &line, LIMITS).await;
    let carried = tokio::spawn(session.attach(arrival, &welcome(LIMITS)).unwrap());
    let resume = Frame::Resume(Resume { end: true, highest: 0, entries: Vec::new() });
    upload(&line, 1, &resume).await;
    assert!(guard(session.attached()).await);
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut stream = session.open(&json!({})).unwrap();
        stream.write_chunk(Bytes::from(vec![7; 60_000])).await.unwrap();
        streams.push(stream);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let begin = Instant::now();
    session.close(Code::NO_ERROR, "");
    guard(carried).await.unwrap();
    guard(line.forgotten()).await;
    assert!(begin.elapsed() < SOON_HTTP, "{:?}", begin.elapsed());
    drop((streams, session, line));
    assert_eq!(budget.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn ends_of_streams_that_a_page_does_not_hear_of_count_as_streams() {
    let (session, _carried, mut page) = silent().await;
    let mut stream = session.open(&json!({})).unwrap();
    // From here on nothing leaves.
    stream.write_chunk(Bytes::from(vec![7; 60_000])).await.unwrap();
    let mut opened = 0;
    while !matches!(session.state(), SessionState::Closed(_)) && opened < 10 * LIMITS.streams {
        let id = StreamId::new(1 + 2 * opened).unwrap();
        // A stream without a head, which the gateway aborts, and the page's word that it has heard so.
        page.send(&Frame::Data(Data { stream: id, offset: 0, mark: Mark::Fin, bytes: Bytes::new() })).await;
        page.send(&Frame::Ack(vec![Ack { stream: id, received: 1, limit: 0 }])).await;
        tokio::task::yield_now().await;
        opened += 1;
        assert!(session.stats().streams < 10, "they are over, and yet they count");
    }
    assert_eq!(session.state(), SessionState::Closed(Code::ERR_STREAM_LIMIT), "after {opened} streams");
}

/// A session, and its page that has attached and reads no more.
async fn silent() -> (Session, tokio::task::JoinHandle<()>, RawPage) {
    let (near, far) = duplex(600);
    let session = Session::new_gateway(settings(), Budget::unlimited());
    let mut page = RawPage::over(far);
    let first = hello(LIMITS);
    let carrier = Carrier::bytes(Socket::boxed(near), Bytes::new());
    let (arrival, ()) = tokio::join!(receive_hello(carrier, SOON), page.send(&first));
    let carried = tokio::spawn(session.attach(arrival.unwrap(), &welcome(LIMITS)).unwrap());
    page.welcome().await;
    page.resume().await;
    page.resumed().await;
    assert!(guard(session.attached()).await);
    (session, carried, page)
}

fn settings() -> Settings {
    Settings { limits: LIMITS, ..Settings::new(Role::Gateway) }
}
