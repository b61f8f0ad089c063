//! A million streams opened and closed in one session must leave nothing behind.

use std::time::{Duration, Instant};

use pageport_link::Session;
use serde_json::json;
use tokio::task::JoinSet;

use crate::facts::{Outcome, demand, fact};
use crate::page::Page;
use crate::place::Place;

const STREAMS: usize = 1_000_000;
const WARM: usize = 250_000;
const AT_ONCE: usize = 256;

pub(crate) async fn run(place: &Place) -> Outcome {
    let page = Page::listen(place).await?;
    churn(&page.session, WARM).await?;
    let before = least(place).await?;
    let start = Instant::now();
    churn(&page.session, STREAMS).await?;
    let seconds = start.elapsed().as_secs_f64();
    let after = least(place).await?;
    let stats = page.session.stats();
    fact(&[
        ("streams", &STREAMS),
        ("seconds", &format_args!("{seconds:.1}")),
        ("rss_kib_before", &before),
        ("rss_kib_after", &after),
        ("streams_left", &stats.streams),
        ("bytes_held", &stats.held),
    ]);
    demand(stats.streams == 1, "only the listener's stream is left")?;
    demand(after * 100 <= before * 105, "memory is within 5 % of the start")
}

/// What the gateway cannot do without: the least that it has within some seconds, while whatever it has freed goes back to the kernel.
async fn least(place: &Place) -> Outcome<u64> {
    let mut least = u64::MAX;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        least = place.rss()?.min(least);
    }
    Ok(least)
}

/// Streams that the gateway refuses, each with a head, a reply and both ends.
async fn churn(session: &Session, total: usize) -> Outcome {
    let mut tasks = JoinSet::new();
    for worker in 0..AT_ONCE {
        let session = session.clone();
        let count = total / AT_ONCE + usize::from(worker < total % AT_ONCE);
        tasks.spawn(async move {
            for _ in 0..count {
                let mut stream = session.open(&json!({"no": "such request"}))?;
                let reply = stream.reply().await?;
                demand(reply.starts_with(b"{\"error\":\"ERR_UNSUPPORTED\""), "the request was refused")?;
                stream.finish();
                // The refusal may reset the rest; either way both directions have ended.
                while let Ok(Some(_)) = stream.read_chunk().await {}
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    // The last acknowledgements are on their way.
    for _ in 0..100 {
        if session.stats().streams == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
