//! One connection that moves many bytes one way.

use std::net::SocketAddr;
use std::time::Instant;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Outcome;
use crate::service::{DOWN, UP};

const CHUNK: usize = 256 * 1024;

/// From the service to the visitor.
pub(crate) async fn down(bytes: u64, target: SocketAddr) -> Outcome {
    let mut stream = TcpStream::connect(target).await?;
    let start = Instant::now();
    stream.write_all(&request(DOWN, bytes)).await?;
    let mut chunk = vec![0; CHUNK];
    let mut left = bytes;
    while left > 0 {
        match stream.read(&mut chunk).await? {
            0 => return Err(format!("it ended {left} bytes early").into()),
            len => left = left.checked_sub(len as u64).ok_or("more came than was asked for")?,
        }
    }
    report(bytes, start);
    Ok(())
}

/// From the visitor to the service; the clock stops when the service has said that it has everything.
pub(crate) async fn up(bytes: u64, target: SocketAddr) -> Outcome {
    let mut stream = TcpStream::connect(target).await?;
    let start = Instant::now();
    stream.write_all(&request(UP, bytes)).await?;
    let chunk = vec![7; CHUNK];
    let mut left = bytes;
    while left > 0 {
        let len = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        stream.write_all(&chunk[..len]).await?;
        left -= len as u64;
    }
    match stream.read_u8().await? {
        UP => report(bytes, start),
        other => return Err(format!("the service answered {other}").into()),
    }
    Ok(())
}

fn request(mode: u8, bytes: u64) -> Vec<u8> {
    [&[mode][..], &bytes.to_be_bytes()].concat()
}

#[expect(clippy::cast_precision_loss)]
fn report(bytes: u64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{}", json!({ "seconds": seconds, "mb_s": bytes as f64 / 1e6 / seconds }));
}
