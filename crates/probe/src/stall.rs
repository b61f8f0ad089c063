//! One side pushes 300 MiB, the other does not read for a while: the gateway must not keep what nobody reads, and in the end every
//! byte must have arrived.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pageport_testkit::Pattern;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::facts::{Outcome, demand, fact};
use crate::page::Page;
use crate::place::Place;
use crate::visitor::visit;

const PUSH: u64 = 300 << 20;
const CHUNK: usize = 65_536;
/// KiB that a stop may cost, while it lasts and when the rest comes all at once.
const BOUND: u64 = 8 << 10;

pub(crate) async fn run(place: &Place) -> Outcome {
    let page = Page::listen(place).await?;
    // What such a transfer takes that nobody stops: windows, and whatever the allocator keeps of it.
    let mut ordinary = 0;
    for _ in 0..2 {
        page_pushes(place, &page, PUSH, false).await?;
        ordinary = place.peak()?.max(ordinary);
        visitor_pushes(place, &page, PUSH, false).await?;
        ordinary = place.peak()?.max(ordinary);
    }
    let held = page_pushes(place, &page, PUSH, true).await?;
    report("visitor_stops_reading", place, ordinary, held)?;
    let held = visitor_pushes(place, &page, PUSH, true).await?;
    report("page_stops_reading", place, ordinary, held)
}

#[derive(Clone, Copy)]
struct Held {
    before: u64,
    /// The most while nothing was read.
    stalled: u64,
    accepted: u64,
}

fn report(what: &str, place: &Place, ordinary: u64, held: Held) -> Outcome {
    let Held { before, stalled, accepted } = held;
    let peak = place.peak()?;
    let (growth, beyond) = (stalled.saturating_sub(before), peak.saturating_sub(ordinary));
    fact(&[
        ("case", &what),
        ("pushed_bytes", &PUSH),
        ("accepted_while_stalled", &accepted),
        ("rss_kib_before", &before),
        ("rss_kib_peak_stalled", &stalled),
        ("growth_kib", &growth),
        ("rss_kib_peak_unstopped", &ordinary),
        ("rss_kib_peak", &peak),
        ("beyond_kib", &beyond),
    ]);
    demand(accepted < PUSH, "the writer was held back")?;
    demand(growth < BOUND, "the gateway grew by less than 8 MiB while nothing was read")?;
    demand(beyond < BOUND, "the rest took less than 8 MiB more than a transfer that nobody stops")
}

async fn page_pushes(place: &Place, page: &Page, total: u64, stall: bool) -> Outcome<Held> {
    let (visitor, stream) = tokio::join!(visit(place, &page.name), page.accept());
    let (mut visitor, stream) = (visitor?, stream?);
    let sent = Arc::new(AtomicU64::new(0));
    let (_read, mut write) = stream.into_split();
    let counter = Arc::clone(&sent);
    place.forget_peak()?;
    let before = place.rss()?;
    let writer = tokio::spawn(async move {
        for offset in (0..total).step_by(CHUNK) {
            write.write_chunk(Pattern::new(5).bytes(offset, CHUNK)).await?;
            counter.fetch_add(CHUNK as u64, Ordering::Relaxed);
        }
        write.finish();
        Ok::<_, pageport_link::StreamError>(())
    });
    let accepted = if stall { settle(&sent).await } else { 0 };
    let stalled = place.peak()?;
    let mut offset = 0;
    let mut buffer = vec![0; CHUNK];
    while offset < total {
        let len = visitor.read(&mut buffer).await?;
        demand(len > 0, "the visitor got everything")?;
        Pattern::new(5).check(offset, &buffer[..len])?;
        offset += len as u64;
    }
    demand(visitor.read(&mut buffer).await? == 0, "the end came after the last byte")?;
    writer.await??;
    Ok(Held { before, stalled, accepted })
}

async fn visitor_pushes(place: &Place, page: &Page, total: u64, stall: bool) -> Outcome<Held> {
    let (visitor, stream) = tokio::join!(visit(place, &page.name), page.accept());
    let (mut visitor, mut stream) = (visitor?, stream?);
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    place.forget_peak()?;
    let before = place.rss()?;
    let writer = tokio::spawn(async move {
        for offset in (0..total).step_by(CHUNK) {
            visitor.write_all(&Pattern::new(6).bytes(offset, CHUNK)).await?;
            counter.fetch_add(CHUNK as u64, Ordering::Relaxed);
        }
        visitor.shutdown().await?;
        Ok::<_, std::io::Error>(visitor)
    });
    let accepted = if stall { settle(&sent).await } else { 0 };
    let stalled = place.peak()?;
    let mut offset = 0;
    while let Some(bytes) = stream.read_chunk().await? {
        Pattern::new(6).check(offset, &bytes)?;
        offset += bytes.len() as u64;
    }
    demand(offset == total, "the page got everything")?;
    writer.await??;
    Ok(Held { before, stalled, accepted })
}

/// Waits until the writer has been held back for two seconds.
async fn settle(sent: &AtomicU64) -> u64 {
    let mut last = u64::MAX;
    loop {
        let now = sent.load(Ordering::Relaxed);
        if now == last {
            return now;
        }
        last = now;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}
