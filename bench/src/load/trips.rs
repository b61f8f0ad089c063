//! Many connections that each send 64 bytes, wait until they are back, and go on.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::echoed;
use crate::Outcome;

pub(crate) async fn run(connections: usize, seconds: f64, target: SocketAddr) -> Outcome {
    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        streams.push(echoed(target).await?);
    }
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(seconds);
    let mut tasks: JoinSet<_> = streams.into_iter().map(|stream| trips(stream, end)).collect();
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    #[expect(clippy::cast_precision_loss)]
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |percent: usize| {
        times.get(times.len() * percent / 100).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    };
    println!("{}", json!({ "per_s": rate, "p50_us": at(50), "p99_us": at(99) }));
    Ok(())
}

async fn trips(mut stream: TcpStream, end: Instant) -> Outcome<Vec<Duration>> {
    let mut times = Vec::new();
    let sent = [9; 64];
    let mut back = [0; 64];
    loop {
        let start = Instant::now();
        if start >= end {
            return Ok(times);
        }
        stream.write_all(&sent).await?;
        stream.read_exact(&mut back).await?;
        times.push(start.elapsed());
    }
}
