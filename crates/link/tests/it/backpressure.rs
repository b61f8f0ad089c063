//! A reader that stops stops its own stream's writer, and nobody else.

use std::time::{Duration, Instant};

use bytes::Bytes;
use pageport_link::{Session, Stream, StreamError};
use pageport_proto::Code;
use pageport_testkit::{CutRelay, Direction, Pattern};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{CONNECTED, Exchange, Gateway, KINDS, exchange, guard};

/// What a stalled stream may take: its first window, and the limit that it began with.
const STALLED_MAX: usize = 65_536 + 4_096;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stops_bounds_what_its_writer_may_send_and_others_go_on() {
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, at_gateway) = gateway.connect(kind).await;
        let (stalled, taken) = guard(stall(&page)).await;
        assert!(taken <= STALLED_MAX, "{taken} bytes were accepted");
        assert!(at_gateway.stats().held <= STALLED_MAX as u64);
        let what = Exchange { seed: 5, up: 4 << 20, down: 4 << 20 };
        guard(exchange(&page, what)).await.unwrap();
        println!(
            "{kind}: a stalled stream took {taken} bytes; held at the gateway {}",
            at_gateway.stats().held
        );
        drop(stalled);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_stalled_streams_do_not_stall_the_next() {
    const LEN: u64 = 8 << 20;
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, at_gateway) = gateway.connect(kind).await;
        let what = Exchange { seed: 64, up: LEN, down: LEN };
        let begun = Instant::now();
        guard(exchange(&page, what)).await.unwrap();
        let alone = begun.elapsed();

        let mut stalling = JoinSet::new();
        for _ in 0..64 {
            let page = page.clone();
            stalling.spawn(async move { stall(&page).await });
        }
        let stalled = guard(stalling.join_all()).await;
        let held = at_gateway.stats().held;
        let begun = Instant::now();
        let hash = guard(exchange(&page, what)).await.unwrap();
        let beside = begun.elapsed();
        assert_eq!(hash, Pattern::new(!64).sha256(LEN));

        let mut echo = page.open(&json!({ "do": "echo" })).unwrap();
        let begun = Instant::now();
        for _ in 0..100 {
            echo.write_chunk(Bytes::from_static(b"ping")).await.unwrap();
            assert_eq!(guard(echo.read_chunk()).await.unwrap().unwrap(), &b"ping"[..]);
        }
        let round_trip = begun.elapsed() / 100;
        println!(
            "{kind}: alone {alone:?}, beside 64 stalled {beside:?}, round trip {round_trip:?}, held {held}"
        );
        // Far from a measurement, but a stall would be seconds.
        assert!(
            beside < alone * 5 + Duration::from_secs(1),
            "{beside:?} beside stalled streams, {alone:?} alone"
        );
        assert!(round_trip < Duration::from_millis(50), "{round_trip:?}");
        drop(stalled);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_reader_that_goes_on_gets_everything() {
    const LEN: usize = 1 << 20;
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, at_gateway) = gateway.connect(kind).await;
        let pattern = Pattern::new(3);
        let mut visit = at_gateway.open(&json!({ "kind": "x" })).unwrap();
        let mut visitor = guard(page.accept()).await.unwrap();
        visitor.respond(&json!({ "ok": true })).unwrap();
        let writing = tokio::spawn(async move {
            visitor.write_chunk(pattern.bytes(0, LEN)).await.unwrap();
            visitor.finish();
            visitor.read_chunk().await
        });
        guard(async {
            while at_gateway.stats().held < 65_536 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert!(!writing.is_finished());
        let mut at = 0;
        while let Some(bytes) = guard(visit.read_chunk()).await.unwrap() {
            pattern.check(at as u64, &bytes).unwrap();
            at += bytes.len();
        }
        assert_eq!(at, LEN);
        visit.finish();
        assert_eq!(guard(writing).await.unwrap(), Ok(None));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_says_what_a_write_takes_and_waits_while_that_is_nothing() {
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, at_gateway) = gateway.connect(kind).await;
        let mut visit = at_gateway.open(&json!({ "kind": "x" })).unwrap();
        let mut visitor = guard(page.accept()).await.unwrap();
        assert_eq!(visitor.room(1).await, Err(StreamError::NotWritable));
        visitor.respond(&json!({ "ok": true })).unwrap();
        let mut written = 0;
        // Everything that there is room for is taken without waiting.
        while let Ok(room) = tokio::time::timeout(Duration::from_millis(300), visitor.room(10_000)).await {
            let room = room.unwrap();
            assert!((1..=10_000).contains(&room));
            tokio::time::timeout(Duration::ZERO, visitor.write_chunk(vec![7; room].into()))
                .await
                .unwrap()
                .unwrap();
            written += room;
        }
        assert!((4_096..=STALLED_MAX).contains(&written), "{written}");
        let waiting = tokio::spawn(async move {
            let room = visitor.room(10).await;
            (visitor, room)
        });
        let mut read = 0;
        while read < written {
            read += guard(visit.read_chunk()).await.unwrap().unwrap().len();
        }
        let (mut visitor, room) = guard(waiting).await.unwrap();
        assert_eq!(room, Ok(10));
        visit.stop(Code::from_number(0x1_0009));
        guard(async {
            while visitor.room(1).await.is_ok() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(visitor.room(1).await, Err(StreamError::Stopped(Code::from_number(0x1_0009))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_goes_on_while_writing_is_blocked() {
    for kind in CONNECTED {
        let gateway = Gateway::start().await;
        let relay = CutRelay::to(gateway.address).await.unwrap();
        let page = gateway.connector(kind).dial(relay.address()).connect().await.unwrap();
        let at_gateway = gateway.newest().await;
        let mut sink = page.open(&json!({ "do": "sink" })).unwrap();
        guard(sink.reply()).await.unwrap();

        // The gateway may write 64 KiB to each of many streams, until what lies below takes nothing more.
        const SOURCES: u64 = 60;
        relay.stall_only(Direction::Down);
        let open = |_| page.open(&json!({ "do": "source", "bytes": 200_000 })).unwrap();
        let sources: Vec<Stream> = (0..SOURCES).map(open).collect();
        let mut sent = 0;
        guard(async {
            while sent < 500_000 || sent != at_gateway.stats().sent {
                sent = at_gateway.stats().sent;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        })
        .await;
        assert!(sent < SOURCES * 60_000, "writing is not blocked: {sent} bytes left");
        let received = at_gateway.stats().received;
        sink.write_chunk(vec![7; 60_000].into()).await.unwrap();
        guard(async {
            while at_gateway.stats().received < received + 60_000 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        println!("{kind}: read 60,000 bytes while writing was blocked behind {sent}");
        relay.resume();
        let mut reading: JoinSet<usize> = sources.into_iter().map(drain).collect();
        while let Some(read) = guard(reading.join_next()).await {
            assert_eq!(read.unwrap(), 200_000);
        }
    }
}

#[tokio::test]
async fn a_stalled_writer_learns_of_a_stop_and_of_the_sessions_end() {
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, at_gateway) = gateway.connect(kind).await;
        let (mut first, _) = guard(stall(&page)).await;
        let (mut second, _) = guard(stall(&page)).await;
        let code = Code::from_number(0x1_0009);
        at_gateway.close(code, "over");
        for stream in [&mut first, &mut second] {
            let written = guard(stream.write_chunk(Bytes::from_static(b"x"))).await;
            assert_eq!(written, Err(StreamError::SessionClosed(code)));
        }
        assert_eq!(guard(page.closed()).await, code);
    }
}

async fn drain(mut stream: Stream) -> usize {
    let mut read = 0;
    while let Some(bytes) = stream.read_chunk().await.unwrap() {
        read += bytes.len();
    }
    read
}

/// A stream whose gateway end does not read, after as much was written as it takes; how much that was.
async fn stall(page: &Session) -> (Stream, usize) {
    let mut stream = page.open(&json!({ "do": "stall" })).unwrap();
    stream.reply().await.unwrap();
    let mut taken = 0;
    loop {
        let write = tokio::io::AsyncWriteExt::write(&mut stream, &[7; 1024]);
        match tokio::time::timeout(Duration::from_millis(300), write).await {
            Ok(written) => taken += written.unwrap(),
            Err(_) => return (stream, taken),
        }
    }
}
