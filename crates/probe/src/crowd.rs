//! Sixty-four streams of one session stand still for ever; the sixty-fifth must not notice.

use std::time::Instant;

use bytes::Bytes;
use pageport_link::Stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::facts::{Outcome, demand, fact, median, percentile};
use crate::page::Page;
use crate::place::Place;
use crate::visitor::visit;

const STALLED: usize = 64;
const ROUNDS: usize = 7;
const TRIPS: usize = 2_000;
const BULK: usize = 64 << 20;

pub(crate) async fn run(place: &Place) -> Outcome {
    let (alone, crowded) = (Page::listen(place).await?, Page::listen(place).await?);
    let mut still = Vec::new();
    for _ in 0..STALLED {
        still.push(stalled(place, &crowded).await?);
    }
    let (mut speeds, mut delays, mut late) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (base, busy) = (measure(place, &alone).await?, measure(place, &crowded).await?);
        fact(&[
            ("round", &round),
            ("alone_mb_s", &format_args!("{:.0}", base.0)),
            ("crowded_mb_s", &format_args!("{:.0}", busy.0)),
            ("alone_p50_us", &format_args!("{:.0}", base.1)),
            ("crowded_p50_us", &format_args!("{:.0}", busy.1)),
        ]);
        speeds.push(busy.0 / base.0);
        delays.push(busy.1 / base.1);
        late.push(busy.2 / base.2);
    }
    let (speed, delay, late) = (median(&mut speeds), median(&mut delays), median(&mut late));
    fact(&[
        ("stalled_streams", &still.len()),
        ("throughput_ratio", &format_args!("{speed:.2}")),
        ("p50_ratio", &format_args!("{delay:.2}")),
        ("p99_ratio", &format_args!("{late:.2}")),
    ]);
    demand(speed > 0.8, "the other stream keeps its throughput")?;
    demand(delay < 1.25, "the other stream keeps its latency")
}

/// A visitor and a stream that both write until they are held back, and never read.
async fn stalled(place: &Place, page: &Page) -> Outcome<(TcpStream, Stream)> {
    let (visitor, stream) = tokio::join!(visit(place, &page.name), page.accept());
    let (mut visitor, mut stream) = (visitor?, stream?);
    let push = Bytes::from(vec![1; 65_536]);
    let pause = std::time::Duration::from_millis(50);
    while let Ok(result) = tokio::time::timeout(pause, stream.write_chunk(push.clone())).await {
        result?;
    }
    while let Ok(result) = tokio::time::timeout(pause, visitor.write_all(&push)).await {
        result?;
    }
    Ok((visitor, stream))
}

/// MB/s from page to visitor, and p50 and p99 of 64-byte round trips in µs.
async fn measure(place: &Place, page: &Page) -> Outcome<(f64, f64, f64)> {
    let (visitor, stream) = tokio::join!(visit(place, &page.name), page.accept());
    let (mut visitor, stream) = (visitor?, stream?);
    let (mut read, mut write) = stream.into_split();
    let page_side = tokio::spawn(async move {
        let mut left = TRIPS * 64;
        while left > 0 {
            let bytes = read.read_chunk().await?.unwrap_or_default();
            left -= bytes.len();
            write.write_chunk(bytes).await?;
        }
        let push = Bytes::from(vec![2; 65_536]);
        for _ in 0..BULK / push.len() {
            write.write_chunk(push.clone()).await?;
        }
        write.finish();
        Ok::<_, pageport_link::StreamError>(())
    });
    let mut trips = Vec::with_capacity(TRIPS);
    let mut small = [3; 64];
    for _ in 0..TRIPS {
        let start = Instant::now();
        visitor.write_all(&small).await?;
        visitor.read_exact(&mut small).await?;
        trips.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let start = Instant::now();
    let mut buffer = vec![0; 65_536];
    let mut got = 0;
    while got < BULK {
        let len = visitor.read(&mut buffer).await?;
        demand(len > 0, "the bulk came whole")?;
        got += len;
    }
    #[expect(clippy::cast_precision_loss)]
    let speed = BULK as f64 / 1e6 / start.elapsed().as_secs_f64();
    page_side.await??;
    Ok((speed, percentile(&mut trips, 0.5), percentile(&mut trips, 0.99)))
}
