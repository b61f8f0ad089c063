//! Two thousand sessions that want the gateway's memory, each in one of several ways, beside one good page and its visitors.
//!
//! They hold valid credentials: this is what a peer may do that was let in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use pageport_proto::frame::{Ack, Data, Decoded, Entry, Frame, Mark, Resume, decode};
use pageport_proto::hello::Hello;
use pageport_proto::{Limits, StreamId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::facts::{Outcome, demand, fact, percentile};
use crate::page::{Page, echo};
use crate::place::Place;
use crate::rough::{Entrance, Rough};
use crate::visitor::visit;

const SESSIONS: usize = 2_000;
const ATTACH: Duration = Duration::from_secs(19);
const KINDS: usize = 6;
const ATTACK: Duration = Duration::from_secs(20);
const TURN: Duration = Duration::from_millis(50);

pub(crate) async fn run(place: &Place) -> Outcome {
    let page = Page::listen(place).await?;
    tokio::spawn(echo(page.session.clone()));
    let good = Good { stream: visit(place, &page.name).await?, trips: Vec::new() };
    let over = Instant::now() + ATTACK;
    let opened = Arc::new(AtomicUsize::new(0));
    let refused = Arc::new(Mutex::new(BTreeMap::<String, usize>::new()));
    let ended = Arc::new(AtomicUsize::new(0));
    let sent = Arc::new(AtomicU64::new(0));
    let mut attackers = JoinSet::new();
    // `KIND` limits the attack to one kind, to see what each costs.
    let only: Option<usize> = std::env::var("KIND").ok().and_then(|kind| kind.parse().ok());
    let entrance = Entrance::of(place).await?;
    for number in 0..SESSIONS {
        let attacker = Attacker {
            entrance: entrance.clone(),
            kind: only.unwrap_or(number % KINDS),
            sent: Arc::clone(&sent),
        };
        let (opened, refused, ended) = (Arc::clone(&opened), Arc::clone(&refused), Arc::clone(&ended));
        attackers.spawn(async move {
            let Ok(attached) = tokio::time::timeout(ATTACH, attacker.attach()).await else { return };
            let rough = match attached {
                Ok(rough) => rough,
                Err(reason) => {
                    *refused.lock().await.entry(reason.to_string()).or_default() += 1;
                    return;
                }
            };
            opened.fetch_add(1, Ordering::Relaxed);
            if attacker.attack(rough, over).await.is_err() {
                ended.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let (good, new_visitors) = tokio::join!(good.keep_on(over), newcomers(place, &page.name, over));
    let mut trips = good?;
    let (served, turned_away) = new_visitors?;
    while attackers.join_next().await.is_some() {}
    for (reason, count) in refused.lock().await.iter() {
        fact(&[("refused", count), ("reason", &format_args!("{reason:?}"))]);
    }
    let (opened, refused) = (opened.load(Ordering::Relaxed), refused.lock().await.values().sum::<usize>());
    fact(&[
        ("carrier", &place.way.kind.name()),
        ("hostile_sessions", &SESSIONS),
        ("attached", &opened),
        ("refused", &refused),
        ("ended_by_gateway", &ended.load(Ordering::Relaxed)),
        ("hostile_bytes", &sent.load(Ordering::Relaxed)),
        ("good_round_trips", &trips.len()),
        ("good_p50_ms", &format_args!("{:.1}", percentile(&mut trips, 0.5))),
        ("good_p99_ms", &format_args!("{:.1}", percentile(&mut trips, 0.99))),
        ("new_visitors_served", &served),
        ("new_visitors_turned_away", &turned_away),
        ("rss_kib", &place.rss()?),
        ("rss_kib_peak", &place.peak()?),
    ]);
    demand(
        opened + refused >= SESSIONS * 9 / 10,
        "nearly all hostile sessions came through or were refused",
    )?;
    demand(opened > SESSIONS / 8, "enough hostile sessions were attached to prove anything")?;
    demand(trips.len() > 50, "the good visitor was served all the time")?;
    demand(served > 0, "new visitors were served meanwhile")
}

struct Good {
    stream: TcpStream,
    trips: Vec<f64>,
}

impl Good {
    /// An echo every 50 ms; each must come back.
    async fn keep_on(mut self, until: Instant) -> Outcome<Vec<f64>> {
        let mut buffer = [7; 64];
        while Instant::now() < until {
            let start = Instant::now();
            self.stream.write_all(&buffer).await?;
            tokio::time::timeout(Duration::from_secs(10), self.stream.read_exact(&mut buffer)).await??;
            self.trips.push(start.elapsed().as_secs_f64() * 1e3);
            tokio::time::sleep(TURN).await;
        }
        Ok(self.trips)
    }
}

/// New visitors of the good page: how many were served, how many got 503.
async fn newcomers(place: &Place, name: &str, until: Instant) -> Outcome<(usize, usize)> {
    let (mut served, mut turned_away) = (0, 0);
    while Instant::now() < until {
        match visit(place, name).await {
            Ok(mut stream) => {
                let mut buffer = [9; 64];
                stream.write_all(&buffer).await?;
                stream.read_exact(&mut buffer).await?;
                served += 1;
            }
            Err(error) if error.to_string().contains("503") => turned_away += 1,
            Err(error) => return Err(error),
        }
        tokio::time::sleep(TURN * 4).await;
    }
    Ok((served, turned_away))
}

struct Attacker {
    entrance: Entrance,
    kind: usize,
    sent: Arc<AtomicU64>,
}

impl Attacker {
    /// Speaks its carrier by hand up to the gateway's RESUME.
    async fn attach(&self) -> Outcome<Rough> {
        let mut rough = self.entrance.open().await?;
        let limits = Limits { streams: 65_536, initial: 65_536, unreceived: 1 << 32 };
        let hello = Hello { session: None, n: 1, limits, features: Vec::new(), credential: None };
        rough.send(&[Frame::Hello(hello.to_payload().into())]).await?;
        if self.kind != 4 {
            rough.send(&[Frame::Resume(Resume { end: true, highest: 0, entries: Vec::new() })]).await?;
        }
        let mut read = BytesMut::new();
        loop {
            rough.receive(&mut read).await?;
            let mut bytes = read.clone().freeze();
            while let Ok(Decoded::Frame(frame)) = decode(&mut bytes) {
                match frame {
                    Frame::Resume(resume) if resume.end => return Ok(rough),
                    Frame::Welcome(_) if self.kind == 4 => return Ok(rough),
                    Frame::Close(farewell) | Frame::Detach(farewell) => {
                        return Err(farewell.code.to_string().into());
                    }
                    _ => {}
                }
            }
        }
    }

    /// Until the time is over (fine) or the gateway ends it (an error).
    async fn attack(&self, mut rough: Rough, until: Instant) -> Outcome {
        let mut turn = 0;
        while Instant::now() < until {
            let frames = self.frames(turn);
            turn += 1;
            match tokio::time::timeout(rough.patience(), rough.send(&frames)).await {
                Ok(len) => {
                    self.sent.fetch_add(len?, Ordering::Relaxed);
                }
                // The gateway has stopped reading: that is its right.
                Err(_) => continue,
            }
            // Answers are read by those kinds only that need the gateway to go on.
            if self.kind != 3 {
                rough.take_what_came().await?;
            }
            tokio::time::sleep(TURN * 2).await;
        }
        Ok(())
    }

    fn frames(&self, turn: u64) -> Vec<Frame> {
        match self.kind {
            // Opens as many streams as it may with one frame, and begins the longest of heads on each.
            0 | 1 => (0..64).map(|at| begun_head(turn * 64 + at)).collect(),
            // Asks to listen, again and again, and fills the windows behind each request.
            2 => vec![data(2 * turn + 1, 0, &prefixed(br#"{"listen":"websocket"}"#, 1_000))],
            // Wants answers and never reads them.
            3 => (0..200).map(|_| Frame::Ping(*b"answer!!")).collect(),
            // Never ends its RESUME.
            4 => vec![Frame::Resume(Resume {
                end: false,
                highest: 0,
                entries: (0..128).map(|at| entry(turn * 128 + at)).collect(),
            })],
            // A flood of small frames for a stream that is long over.
            _ => {
                let mut frames = vec![
                    data(1, 0, b"\x02{}"),
                    Frame::Reset { stream: id(1), code: pageport_proto::Code::ERR_ABORTED, last: 3 },
                ];
                frames.truncate(if turn == 0 { 2 } else { 0 });
                frames
                    .extend((0..200).map(|_| Frame::Ack(vec![Ack { stream: id(1), received: 0, limit: 0 }])));
                frames
            }
        }
    }
}

fn begun_head(at: u64) -> Frame {
    // A head of 16 KiB of which the last byte never comes; the first 4 KiB fit the initial limit.
    let mut bytes = vec![0x80, 0x00, 0x40, 0x00];
    bytes.resize(4_096, b' ');
    data(2 * (at % 4_096) + 1, 0, &bytes)
}

fn prefixed(head: &[u8], more: usize) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(head.len()).unwrap_or(0)];
    bytes.extend_from_slice(head);
    bytes.resize(bytes.len() + more, 0);
    bytes
}

fn data(stream: u64, offset: u64, bytes: &[u8]) -> Frame {
    Frame::Data(Data { stream: id(stream), offset, mark: Mark::None, bytes: Bytes::copy_from_slice(bytes) })
}

fn entry(at: u64) -> Entry {
    Entry { ack: Ack { stream: id(2 * at + 1), received: 0, limit: 1 << 40 }, reset: None, stop: None }
}

fn id(number: u64) -> StreamId {
    StreamId::new(number.max(1)).unwrap_or(pageport_proto::Role::Page.first_id())
}
