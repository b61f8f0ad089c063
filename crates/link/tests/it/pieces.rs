//! The carrier `bytes` has no borders but those of its frames: however a connection cuts them, they come whole.

use bytes::{Bytes, BytesMut};
use pageport_link::Settings;
use pageport_proto::frame::{Data, Frame, Mark};
use pageport_proto::{Code, Limits, Role, StreamId, limits};
use pageport_testkit::{Pattern, Random, Tally};

use crate::support::{Gateway, RawPage, guard, hello};

/// Below the window that a stream begins with here, either way.
const LEN: u64 = 60_000;

#[tokio::test]
async fn frames_of_all_sizes_come_whole_however_they_are_cut() {
    let seed = Random::seed();
    println!("PAGEPORT_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let limits = Limits { initial: limits::WINDOW, ..Limits::default() };
    let gateway = Gateway::with_settings(Settings { limits, ..Settings::new(Role::Gateway) }).await;
    let mut page = RawPage::connect(gateway.address).await;
    page.send(&hello(limits)).await;
    guard(page.welcome()).await;
    page.resume().await;
    // Frames, and what is written at once: much smaller than those, about as large, and much larger.
    for (nth, (frame, piece)) in [
        (60_000, 700),
        (60_000, 50_000),
        (5_000, 20),
        (9_000, 9_016),
        (100, 30),
        (100, 60_000),
        (20_000, 30_000),
    ]
    .into_iter()
    .enumerate()
    {
        let pattern = Pattern::new(nth as u32);
        let stream = StreamId::new(1 + 2 * nth as u64).unwrap();
        let bytes = frames(stream, pattern, frame, &mut random);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at((1 + random.below(piece) as usize).min(rest.len()));
            page.write(now).await;
            tokio::task::yield_now().await;
            rest = later;
        }
        assert_eq!(
            guard(echoed(&mut page, stream, pattern)).await,
            LEN,
            "frames of {frame}, {piece} at once"
        );
    }
}

#[tokio::test]
async fn a_frame_that_is_too_large_is_refused_by_its_header_wherever_that_is_cut_and_what_follows_is_not_kept()
 {
    let gateway = Gateway::start().await;
    // A PING; DATA of 66,561 bytes; and what would be headers of frames of up to 2^53 bytes.
    let ping = [0x0e, 0x08, 1, 2, 3, 4, 5, 6, 7, 8];
    let bytes =
        [&ping[..], &[0x06, 0x80, 0x01, 0x04, 0x01], &[0xc0, 0x1f, 0xff, 0xff].repeat(20_000)].concat();
    for cut in [ping.len(), ping.len() + 1, ping.len() + 3, ping.len() + 5, ping.len() + 9] {
        let mut page = RawPage::connect(gateway.address).await;
        guard(page.begin()).await;
        page.write(&bytes[..cut]).await;
        tokio::task::yield_now().await;
        page.write(&bytes[cut..]).await;
        assert_eq!(guard(page.farewell()).await, Some((true, Code::ERR_FRAME_TOO_LARGE)), "cut at {cut}");
        // Whoever says that much is read to the end all the same.
        page.write(&bytes.repeat(50)).await;
    }
}

/// A stream whose bytes come back, in frames of about that size.
fn frames(stream: StreamId, pattern: Pattern, size: u64, random: &mut Random) -> BytesMut {
    let head = br#"{"do":"echo"}"#;
    let head = Bytes::from([&[head.len() as u8], &head[..]].concat());
    let mut out = BytesMut::new();
    let mut frame = |offset, mark, bytes| Frame::Data(Data { stream, offset, mark, bytes }).encode(&mut out);
    let begin = head.len() as u64;
    frame(0, Mark::None, head);
    let mut at = 0;
    while at < LEN {
        let part = (1 + random.below(2 * size)).min(LEN - at);
        let mark = if at + part == LEN { Mark::Fin } else { Mark::None };
        frame(begin + at, mark, pattern.bytes(at, part as usize));
        at += part;
    }
    out
}

/// How many bytes come back, all of them right.
async fn echoed(page: &mut RawPage, stream: StreamId, pattern: Pattern) -> u64 {
    let mut tally = Tally::new(pattern);
    let mut head = None;
    loop {
        match page.receive().await.unwrap() {
            Frame::Data(data) if data.stream == stream => {
                let mut bytes = data.bytes;
                // The answer's head comes first.
                if head.is_none() && !bytes.is_empty() {
                    head = Some(bytes.split_to(1 + usize::from(bytes[0])));
                }
                tally.push(&bytes).unwrap();
                if data.mark == Mark::Fin {
                    return tally.len();
                }
            }
            frame @ (Frame::Reset { .. } | Frame::Close(_) | Frame::Detach(_)) => panic!("{frame:?}"),
            _ => {}
        }
    }
}
