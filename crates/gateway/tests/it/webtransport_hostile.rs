//! Pages over WebTransport that break the rules: each costs itself its session, a documented code, and the gateway no memory.

use pageport_proto::Code;
use pageport_proto::frame::{Frame, Mark};

use crate::client::soon;
use crate::door::open_dev;
use crate::quic::QuicPage;

/// Waits for CLOSE, and says why.
async fn closed(mut page: QuicPage) -> Code {
    page.until(|frame| match frame {
        Frame::Close(farewell) => Some(farewell.code),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn native_streams_that_cannot_be_end_the_session_with_a_code() {
    let door = open_dev();
    for (id, offset, bytes, code) in [
        // Not a stream; one of the gateway's that it never opened.
        (0, 0, &b"x"[..], Code::ERR_FRAME_MALFORMED),
        (2, 0, b"x", Code::ERR_STREAM_ID),
        // More than was granted.
        (1, 1, &[b' '; 400_000], Code::ERR_FLOW_CONTROL),
    ] {
        let mut page = QuicPage::attach(&door).await;
        // Known, and waiting for its head.
        page.data(1, 0, Mark::None, &[0x7f]).await;
        let _native = page.native(id, offset, bytes).await;
        assert_eq!(closed(page).await, code, "{id} {offset}");
    }
}

#[tokio::test]
async fn a_native_stream_does_not_open_a_stream_and_one_that_is_over_is_stopped() {
    let door = open_dev();
    let mut page = QuicPage::attach(&door).await;
    // A thousand ids ahead: as frames they would break the limit of streams, here they just wait.
    let orphan = page.native(19_999, 0, b"{}").await;
    page.data(1, 0, Mark::Fin, &[]).await;
    // It ends without a head, and is forgotten by both.
    page.until(|frame| matches!(frame, Frame::Ack(_)).then_some(())).await;
    page.send(&Frame::Ping(*b"01234567")).await;
    page.until(|frame| (frame == Frame::Pong(*b"01234567")).then_some(())).await;
    let late = page.native(1, 0, b"late").await;
    soon(async {
        let mut late = late;
        while late.write_all(&[0; 1_000]).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    page.send(&Frame::Ping(*b"76543210")).await;
    page.until(|frame| (frame == Frame::Pong(*b"76543210")).then_some(())).await;
    drop(orphan);
}

#[tokio::test]
async fn what_comes_before_hello_stays_small() {
    let door = open_dev();
    let page = QuicPage::open(&door).await;
    // Nobody who has not said HELLO may have more than this on its way.
    let mut sent = 0;
    let mut stream = page.native(1, 0, b"").await;
    while let Ok(Ok(len)) =
        tokio::time::timeout(std::time::Duration::from_millis(500), stream.write(&[0; 8_192])).await
    {
        sent += len;
        assert!(sent < 200_000, "{sent} bytes from somebody unknown");
    }
}

#[tokio::test]
async fn a_flood_of_datagrams_disturbs_nobody() {
    let door = open_dev();
    let mut page = QuicPage::attach(&door).await;
    for at in 0..20_000_u32 {
        // A flow, nothing at all, and what is no integer.
        let datagram = [&[7; 900][..], b"", &[0xff; 3]][at as usize % 3];
        let _ = page.connection.send_datagram(datagram);
        if at % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    page.send(&Frame::Ping(*b"01234567")).await;
    page.until(|frame| (frame == Frame::Pong(*b"01234567")).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn native_streams_that_come_and_go_leave_nothing_behind() {
    let door = open_dev();
    let mut page = QuicPage::attach(&door).await;
    page.data(1, 0, Mark::None, &[0x7f]).await;
    for round in 0..5_000_u32 {
        // Of a stream that waits for its head, of one that never comes, and without a head of its own.
        match round % 3 {
            0 => drop(page.native(1, 0, &[0x7f]).await),
            1 => {
                let mut stream = page.native(9_999, 5, b"x").await;
                let _ = stream.reset(7_u32.into());
            }
            _ => drop(page.connection.open_uni().await.expect("credit").await),
        }
    }
    page.send(&Frame::Ping(*b"01234567")).await;
    page.until(|frame| (frame == Frame::Pong(*b"01234567")).then_some(())).await;
}
