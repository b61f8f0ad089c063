//! Attackers, and a good client beside them: how long its requests take with and without each attack, in turns of one run.
//!
//! The good client visits a page of its own. Attackers are a process of their own with the lowest priority: theirs would be other
//! machines, whose work costs this one nothing. They come back 200 ms after they were sent away, so they are as many at any time.

use std::process::Stdio;
use std::time::{Duration, Instant};

use pageport_testkit::smuggling_h2::{block, frame, opening};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::facts::{Outcome, demand, fact, median, percentile};
use crate::place::Place;
use crate::site::Site;

const ROUNDS: usize = 7;
/// So many that each slow attacker has its turn meanwhile, more than once.
const REQUESTS: usize = 5_000;
/// How many slow connections, and how many that flood.
const SLOW: usize = 2_000;
const FLOODS: usize = 20;
const PAUSE: Duration = Duration::from_millis(200);
/// One byte each.
const DRIP: Duration = Duration::from_millis(500);
/// For attackers to connect and to be at it: slow ones until nothing moves any more.
const SETTLE: Duration = Duration::from_millis(800);
const SETTLE_SLOW: Duration = Duration::from_secs(5);
/// How much slower the good client may be, and what frames that carry nothing may cost.
const SLOWER: f64 = 2.0;
const MEMORY_KIB: u64 = 16 * 1024;

/// One attack: its name, how many connections, whether it is a flood of HTTP/2 frames.
struct Attack {
    name: &'static str,
    connections: usize,
    first: Vec<u8>,
    then: Then,
}

#[derive(Clone)]
enum Then {
    /// One byte now and then.
    Drip,
    /// Nothing is read.
    Stall,
    /// These bytes again and again, until the gateway ends the connection.
    Flood(Vec<u8>),
    /// The same with a stream of its own for each pair of HEADERS and RST_STREAM.
    Resets(Vec<u8>),
}

pub(crate) async fn run(place: &Place) -> Outcome {
    let (own, victim) = (Site::open(place).await?, Site::open(place).await?);
    // Everything that is made once is made before anything is measured.
    measure(place, &own.host).await?;
    let mut worst: f64 = 0.0;
    let mut grown = 0;
    let attacks = attacks(&victim.host);
    for attack in &attacks {
        let (ratio, memory) = beside(place, &own.host, &victim.host, attack).await?;
        worst = worst.max(ratio);
        if attack.connections == FLOODS {
            grown = grown.max(memory);
        }
    }
    fact(&[
        ("attacks", &attacks.len()),
        ("worst_p99_ratio", &format_args!("{worst:.2}")),
        ("most_memory_of_a_flood_kib", &grown),
    ]);
    demand(worst <= SLOWER, "a good client's p99 stays within 2x")?;
    demand(grown <= MEMORY_KIB, "a flood costs at most 16 MiB")
}

/// The attackers' process: attacks until it is killed. `VICTIM` and `ATTACK` come by environment.
pub(crate) async fn attackers(place: &Place) -> Outcome {
    let (victim, name) = (std::env::var("VICTIM")?, std::env::var("ATTACK")?);
    let all = attacks(&victim);
    let attack = all.into_iter().find(|attack| attack.name == name).ok_or("no such attack")?;
    let mut attackers = JoinSet::new();
    let count = u32::try_from(attack.connections)?;
    for at in 0..count {
        let (address, first, then) = (place.address, attack.first.clone(), attack.then.clone());
        // Other machines have no common clock: they do not all drip in the same millisecond.
        let late = DRIP * at / count;
        attackers.spawn(async move {
            sleep(late).await;
            loop {
                // However it ends, the next one comes.
                let _ = one(address, &first, &then).await;
                sleep(PAUSE).await;
            }
        });
    }
    attackers.join_next().await;
    Ok(())
}

fn attacks(host: &str) -> Vec<Attack> {
    let get = block(&[(":method", "GET"), (":scheme", "http"), (":authority", host), (":path", "/")]);
    let post = block(&[(":method", "POST"), (":scheme", "http"), (":authority", host), (":path", "/")]);
    let after = |more: Vec<u8>| [opening(), more].concat();
    vec![
        slow("slow_headers", format!("GET / HTTP/1.1\r\nHost: {host}\r\nX: "), Then::Drip),
        slow(
            "slow_bodies",
            format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\n\r\n"),
            Then::Drip,
        ),
        slow("slow_readers", format!("GET /big HTTP/1.1\r\nHost: {host}\r\n\r\n"), Then::Stall),
        flood("rapid_reset", opening(), Then::Resets(get.clone())),
        flood("continuation", after(frame(1, 0, 1, &get)), Then::Flood(frame(9, 0, 1, &[]))),
        flood("empty_data", after(frame(1, 4, 1, &post)), Then::Flood(frame(0, 0, 1, &[]))),
        flood("settings", opening(), Then::Flood(frame(4, 0, 0, &[]))),
        flood("ping", opening(), Then::Flood(frame(6, 0, 0, &[0; 8]))),
    ]
}

/// The median of all rounds, and how much higher memory was than before.
async fn beside(place: &Place, good: &str, victim: &str, attack: &Attack) -> Outcome<(f64, u64)> {
    let (mut ratios, mut alone, mut attacked) = (Vec::new(), Vec::new(), Vec::new());
    let (mut connections, mut memory) = (0, 0);
    for _ in 0..ROUNDS {
        let base = measure(place, good).await?;
        let before = place.rss()?;
        place.forget_peak()?;
        let taken = place.connections().await?;
        let mut attackers = Command::new("nice")
            .args(["-n", "19"])
            .arg(std::env::current_exe()?)
            .arg("attackers")
            .envs([("VICTIM", victim), ("ATTACK", attack.name)])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        sleep(if attack.connections == SLOW { SETTLE_SLOW } else { SETTLE }).await;
        let under = measure(place, good).await?;
        memory = memory.max(place.peak()?.saturating_sub(before));
        connections += place.connections().await?.saturating_sub(taken + 1);
        attackers.kill().await?;
        ratios.push(under / base);
        alone.push(base);
        attacked.push(under);
        sleep(SETTLE).await;
    }
    let ratio = median(&mut ratios);
    fact(&[
        ("attack", &attack.name),
        ("at_once", &attack.connections),
        ("connections_each_round", &(connections / ROUNDS)),
        ("p99_alone_us", &format_args!("{:.0}", median(&mut alone))),
        ("p99_attacked_us", &format_args!("{:.0}", median(&mut attacked))),
        ("p99_ratio", &format_args!("{ratio:.2}")),
        ("ratios", &format_args!("{:.2}-{:.2}", ratios[0], ratios[ROUNDS - 1])),
        ("memory_above_before_kib", &memory),
    ]);
    demand(connections / ROUNDS >= attack.connections, "the attackers were there")?;
    Ok((ratio, memory))
}

fn slow(name: &'static str, first: String, then: Then) -> Attack {
    Attack { name, connections: SLOW, first: first.into_bytes(), then }
}

fn flood(name: &'static str, first: Vec<u8>, then: Then) -> Attack {
    Attack { name, connections: FLOODS, first, then }
}

/// One connection of an attacker, until the gateway ends it.
async fn one(address: std::net::SocketAddr, first: &[u8], then: &Then) -> Outcome {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(first).await?;
    match then {
        Then::Drip => loop {
            sleep(DRIP).await;
            socket.write_all(b"x").await?;
        },
        Then::Stall => std::future::pending().await,
        Then::Flood(bytes) => {
            let many = bytes.repeat(100);
            pour(socket, || many.clone()).await
        }
        Then::Resets(headers) => {
            let mut stream = 1;
            let next = || {
                let mut bytes = Vec::new();
                for _ in 0..50 {
                    bytes.extend(frame(1, 5, stream, headers));
                    bytes.extend(frame(3, 0, stream, &[0, 0, 0, 8]));
                    stream += 2;
                }
                bytes
            };
            pour(socket, next).await
        }
    }
}

/// Writes as fast as it can, and reads what comes, so that nothing holds it back but the gateway.
async fn pour(socket: TcpStream, mut next: impl FnMut() -> Vec<u8>) -> Outcome {
    let (mut read, mut write) = socket.into_split();
    let mut sink = [0; 4096];
    let writing = async {
        loop {
            write.write_all(&next()).await?;
            tokio::task::yield_now().await;
        }
    };
    let reading = async { while let Ok(1..) = read.read(&mut sink).await {} };
    tokio::select! {
        result = writing => result,
        () = reading => Ok(()),
    }
}

/// p99 in µs of requests in a row on one connection.
async fn measure(place: &Place, host: &str) -> Outcome<f64> {
    let mut socket = TcpStream::connect(place.address).await?;
    socket.set_nodelay(true)?;
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let mut times = Vec::with_capacity(REQUESTS);
    let mut answer = Vec::new();
    for _ in 0..REQUESTS {
        let start = Instant::now();
        socket.write_all(request.as_bytes()).await?;
        answer.clear();
        while !answer.ends_with(b"\r\n\r\n..") {
            demand(socket.read_buf(&mut answer).await? > 0, "a good client is served")?;
        }
        demand(answer.starts_with(b"HTTP/1.1 200 "), "a good client is served")?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(percentile(&mut times, 0.99))
}
