//! A native page behind a relay that cuts its connection at random bytes, while visitors stream through it.

use std::time::{Duration, Instant};

use pageport_link::SessionState;
use pageport_testkit::{Cut, CutRelay, Direction, Pattern, Random};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::facts::{Outcome, demand, fact};
use crate::page::{Page, echo};
use crate::place::Place;
use crate::visitor::visit;

const CUTS: usize = 50;
const VISITORS: u32 = 20;
const HANG: Duration = Duration::from_secs(120);

pub(crate) async fn run(place: &Place) -> Outcome {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261);
    let relay = CutRelay::to(place.address).await?;
    let page = Page::listen_through(place, relay.address()).await?;
    tokio::spawn(echo(page.session.clone()));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut visitors = JoinSet::new();
    for number in 0..VISITORS {
        let stream = visit(place, &page.name).await?;
        visitors.spawn(stream_through(stream, number, stopped.clone()));
    }
    let mut random = Random::new(seed);
    let mut slowest = Duration::ZERO;
    for _ in 0..CUTS {
        tokio::time::sleep(Duration::from_millis(20 + random.below(120))).await;
        let attaches = page.session.stats().attaches;
        let direction = if random.below(2) == 0 { Direction::Up } else { Direction::Down };
        let how = if random.below(2) == 0 { Cut::Reset } else { Cut::Fin };
        relay.cut_after(direction, random.below(200_000), how);
        slowest = slowest.max(resumed(&page, attaches).await?);
    }
    let _ = stop.send(true);
    let mut bytes = 0;
    let finished = tokio::time::timeout(HANG, async {
        while let Some(visitor) = visitors.join_next().await {
            bytes += visitor??;
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    });
    finished.await.map_err(|_| "a stream was left hanging")??;
    fact(&[
        ("seed", &seed),
        ("cuts", &CUTS),
        ("attaches", &page.session.stats().attaches),
        ("streams", &VISITORS),
        // A byte that is lost, doubled or out of order has ended this before.
        ("bytes_in_place", &bytes),
        ("slowest_resume_ms", &slowest.as_millis()),
    ]);
    demand(page.session.stats().attaches >= CUTS as u64, "every cut led to a new carrier")?;
    demand(slowest < Duration::from_secs(2), "each resumed within 2 s")
}

/// How long it takes from the loss to the next take-over.
async fn resumed(page: &Page, attaches: u64) -> Outcome<Duration> {
    let start = Instant::now();
    let mut lost = None;
    while page.session.stats().attaches == attaches {
        if lost.is_none() && !matches!(page.session.state(), SessionState::Attached) {
            lost = Some(Instant::now());
        }
        demand(start.elapsed() < HANG, "the session came back")?;
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    Ok(lost.map_or(Duration::ZERO, |lost| lost.elapsed()))
}

/// Sends known bytes until told to stop, and checks that they all come back.
async fn stream_through(
    stream: TcpStream,
    number: u32,
    stopped: tokio::sync::watch::Receiver<bool>,
) -> Outcome<u64> {
    let (mut read, mut write) = stream.into_split();
    let pattern = Pattern::new(number);
    let writer = tokio::spawn(async move {
        let mut offset = 0;
        while !*stopped.borrow() {
            write.write_all(&pattern.bytes(offset, 16_000)).await?;
            offset += 16_000;
            tokio::task::yield_now().await;
        }
        write.shutdown().await?;
        Ok::<u64, std::io::Error>(offset)
    });
    let mut buffer = vec![0; 65_536];
    let mut offset = 0;
    loop {
        let len = read.read(&mut buffer).await?;
        if len == 0 {
            break;
        }
        pattern.check(offset, &buffer[..len])?;
        offset += len as u64;
    }
    let sent = writer.await??;
    demand(sent == offset, &format!("visitor {number} sent {sent} bytes and got {offset}"))?;
    Ok(offset)
}
