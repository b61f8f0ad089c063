//! Bytes over WebSocket messages: what one message may cost.

use crate::support::guard;
use bytes::{BufMut as _, BytesMut};
use pageport_link::{LONGEST_MESSAGE, Messages};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

type End = fn(DuplexStream) -> Messages<DuplexStream>;

/// Binary frames which together are one message, with a mask of zeros when a client sends them (RFC 6455 §5.2).
fn message(frames: &[usize], masked: bool) -> BytesMut {
    let mut out = BytesMut::new();
    for (at, length) in frames.iter().enumerate() {
        let last = if at + 1 == frames.len() { 0x80 } else { 0 };
        out.put_u8(last | if at == 0 { 2 } else { 0 });
        out.put_u8(if masked { 0xff } else { 127 });
        out.put_u64(*length as u64);
        out.put_bytes(0, if masked { 4 + length } else { *length });
    }
    out
}

/// How much of it is read before the end, or an error.
async fn read(end: End, masked: bool, frames: &[usize]) -> Result<usize, String> {
    let (mut far, near) = duplex(4096);
    let message = message(frames, masked);
    let sending = tokio::spawn(async move {
        let _ = far.write_all(&message).await;
        far
    });
    let mut all = vec![0; frames.iter().sum()];
    let result = end(near).read_exact(&mut all).await.map_err(|error| error.to_string());
    sending.await.expect("no panic");
    result
}

#[tokio::test]
async fn a_message_of_more_than_a_mebibyte_is_refused() {
    let half = LONGEST_MESSAGE / 2;
    let server: (End, bool) = (|near| Messages::server(near, true), true);
    let client: (End, bool) = (|near| Messages::client(near, true), false);
    for (end, masked) in [server, client] {
        for whole in [&[LONGEST_MESSAGE][..], &[half, half]] {
            assert_eq!(read(end, masked, whole).await, Ok(LONGEST_MESSAGE), "{whole:?}");
        }
        for more in [&[LONGEST_MESSAGE + 1][..], &[half, half + 1]] {
            let error = read(end, masked, more).await.expect_err("too long");
            assert!(error.contains("payload"), "{error}");
        }
    }
}

#[tokio::test]
async fn pings_are_answered_and_a_flood_of_them_is_the_end() {
    const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
    let (mut far, near) = duplex(4096);
    let mut messages = Messages::server(near, true);
    let reading = tokio::spawn(async move { messages.read_u8().await });
    for _ in 0..1_000 {
        far.write_all(&PING).await.unwrap();
        assert_eq!(far.read_u16().await.unwrap(), 0x8a00);
    }
    // Nobody reads the answers any more: some kilobytes of them fit on the way, and 64 wait.
    let flood = async { while far.write_all(&PING).await.is_ok() {} };
    let (ended, ()) = tokio::join!(guard(reading), flood);
    assert!(ended.unwrap().unwrap_err().to_string().contains("PINGs"));
}
