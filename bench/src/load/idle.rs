//! Connections that were used once and then stand still, until standard input ends.

use serde_json::json;

use super::connection::Connection;
use super::target::Target;
use crate::Outcome;

/// How many are made at the same time: fewer than any listener's backlog.
const AT_ONCE: usize = 64;

pub(crate) async fn run(connections: usize, target: &Target) -> Outcome {
    let mut open = Vec::with_capacity(connections);
    while open.len() < connections {
        let count = AT_ONCE.min(connections - open.len());
        let tasks: Vec<_> = (0..count).map(|_| spawned(target.clone())).collect();
        for task in tasks {
            open.push(task.await??);
        }
    }
    println!("{}", json!({ "open": open.len() }));
    released().await?;
    println!("{}", json!({ "alive": alive(&open) }));
    Ok(())
}

fn spawned(target: Target) -> tokio::task::JoinHandle<Outcome<Connection>> {
    tokio::spawn(async move { Connection::echoed(&target).await })
}

/// Whoever reads the line above closes our input when it has seen enough.
async fn released() -> Outcome {
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
    Ok(())
}

/// How many nobody has closed meanwhile.
fn alive(open: &[Connection]) -> usize {
    open.iter().filter(|connection| connection.is_alive()).count()
}
