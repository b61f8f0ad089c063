//! What a stream does: opening, answering, both directions and their ends.

use bytes::Bytes;
use pageport_link::{CarrierKind, OpenError, StreamError};
use pageport_proto::{Code, Limits, Role};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Gateway, KINDS, guard};

#[tokio::test]
async fn an_echo_comes_back_on_every_kind_of_carrier() {
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, _) = gateway.connect(kind).await;
        let mut stream = page.open(&json!({ "do": "echo" })).unwrap();
        assert_eq!(guard(stream.reply()).await.unwrap(), &br#"{"ok":true}"#[..]);
        stream.write_all(b"hello").await.unwrap();
        let mut five = [0; 5];
        guard(stream.read_exact(&mut five)).await.unwrap();
        assert_eq!(&five, b"hello");
        assert_eq!(page.stats().carrier, Some(kind));
        stream.shutdown().await.unwrap();
        assert_eq!(guard(stream.read_chunk()).await, Ok(None));
        assert_eq!(guard(stream.read_chunk()).await, Ok(None), "an end stays an end");
    }
}

#[tokio::test]
async fn each_direction_ends_on_its_own() {
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, _) = gateway.connect(kind).await;

        let mut mine_first = page.open(&json!({ "do": "echo" })).unwrap();
        mine_first.write_chunk(Bytes::from_static(b"all of it")).await.unwrap();
        mine_first.finish();
        assert_eq!(mine_first.write_chunk(Bytes::from_static(b"more")).await, Err(StreamError::NotWritable));
        let mut back = String::new();
        guard(mine_first.read_to_string(&mut back)).await.unwrap();
        assert_eq!(back, "all of it");

        let mut theirs_first = page.open(&json!({ "do": "deaf" })).unwrap();
        assert_eq!(guard(theirs_first.read_chunk()).await, Ok(None));
        theirs_first.write_chunk(Bytes::from_static(b"still open")).await.unwrap();
    }
}

#[tokio::test]
async fn a_reset_brings_its_code_and_drops_what_was_not_read() {
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, _) = gateway.connect(kind).await;
        let mut stream = page.open(&json!({ "do": "reset", "bytes": 10, "code": 0x1_0007 })).unwrap();
        let error = loop {
            match guard(stream.read_chunk()).await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a reset is never a clean end"),
                Err(error) => break error,
            }
        };
        assert_eq!(error, StreamError::Reset(Code::from_number(0x1_0007)));
    }
}

#[tokio::test]
async fn a_stop_ends_the_others_writing_and_nothing_else() {
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, _) = gateway.connect(kind).await;
        let mut stream = page.open(&json!({ "do": "stop", "bytes": 1000, "code": 0x1_0008 })).unwrap();
        let error = loop {
            if let Err(error) = guard(stream.write_chunk(Bytes::from(vec![1; 4096]))).await {
                break error;
            }
        };
        assert_eq!(error, StreamError::Stopped(Code::from_number(0x1_0008)));
        guard(stream.reply()).await.unwrap();
        assert_eq!(guard(stream.read_chunk()).await, Ok(None));
    }
}

#[tokio::test]
async fn a_dropped_stream_is_reset_and_stopped_and_then_forgotten_by_both() {
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, at_gateway) = gateway.connect(kind).await;

        let mut theirs = page.open(&json!({ "do": "drop" })).unwrap();
        assert_eq!(guard(theirs.reply()).await, Err(StreamError::Reset(Code::ERR_ABORTED)));
        assert_eq!(
            theirs.write_chunk(Bytes::from_static(b"x")).await,
            Err(StreamError::Stopped(Code::ERR_ABORTED))
        );
        drop(theirs);

        let mut mine = page.open(&json!({ "do": "echo" })).unwrap();
        guard(mine.reply()).await.unwrap();
        drop(mine);

        // What is opened later is answered later: by then both ends have forgotten the others.
        let mut last = page.open(&json!({ "do": "echo" })).unwrap();
        guard(last.reply()).await.unwrap();
        last.finish();
        assert_eq!(guard(last.read_chunk()).await, Ok(None));
        guard(async {
            while page.stats().streams + at_gateway.stats().streams > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_gateway_opens_streams_too() {
    for kind in KINDS {
        let gateway = Gateway::start().await;
        let (page, at_gateway) = gateway.connect(kind).await;
        let mut visit = at_gateway.open(&json!({ "kind": "websocket", "listener": "x" })).unwrap();
        assert_eq!(visit.id() % 2, 0);
        let mut visitor = guard(page.accept()).await.unwrap();
        assert_eq!(visitor.id(), visit.id());
        assert_eq!(visitor.head(), br#"{"kind":"websocket","listener":"x"}"#);
        assert_eq!(
            visitor.write_chunk(Bytes::from_static(b"too early")).await,
            Err(StreamError::NotWritable)
        );
        assert_eq!(visitor.respond(&json!(["no object"])), Err(StreamError::Reply(Code::ERR_HEAD_INVALID)));
        let long = "x".repeat(17_000);
        assert_eq!(
            visitor.respond(&json!({ "ok": long })),
            Err(StreamError::Reply(Code::ERR_HEAD_TOO_LARGE))
        );
        visitor.respond(&json!({ "ok": true })).unwrap();
        assert_eq!(visitor.respond(&json!({ "ok": true })), Err(StreamError::Reply(Code::ERR_HEAD_INVALID)));
        visitor.write_chunk(Bytes::from_static(b"bytes")).await.unwrap();
        guard(visit.reply()).await.unwrap();
        assert_eq!(guard(visit.reply()).await, Err(StreamError::NoReply), "there is one reply");
        assert_eq!(guard(visit.read_chunk()).await, Ok(Some(Bytes::from_static(b"bytes"))));
    }
}

#[tokio::test]
async fn an_end_without_a_reply_is_told_from_a_reset() {
    let gateway = Gateway::start().await;
    let (page, _) = gateway.connect(CarrierKind::Bytes).await;
    let mut stream = page.open(&json!({ "do": "silent" })).unwrap();
    assert_eq!(guard(stream.reply()).await, Err(StreamError::NoReply));
    assert_eq!(guard(stream.read_chunk()).await, Ok(None));
}

#[tokio::test]
async fn halves_work_in_tasks_of_their_own() {
    let gateway = Gateway::start().await;
    let (page, _) = gateway.connect(CarrierKind::Bytes).await;
    let (mut read, mut write) = page.open(&json!({ "do": "echo" })).unwrap().into_split();
    let writing = tokio::spawn(async move {
        for byte in 0..100 {
            write.write_chunk(Bytes::from(vec![byte; 1000])).await.unwrap();
        }
        write.finish();
    });
    let mut back = Vec::new();
    guard(read.read_to_end(&mut back)).await.unwrap();
    writing.await.unwrap();
    assert_eq!(back.len(), 100_000);
    assert!(back.chunks(1000).zip(0..).all(|(chunk, byte)| chunk == [byte; 1000]));
}

#[tokio::test]
async fn a_future_that_is_dropped_loses_nothing() {
    let gateway = Gateway::start().await;
    let (page, at_gateway) = gateway.connect(CarrierKind::Bytes).await;
    let mut stream = page.open(&json!({ "do": "echo" })).unwrap();
    let mut back = Vec::new();
    for byte in 0..200_u8 {
        // Reads, accepts and replies are begun and dropped all the time.
        tokio::select! {
            biased;
            read = stream.read_chunk() => back.extend_from_slice(&read.unwrap().unwrap()),
            reply = async { stream_reply_never(&page).await } => reply,
            () = tokio::task::yield_now() => {}
        }
        stream.write_chunk(Bytes::from(vec![byte])).await.unwrap();
    }
    stream.finish();
    guard(async {
        while let Some(bytes) = stream.read_chunk().await.unwrap() {
            back.extend_from_slice(&bytes);
        }
    })
    .await;
    assert_eq!(back, (0..200).collect::<Vec<u8>>());

    for n in 0..50_u32 {
        let opened = at_gateway.open(&json!({ "n": n })).unwrap();
        let accepted = loop {
            tokio::select! {
                biased;
                stream = page.accept() => break stream.unwrap(),
                () = tokio::task::yield_now() => {}
            }
        };
        assert_eq!(accepted.id(), opened.id());
    }
}

/// Waits for a stream that never comes.
async fn stream_reply_never(page: &pageport_link::Session) {
    assert!(page.accept().await.is_none(), "nobody opens one");
}

#[tokio::test]
async fn as_many_streams_as_the_peer_announced() {
    let limits = Limits { streams: 3, ..Limits::default() };
    let gateway = Gateway::with_settings(pageport_link::Settings {
        limits,
        ..pageport_link::Settings::new(Role::Gateway)
    })
    .await;
    let (page, _) = gateway.connect(CarrierKind::Bytes).await;
    let mut streams: Vec<_> = (0..3).map(|_| page.open(&json!({ "do": "echo" })).unwrap()).collect();
    assert_eq!(page.open(&json!({ "do": "echo" })).unwrap_err(), OpenError::StreamLimit(3));
    let mut first = streams.remove(0);
    first.finish();
    assert_eq!(guard(first.read_chunk()).await, Ok(None));
    guard(async {
        while page.open(&json!({ "do": "echo" })).is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn heads_that_cannot_be_sent_are_refused_before_anything_is_sent() {
    let gateway = Gateway::start().await;
    let (page, _) = gateway.connect(CarrierKind::Bytes).await;
    assert_eq!(page.open(&"text").unwrap_err(), OpenError::Head(Code::ERR_HEAD_INVALID));
    let long = json!({ "do": "x".repeat(17_000) });
    assert_eq!(page.open(&long).unwrap_err(), OpenError::Head(Code::ERR_HEAD_TOO_LARGE));
    assert_eq!(page.stats().streams, 0);
}
