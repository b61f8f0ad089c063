//! Plain measurements, not checks: `cargo test --release -p pageport-link --test it measure -- --ignored --nocapture --test-threads 1`

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pageport_link::{CarrierKind, Connector};
use serde_json::json;

use crate::support::{Gateway, KINDS};

const BULK: usize = 2 << 30;
const IDLE: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn bulk_over_loopback() {
    for kind in KINDS {
        let (mut child, url) = gateway_process();
        let page = Connector::new(&url).unwrap().carriers(&[kind]).connect().await.unwrap();
        let piece = Bytes::from(vec![7; 65_536]);

        let mut up = page.open(&json!({ "do": "sink" })).unwrap();
        up.reply().await.unwrap();
        let begun = Instant::now();
        for _ in 0..BULK / piece.len() {
            up.write_chunk(piece.clone()).await.unwrap();
        }
        up.finish();
        assert_eq!(up.read_chunk().await, Ok(None));
        report(kind, "up", begun.elapsed(), cpu(child.id()));
        let before = cpu(child.id());

        let mut down = page.open(&json!({ "do": "source", "bytes": BULK })).unwrap();
        down.reply().await.unwrap();
        let begun = Instant::now();
        let mut seen = 0;
        while let Some(bytes) = down.read_chunk().await.unwrap() {
            seen += bytes.len();
        }
        assert_eq!(seen, BULK);
        report(kind, "down", begun.elapsed(), cpu(child.id()) - before);

        let mut echo = page.open(&json!({ "do": "echo" })).unwrap();
        echo.reply().await.unwrap();
        let begun = Instant::now();
        for _ in 0..20_000 {
            echo.write_chunk(Bytes::from_static(b"ping")).await.unwrap();
            echo.read_chunk().await.unwrap();
        }
        println!("{kind}: round trip of 4 bytes {:?}", begun.elapsed() / 20_000);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn memory_of_idle_sessions() {
    for kind in KINDS {
        let (mut child, url) = gateway_process();
        let connector = Connector::new(&url).unwrap().carriers(&[kind]);
        let mut pages = Vec::new();
        // The first ones pay for what all share.
        for _ in 0..100 {
            pages.push(connector.clone().connect().await.unwrap());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let before = resident(child.id());
        for _ in 0..IDLE {
            pages.push(connector.clone().connect().await.unwrap());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let fresh = resident(child.id());
        // Each session moves something large once, and is quiet again.
        for page in &pages {
            let mut stream = page.open(&json!({ "do": "sink" })).unwrap();
            stream.reply().await.unwrap();
            stream.write_chunk(Bytes::from(vec![7; 1 << 20])).await.unwrap();
            stream.finish();
            assert_eq!(stream.read_chunk().await, Ok(None));
        }
        tokio::time::sleep(Duration::from_secs(17)).await;
        let used = resident(child.id());
        let each = |now: u64| now.saturating_sub(before) / IDLE as u64;
        println!(
            "{kind}: {} bytes per idle session at the gateway, {} after 1 MiB and one PING",
            each(fresh),
            each(used)
        );
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Not a test: the gateway that the measurements start as a process of its own. It ends with its stdin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs inside a measurement"]
async fn the_gateway() {
    let gateway = Gateway::start().await;
    println!("listening {}", gateway.url());
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
}

fn gateway_process() -> (std::process::Child, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["measure::the_gateway", "--exact", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines
        .map(Result::unwrap)
        .find_map(|line| line.split_once("listening ").map(|(_, url)| url.to_owned()));
    (child, url.unwrap())
}

fn report(kind: CarrierKind, direction: &str, elapsed: Duration, cpu: f64) {
    let gigabytes = BULK as f64 / 1e9;
    let rate = gigabytes * 1e3 / elapsed.as_secs_f64();
    println!("{kind}: {direction} {rate:.0} MB/s, {:.2} CPU-s per GB at the gateway", cpu / gigabytes);
}

/// Seconds of processor time that a process has used (Linux, proc(5), in ticks of 10 ms).
fn cpu(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn resident(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
