//! A million streams opened and closed in one session must leave nothing behind.

use std::time::{Duration, Instant};

use pageport_link::Session;
use serde_json::json;
use tokio::task::JoinSet;

use crate::facts::{Outcome, demand, fact};
use crate::page::Page;
use crate::place::Place;

/// How many streams are between two looks at the memory.
const ROUND: usize = 250_000;
/// How many rounds make it warm: what it has then is the start.
const WARM: usize = 3;
/// How many rounds count at least: a million streams.
const ROUNDS: usize = 4;
/// How many there are at most, while it has not come back to what it was.
const ROUNDS_MAX: usize = 10;
const AT_ONCE: usize = 256;

pub(crate) async fn run(place: &Place) -> Outcome {
    let page = Page::listen(place).await?;
    let mut before = Vec::new();
    for _ in 0..WARM {
        before.push(round(place, &page.session).await?);
    }
    let most = before.iter().max().ok_or("no look before")? * 105 / 100;
    let start = Instant::now();
    let mut after = Vec::new();
    // How much of what is free has gone back to the kernel differs by a fifth from look to look. What has leaked is in every look, and ever more of it:
    // it never comes back.
    while after.len() < ROUNDS || after.len() < ROUNDS_MAX && after.last().is_none_or(|look| *look > most) {
        after.push(round(place, &page.session).await?);
    }
    let seconds = start.elapsed().as_secs_f64();
    let stats = page.session.stats();
    fact(&[
        ("streams", &(after.len() * ROUND)),
        ("seconds", &format_args!("{seconds:.1}")),
        ("rss_kib_before", &listed(&before)),
        ("rss_kib_after", &listed(&after)),
        ("streams_left", &stats.streams),
        ("bytes_held", &stats.held),
    ]);
    demand(stats.streams == 1, "only the listener's stream is left")?;
    demand(after.last().is_some_and(|look| *look <= most), "memory comes back to within 5 % of the start")
}

/// The memory after a round, in KiB.
async fn round(place: &Place, session: &Session) -> Outcome<u64> {
    churn(session, ROUND).await?;
    least(place).await
}

/// What the gateway cannot do without: the least that it has within some seconds, while whatever it has freed goes back to the kernel.
async fn least(place: &Place) -> Outcome<u64> {
    let mut least = u64::MAX;
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        least = place.rss()?.min(least);
    }
    Ok(least)
}

fn listed(looks: &[u64]) -> String {
    looks.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
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
