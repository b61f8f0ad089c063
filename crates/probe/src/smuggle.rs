//! Requests that a lax reader takes for others: what becomes of each, and how many a page sees.

use std::future::pending;
use std::time::Duration;

use pageport_testkit::smuggling::{Vector, http1};
use pageport_testkit::smuggling_h2::http2;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::facts::{Outcome, demand, fact};
use crate::place::Place;
use crate::site::Site;

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn run(place: &Place) -> Outcome {
    let site = Site::open(place).await?;
    let mut wrong = 0;
    let mut fences = 0;
    for (version, vectors, least) in [("1.1", http1(&site.host), 55), ("2", http2(&site.host), 45)] {
        let (mut sent, mut came, mut broken, mut refused) = (0, 0, 0, 0);
        for vector in &vectors {
            let before = site.seen();
            let all_came = || site.seen().0 >= before.0 + vector.requests;
            let answer = timeout(PATIENCE, exchange(place, &vector.bytes, all_came)).await??;
            // Streams come in order: once this one was answered, all before it were seen.
            fence(place, &site.host).await?;
            fences += 1;
            let after = site.seen();
            let (seen, hidden) = (after.0 - before.0 - 1, after.1 - before.1);
            let torn = seen - seen.min(vector.requests);
            let good = torn <= usize::from(vector.torn) && seen >= vector.requests && hidden == 0;
            sent += vector.requests;
            came += seen - torn;
            broken += torn;
            refused += usize::from(vector.requests == 0);
            wrong += usize::from(!good);
            print(version, vector, seen, &answer, good);
        }
        fact(&[
            ("http", &version),
            ("vectors", &vectors.len()),
            ("that_hold_no_request", &refused),
            ("requests_sent", &sent),
            ("requests_seen_by_the_page", &came),
            ("heads_seen_whose_body_broke", &broken),
        ]);
        demand(vectors.len() >= least, "there are as many vectors as there should be")?;
    }
    let (all, hidden) = site.seen();
    fact(&[
        ("requests_seen_in_all", &all),
        ("of_them_between_vectors", &fences),
        ("hidden_ones_seen", &hidden),
    ]);
    // Control: the page does count a request to the hidden path when one is really sent.
    let plain = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        pageport_testkit::smuggling::HIDDEN,
        site.host
    );
    exchange(place, plain.as_bytes(), || false).await?;
    fact(&[("control", &"the hidden request sent openly"), ("hidden_ones_seen", &site.seen().1)]);
    demand(site.seen().1 == 1, "a hidden request would have been seen")?;
    demand(wrong == 0, "every page sees as many requests as were sent")
}

/// Sends it all, ends the sender's direction once `all_came`, and reads to the end. Whoever ends its direction earlier has left, for
/// hyper.
async fn exchange(place: &Place, bytes: &[u8], all_came: impl Fn() -> bool) -> Outcome<Vec<u8>> {
    let (mut read, mut write) = TcpStream::connect(place.address).await?.into_split();
    let sending = async {
        // The gateway may answer and close before everything has left.
        let _ = write.write_all(bytes).await;
        while !all_came() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let _ = write.shutdown().await;
        pending::<()>().await;
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = sending => {}
        _ = read.read_to_end(&mut answer) => {}
    }
    Ok(answer)
}

async fn fence(place: &Place, host: &str) -> Outcome {
    let request = format!("GET /fence HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let answer = exchange(place, request.as_bytes(), || false).await?;
    demand(answer.starts_with(b"HTTP/1.1 200 "), "a good request is answered")
}

fn print(version: &str, vector: &Vector, seen: usize, answer: &[u8], good: bool) {
    let told = if version == "2" { told_h2(answer) } else { told_h1(answer) };
    let verdict = if good { "" } else { "  WRONG" };
    println!("  HTTP/{version:3} {:42} sent {} seen {seen}  {told}{verdict}", vector.name, vector.requests);
}

fn told_h1(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let code = text.lines().find_map(|line| line.strip_prefix("pageport-error: ")).unwrap_or_default();
    match text.get(9..12) {
        Some(status) => format!("{status} {code}"),
        None => "closed".to_owned(),
    }
}

/// The kind of what came for stream 1, or for the connection.
fn told_h2(mut answer: &[u8]) -> String {
    let mut told = "closed".to_owned();
    while let Some(header) = answer.get(..9) {
        let length = usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
        let Some(payload) = answer.get(9..9 + length) else { break };
        match header[3] {
            // HEADERS: the first field is :status, from the static table or as a literal.
            1 if told == "closed" => told = "answered".to_owned(),
            3 => told = format!("RST_STREAM {}", payload.last().copied().unwrap_or_default()),
            7 if payload.last() != Some(&0) => {
                told = format!("GOAWAY {}", payload.get(7).copied().unwrap_or_default());
            }
            _ => {}
        }
        answer = &answer[9 + length..];
    }
    told
}
