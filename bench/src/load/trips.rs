//! Many connections that each send 64 bytes, wait until they are back, and go on.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use super::busy::Busy;
use super::connection::Connection;
use super::target::Target;
use crate::Outcome;

pub(crate) async fn run(connections: usize, seconds: f64, target: &Target) -> Outcome {
    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        streams.push(Connection::echoed(target).await?);
    }
    let busy = Busy::start()?;
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut tasks: JoinSet<_> = streams.into_iter().map(|stream| trips(stream, end)).collect();
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    report(times, &busy)
}

/// How many there were in a second, and how long most of them took.
pub(super) fn report(mut times: Vec<Duration>, busy: &Busy) -> Outcome {
    #[expect(clippy::cast_precision_loss)]
    let rate = times.len() as f64 / busy.seconds();
    times.sort_unstable();
    let at = |percent: usize| {
        times.get(times.len() * percent / 100).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    };
    let (p50, p99, busy) = (at(50), at(99), busy.part()?);
    println!(
        "{}",
        json!({ "trips": times.len(), "per_s": rate, "p50_us": p50, "p99_us": p99, "busy": busy })
    );
    Ok(())
}

async fn trips(mut connection: Connection, end: Instant) -> Outcome<Vec<Duration>> {
    let mut times = Vec::new();
    let sent = [9; 64];
    let mut back = [0; 64];
    let (mut reader, mut writer) = connection.split();
    loop {
        let start = Instant::now();
        if start >= end {
            return Ok(times);
        }
        writer.send(&sent).await?;
        reader.receive_exactly(&mut back).await?;
        times.push(start.elapsed());
    }
}
