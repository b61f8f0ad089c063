//! Connections that are made, used for one byte, and closed.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::LocalSet;

use super::busy::Busy;
use super::connection::Connection;
use super::target::Target;
use crate::Outcome;

/// As many as can be had in so many seconds.
pub(crate) async fn during(workers: usize, seconds: f64, target: &Target) -> Outcome {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    repeat(workers, target, move |_| Instant::now() < end).await
}

/// Exactly so many; the first that fails ends the run.
pub(crate) async fn exactly(workers: usize, count: u32, target: &Target) -> Outcome {
    repeat(workers, target, move |begun| begun < count).await
}

async fn repeat(workers: usize, target: &Target, more: impl Fn(u32) -> bool + 'static) -> Outcome {
    let more = Rc::new(more);
    let (begun, done) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0_u32)));
    let busy = Busy::start()?;
    let local = LocalSet::new();
    let mut handles = Vec::new();
    for _ in 0..workers {
        let (more, begun, done) = (Rc::clone(&more), Rc::clone(&begun), Rc::clone(&done));
        let target = target.clone();
        handles.push(local.spawn_local(async move {
            while more(begun.get()) {
                begun.set(begun.get() + 1);
                drop(Connection::echoed(&target).await?);
                done.set(done.get() + 1);
            }
            Outcome::Ok(())
        }));
    }
    local
        .run_until(async {
            for handle in handles {
                handle.await??;
            }
            Outcome::Ok(())
        })
        .await?;
    let rate = f64::from(done.get()) / busy.seconds();
    println!("{}", json!({ "done": done.get(), "per_s": rate, "busy": busy.part()? }));
    Ok(())
}
