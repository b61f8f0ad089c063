//! The forward proxy with bad habits as a program: `habit-proxy LISTEN [no-tunnels] [only-tunnels] [holds=BYTES] [idle=SECONDS]`. One JSON
//! object per line on stdout: where it listens, and each request that is over. It ends with its stdin.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use pageport_testkit::console::{lines, say};
use pageport_testkit::{Habits, HttpProxy};
use serde_json::json;
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed =
        arguments.split_first().and_then(|(listen, words)| Some((listen.parse().ok()?, habits(words)?)));
    let Some((listen, habits)) = parsed else {
        eprintln!("usage: habit-proxy LISTEN [no-tunnels] [only-tunnels] [holds=BYTES] [idle=SECONDS]");
        return ExitCode::from(2);
    };
    match run(listen, habits).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(listen: SocketAddr, habits: Habits) -> std::io::Result<()> {
    let (log, mut served) = mpsc::unbounded_channel();
    let proxy = HttpProxy::listen(listen, habits, Some(log)).await?;
    say(&json!({ "event": "ready", "listen": proxy.address().to_string() }));
    let mut stdin = lines();
    loop {
        tokio::select! {
            line = stdin.recv() => if line.is_none() { return Ok(()) },
            Some(over) = served.recv() => say(&json!({
                "event": "served", "method": over.method, "target": over.target, "status": over.status, "up": over.up,
                "down": over.down, "cut": over.cut,
            })),
        }
    }
}

fn habits(words: &[String]) -> Option<Habits> {
    let mut habits = Habits::default();
    for word in words {
        match word.split_once('=') {
            None if word == "no-tunnels" => habits.refuses_tunnels = true,
            None if word == "only-tunnels" => habits.only_tunnels = true,
            Some(("holds", bytes)) => habits.holds_back = bytes.parse().ok()?,
            Some(("idle", seconds)) => habits.cuts_idle = Some(Duration::from_secs(seconds.parse().ok()?)),
            _ => return None,
        }
    }
    Some(habits)
}
