//! Thousands stand still and are all still there; thousands come, are served, and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;

use super::lane::Lane;
use super::scene::Scene;
use crate::facts::{Outcome, demand, fact};

const AT_ONCE: usize = 64;
const WORKERS: usize = 32;
/// How long they stand still.
const STILL: Duration = Duration::from_secs(2);

pub(super) async fn run(scene: &Scene, crowd: usize, setups: usize) -> Outcome {
    let serving = serve(scene);
    let visiting = async {
        let before = scene.place.rss()?;
        let start = Instant::now();
        let mut lanes = stand(scene, crowd).await?;
        let seconds = start.elapsed().as_secs_f64();
        tokio::time::sleep(STILL).await;
        let with = scene.place.rss()?;
        for lanes in lanes.chunks_mut(AT_ONCE) {
            try_join_all(lanes.iter_mut().map(echoed)).await?;
        }
        fact(&[
            ("way", &scene.way.name()),
            ("idle", &lanes.len()),
            ("alive", &lanes.len()),
            ("seconds", &format_args!("{seconds:.1}")),
            ("gateway_kib_each", &format_args!("{:.1}", kib_each(before, with, lanes.len()))),
        ]);
        drop(lanes);
        let (start, done) = (Instant::now(), come_and_go(scene, setups).await?);
        let rate = per_second(done, start);
        fact(&[
            ("way", &scene.way.name()),
            ("setups", &done),
            ("errors", &0),
            ("per_s", &format_args!("{rate:.0}")),
        ]);
        demand(done == setups, "all were served")
    };
    tokio::select! {
        ended = visiting => ended,
        fault = serving => fault,
    }
}

async fn stand(scene: &Scene, crowd: usize) -> Outcome<Vec<Lane>> {
    let mut lanes = Vec::with_capacity(crowd);
    while lanes.len() < crowd {
        let count = AT_ONCE.min(crowd - lanes.len());
        lanes.extend(try_join_all((0..count).map(|_| visit(scene))).await?);
    }
    Ok(lanes)
}

async fn come_and_go(scene: &Scene, setups: usize) -> Outcome<usize> {
    let begun = AtomicUsize::new(0);
    let worker = || async {
        let mut done = 0;
        while begun.fetch_add(1, Ordering::Relaxed) < setups {
            drop(visit(scene).await?);
            done += 1;
        }
        Outcome::Ok(done)
    };
    Ok(try_join_all((0..WORKERS).map(|_| worker())).await?.into_iter().sum())
}

/// A lane through which a byte has gone there and back.
async fn visit(scene: &Scene) -> Outcome<Lane> {
    let mut lane = scene.way.lane(scene).await?;
    echoed(&mut lane).await?;
    Ok(lane)
}

async fn echoed(lane: &mut Lane) -> Outcome {
    lane.writer.write(Bytes::from_static(b"?")).await?;
    demand(lane.reader.take(1).await? == b"?", "a byte comes back")
}

/// Echoes for everybody, until something breaks.
async fn serve(scene: &Scene) -> Outcome {
    let target = Arc::clone(&scene.target);
    loop {
        let socket = target.socket().await?;
        let target = Arc::clone(&target);
        tokio::spawn(async move {
            let Ok(mut served) = target.serve(socket).await else { return };
            // Its client may leave whenever it likes.
            let _ = tokio::io::copy(&mut served.reader, &mut served.writer).await;
        });
    }
}

#[expect(clippy::cast_precision_loss)]
fn kib_each(before: u64, with: u64, count: usize) -> f64 {
    with.saturating_sub(before) as f64 / count as f64
}

#[expect(clippy::cast_precision_loss)]
fn per_second(count: usize, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}
