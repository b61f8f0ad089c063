//! One connection that moves many bytes one way.

use serde_json::json;

use super::busy::Busy;
use super::connection::Connection;
use super::target::Target;
use crate::Outcome;
use crate::service::{DOWN, UP};

pub(super) const CHUNK: usize = 256 * 1024;

/// From the service to the visitor.
pub(crate) async fn down(bytes: u64, target: &Target) -> Outcome {
    let mut connection = Connection::open(target).await?;
    let (mut reader, mut writer) = connection.split();
    let busy = Busy::start()?;
    writer.send(&request(DOWN, bytes)).await?;
    let mut chunk = vec![0; CHUNK];
    let mut left = bytes;
    while left > 0 {
        reader
            .receive(&mut chunk, |bytes| {
                left = left.checked_sub(bytes.len() as u64).ok_or("more came than was asked for")?;
                Ok(())
            })
            .await
            .map_err(|error| format!("{left} bytes before the end: {error}"))?;
    }
    report(bytes, &busy)
}

/// From the visitor to the service; the clock stops when the service has said that it has everything.
pub(crate) async fn up(bytes: u64, target: &Target) -> Outcome {
    let mut connection = Connection::open(target).await?;
    let (mut reader, mut writer) = connection.split();
    let chunk = vec![7; CHUNK];
    let busy = Busy::start()?;
    writer.send(&request(UP, bytes)).await?;
    writer.repeat(&chunk, bytes).await?;
    let mut done = [0];
    reader.receive_exactly(&mut done).await?;
    if done == [UP] { report(bytes, &busy) } else { Err(format!("the service answered {done:?}").into()) }
}

pub(super) fn request(mode: u8, bytes: u64) -> Vec<u8> {
    [&[mode][..], &bytes.to_be_bytes()].concat()
}

#[expect(clippy::cast_precision_loss)]
pub(super) fn report(bytes: u64, busy: &Busy) -> Outcome {
    let seconds = busy.seconds();
    let rate = bytes as f64 / 1e6 / seconds;
    println!("{}", json!({ "bytes": bytes, "seconds": seconds, "mb_s": rate, "busy": busy.part()? }));
    Ok(())
}
