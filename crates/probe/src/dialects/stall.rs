//! One end pushes hundreds of megabytes, the other reads a third and then stops for a while. What that costs is the growth to the most while the
//! stop lasts, from the quiet before or from the flow, whichever was less; what was written and is not read; and what the whole push takes beyond one
//! that nobody stops. Meanwhile another lane must be quick.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pageport_testkit::{Pattern, Tally};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use super::lane::{Lane, Reader, Writer};
use super::scene::Scene;
use super::target::Served;
use crate::facts::{Outcome, demand, fact, percentile};
use crate::place::Place;

const CHUNK: usize = 65_536;
/// KiB that a stop may cost, while it lasts and when the rest comes all at once.
const BOUND: u64 = 8 << 10;
/// Bytes that may be on their way: on loopback the kernel takes up to 10 MiB for each of at most three connections, and two windows have 4 MiB. What
/// would be held beyond that while bytes flow is no growth when they stop.
const ON_THEIR_WAY: u64 = 48 << 20;
/// What must be seen to fail where a relay hoards.
pub(super) const MUST_BREAK: [&str; 2] =
    ["it grew by less than 8 MiB while nothing was read", "less than 48 MiB were on their way"];
const TRIPS: usize = 200;
/// Milliseconds that a round trip of the sibling may take, half of them and the worst. The machine has others to serve.
const QUICK: f64 = 10.0;
const ALIVE: f64 = 1_000.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stops {
    Nobody(End),
    Reader(End),
}

/// Who pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Target,
    Client,
}

pub(super) async fn run(scene: &Scene, bytes: u64) -> Outcome {
    let mut sibling = Sibling::open(scene).await?;
    let alone = sibling.trips().await?;
    // What such a transfer takes that nobody stops: windows, and whatever the allocator keeps of it.
    let mut ordinary = vec![0; scene.places().count()];
    for end in [End::Target, End::Client, End::Target, End::Client] {
        push(scene, &mut sibling, bytes, Stops::Nobody(end)).await?;
        for (most, place) in ordinary.iter_mut().zip(scene.places()) {
            *most = place.peak()?.max(*most);
        }
    }
    for (end, what) in [(End::Target, "client_stops_reading"), (End::Client, "target_stops_reading")] {
        let held = push(scene, &mut sibling, bytes, Stops::Reader(end)).await?;
        report(scene, what, &ordinary, &held, alone)?;
    }
    Ok(())
}

#[derive(Default)]
struct Held {
    quiet: Vec<u64>,
    flowing: Vec<u64>,
    /// The most while nothing was read.
    stopped: Vec<u64>,
    /// While everything stood still.
    standing: Vec<u64>,
    /// All that was written until the writer had to wait, and what of it nobody had read.
    accepted: u64,
    unread: u64,
    /// Round trips of the sibling meanwhile, in ms: half of them, the worst.
    sibling: (f64, f64),
    sha256: String,
    bytes: u64,
}

fn report(scene: &Scene, what: &str, ordinary: &[u64], held: &Held, alone: (f64, f64)) -> Outcome {
    let way = scene.way.name();
    let mut broken = Vec::new();
    let mut hold = |holds: bool, what| {
        if !holds && !broken.contains(&what) {
            broken.push(what);
        }
    };
    for (index, place) in scene.places().enumerate() {
        let (flowing, stopped, ordinary) = (held.flowing[index], held.stopped[index], ordinary[index]);
        let peak = place.peak()?.max(stopped);
        // From the lesser of both: what the flow has left is memory, too.
        let from = flowing.min(held.quiet[index]);
        let (growth, beyond) = (stopped.saturating_sub(from), peak.saturating_sub(ordinary));
        fact(&[
            ("way", &way),
            ("case", &what),
            ("process", &if index == 0 { "gateway" } else { "before_it" }),
            ("pushed_bytes", &held.bytes),
            ("sha256", &&held.sha256[..16]),
            ("unread_while_stopped", &held.unread),
            ("rss_kib_quiet", &held.quiet[index]),
            ("rss_kib_flowing", &flowing),
            ("rss_kib_standing", &held.standing[index]),
            ("growth_kib", &growth),
            ("rss_kib_peak", &peak),
            ("rss_kib_peak_unstopped", &ordinary),
            ("beyond_kib", &beyond),
        ]);
        hold(growth < BOUND, MUST_BREAK[0]);
        hold(beyond < BOUND, "all in all it took less than 8 MiB more than a transfer that nobody stops");
    }
    hold(held.accepted < held.bytes, "the writer was held back");
    hold(held.unread < ON_THEIR_WAY, MUST_BREAK[1]);
    let (p50, worst) = held.sibling;
    fact(&[
        ("way", &way),
        ("case", &what),
        ("sibling_shares_the_connection", &scene.way.is_shared()),
        ("sibling_p50_ms_alone", &format_args!("{:.2}", alone.0)),
        ("sibling_p50_ms", &format_args!("{p50:.2}")),
        ("sibling_worst_ms", &format_args!("{worst:.1}")),
    ]);
    hold(p50 < QUICK && worst < ALIVE, "a sibling stays alive and quick");
    demand(broken.is_empty(), &broken.join("; "))
}

async fn push(scene: &Scene, sibling: &mut Sibling, bytes: u64, stops: Stops) -> Outcome<Held> {
    let (Lane { reader, writer }, served) = scene.way.open(scene).await?;
    forget_peaks(scene)?;
    let mut held = Held { quiet: rss(scene)?, bytes, ..Held::default() };
    let sent = Arc::new(AtomicU64::new(0));
    // Whoever stops has read a third by then.
    let (first, is_stopped) = match stops {
        Stops::Nobody(_) => (0, false),
        Stops::Reader(_) => (bytes / 3, true),
    };
    match stops {
        Stops::Nobody(End::Target) | Stops::Reader(End::Target) => {
            let mut reading = ClientReads { reader, tally: Tally::new(Pattern::new(5)) };
            let writing = tokio::spawn(target_writes(served, bytes, Arc::clone(&sent)));
            reading.until(first).await?;
            if is_stopped {
                stand(scene, sibling, reading.tally.len(), &sent, &mut held).await?;
            }
            held.sha256 = reading.rest(bytes).await?;
            // The connection lives until both have all.
            writing.await??;
        }
        Stops::Nobody(End::Client) | Stops::Reader(End::Client) => {
            let mut reading = TargetReads { served, tally: Tally::new(Pattern::new(6)) };
            let listening = tokio::spawn(listen(reader));
            let writing = tokio::spawn(client_writes(writer, bytes, Arc::clone(&sent)));
            reading.until(first).await?;
            if is_stopped {
                stand(scene, sibling, reading.tally.len(), &sent, &mut held).await?;
            }
            held.sha256 = reading.rest(bytes).await?;
            writing.await??;
            listening.abort();
        }
    }
    Ok(held)
}

/// Nobody reads until the writer has been held back for two seconds; and what that has cost.
async fn stand(
    scene: &Scene,
    sibling: &mut Sibling,
    read: u64,
    sent: &AtomicU64,
    held: &mut Held,
) -> Outcome {
    held.flowing = rss(scene)?;
    forget_peaks(scene)?;
    let mut last = u64::MAX;
    while last != sent.load(Ordering::Relaxed) {
        last = sent.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    held.accepted = last;
    held.unread = last.saturating_sub(read);
    held.sibling = sibling.trips().await?;
    held.stopped = peaks(scene)?;
    held.standing = rss(scene)?;
    Ok(())
}

fn rss(scene: &Scene) -> Outcome<Vec<u64>> {
    scene.places().map(|place| place.rss()).collect()
}

fn peaks(scene: &Scene) -> Outcome<Vec<u64>> {
    scene.places().map(|place| place.peak()).collect()
}

fn forget_peaks(scene: &Scene) -> Outcome {
    scene.places().try_for_each(Place::forget_peak)
}

async fn target_writes(served: Served, bytes: u64, sent: Arc<AtomicU64>) -> Outcome<Served> {
    let mut served = served;
    for offset in (0..bytes).step_by(CHUNK) {
        served.writer.write_all(&Pattern::new(5).bytes(offset, CHUNK)).await?;
        sent.fetch_add(CHUNK as u64, Ordering::Relaxed);
    }
    served.writer.shutdown().await?;
    Ok(served)
}

struct ClientReads {
    reader: Reader,
    tally: Tally,
}

impl ClientReads {
    async fn until(&mut self, count: u64) -> Outcome {
        while self.tally.len() < count {
            let chunk = self.reader.next().await?.ok_or("it ended early")?;
            self.tally.push(&chunk)?;
        }
        Ok(())
    }

    /// To the end, which comes after the last byte.
    async fn rest(mut self, bytes: u64) -> Outcome<String> {
        while let Some(chunk) = self.reader.next().await? {
            self.tally.push(&chunk)?;
        }
        let got = self.tally.len();
        demand(got == bytes, &format!("the client got everything: {got} of {bytes}"))?;
        Ok(self.tally.sha256())
    }
}

async fn client_writes(mut writer: Writer, bytes: u64, sent: Arc<AtomicU64>) -> Outcome<Writer> {
    for offset in (0..bytes).step_by(CHUNK) {
        writer.write(Pattern::new(6).bytes(offset, CHUNK)).await?;
        sent.fetch_add(CHUNK as u64, Ordering::Relaxed);
    }
    Ok(writer)
}

struct TargetReads {
    served: Served,
    tally: Tally,
}

impl TargetReads {
    async fn until(&mut self, count: u64) -> Outcome {
        let mut buffer = vec![0; CHUNK];
        while self.tally.len() < count {
            let len = self.served.reader.read(&mut buffer).await?;
            demand(len > 0, "the target got everything")?;
            self.tally.push(&buffer[..len])?;
        }
        Ok(())
    }

    async fn rest(mut self, bytes: u64) -> Outcome<String> {
        self.until(bytes).await?;
        Ok(self.tally.sha256())
    }
}

/// Whoever writes hears as well: some ways say so what may be sent.
async fn listen(mut reader: Reader) -> Outcome {
    while reader.next().await?.is_some() {}
    Ok(())
}

/// A lane beside, of the same way and, where that is shared, over the same connection.
struct Sibling {
    lane: Lane,
    echo: JoinHandle<()>,
}

impl Sibling {
    async fn open(scene: &Scene) -> Outcome<Sibling> {
        let (lane, mut served) = scene.way.open(scene).await?;
        let echo = tokio::spawn(async move {
            let _ = tokio::io::copy(&mut served.reader, &mut served.writer).await;
        });
        Ok(Sibling { lane, echo })
    }

    /// Milliseconds of half of its round trips, and of the worst.
    async fn trips(&mut self) -> Outcome<(f64, f64)> {
        let mut trips = Vec::with_capacity(TRIPS);
        for _ in 0..TRIPS {
            let start = Instant::now();
            self.lane.writer.write(Bytes::from_static(&[3; 64])).await?;
            let back = self.lane.reader.take(64).await?;
            demand(back == [3; 64], "the sibling's bytes come back")?;
            trips.push(start.elapsed().as_secs_f64() * 1e3);
        }
        Ok((percentile(&mut trips, 0.5), percentile(&mut trips, 1.0)))
    }
}

impl Drop for Sibling {
    fn drop(&mut self) {
        self.echo.abort();
    }
}
