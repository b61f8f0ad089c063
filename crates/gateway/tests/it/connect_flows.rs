//! Connections that are open: how many and how fast, when they end, what a reload does to them, and what is noted.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pageport_link::StreamError;
use pageport_proto::Code;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tracing_subscriber::fmt::MakeWriter;

use crate::claimant::Claimant;
use crate::client::soon;
use crate::connect::{CALLER, open};
use crate::connect_tcp::{allow, connect, pair, refusal, server};
use crate::door::{self, Door, token_section};
use crate::page::attach_with;

fn limited(to: SocketAddr, limit: &str) -> String {
    format!("{}{limit}\n", allow(to))
}

pub(crate) fn reload(door: &Door, rules: &str) {
    let config = door::config(&format!("{rules}{}", token_section("caller", CALLER, "[\"connect\"]")));
    door.handle.reload(config.policy);
}

#[tokio::test]
async fn a_rule_that_is_removed_ends_its_connections_within_a_second_and_no_others() {
    let ((one, first), (other, second)) = (server().await, server().await);
    let both = allow(first) + &allow(second);
    let door = open(&both);
    let session = attach_with(&door, CALLER).await;
    let (mut stays, mut kept) = pair(&session, &other).await;
    let still_allowed = allow("127.0.0.0/8:*");
    for (rules, why) in [
        (allow(second), "its rule is gone"),
        (format!("{both}[[deny]]\nto = \"{first}\"\n"), "it is forbidden"),
        (allow(second) + &limited(first, "tokens = [\"test\"]"), "it is for others"),
    ] {
        reload(&door, &both);
        let (mut stream, mut socket) = pair(&session, &one).await;
        // Allowed by another rule: nothing happens.
        reload(&door, &still_allowed);
        stream.write_all(b"a").await.expect("is sent");
        soon(socket.read_exact(&mut [0])).await.expect("is heard");

        let begun = Instant::now();
        reload(&door, &rules);
        let end = soon(stream.read_chunk()).await;
        assert_eq!(end, Err(StreamError::Reset(Code::ERR_TARGET_FORBIDDEN)), "{why}");
        let end = soon(socket.read(&mut [0])).await.expect_err("no end in order");
        assert_eq!(end.kind(), io::ErrorKind::ConnectionReset, "{why}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{why}: {:?}", begun.elapsed());
        assert_eq!(refusal(&session, first).await.error, "ERR_TARGET_FORBIDDEN", "{why}");
    }
    stays.write_all(b"b").await.expect("is sent");
    soon(kept.read_exact(&mut [0])).await.expect("is heard");
    door.until("pageport_connects 1").await;
}

#[tokio::test]
async fn a_rule_has_so_many_connections_at_once_also_after_a_reload() {
    let (listener, address) = server().await;
    let rules = limited(address, "connections = 1");
    let door = open(&rules);
    let (session, other) = (attach_with(&door, CALLER).await, attach_with(&door, CALLER).await);
    let (stream, socket) = pair(&session, &listener).await;
    for _ in 0..2 {
        let refused = refusal(&other, address).await;
        assert_eq!((refused.error.as_str(), refused.retry_after), ("ERR_TARGET_LIMIT", Some(1)));
        reload(&door, &rules);
    }
    reload(&door, &limited(address, "connections = 2"));
    let second = connect(&other, address).await;
    assert_eq!(refusal(&other, address).await.error, "ERR_TARGET_LIMIT");
    drop((stream, socket, second));
    door.until("pageport_connects 0").await;
    connect(&other, address).await;
}

#[tokio::test]
async fn a_rule_lets_so_many_begin_in_a_second() {
    let (_listener, address) = server().await;
    let door = open(&limited(address, "rate = 3"));
    let session = attach_with(&door, CALLER).await;
    let begun = Instant::now();
    let (mut connected, mut refused) = (0, 0);
    while refused == 0 {
        match crate::connect_tcp::ask(&session, address).await.1 {
            pageport_proto::head::Reply::Ok(_) => connected += 1,
            pageport_proto::head::Reply::Refused(refusal) => {
                assert_eq!((refusal.error.as_str(), refusal.retry_after), ("ERR_TARGET_LIMIT", Some(1)));
                refused += 1;
            }
        }
    }
    let most = 3 + begun.elapsed().as_millis() / 333;
    assert!((3..=most).contains(&connected), "{connected} in {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_connection_moves_so_many_bytes_in_a_second_both_ways_together() {
    const EACH: usize = 64 << 10;
    let (listener, address) = server().await;
    let door = open(&limited(address, "bytes_per_second = \"128KiB\""));
    let session = attach_with(&door, CALLER).await;
    let (mut stream, mut socket) = pair(&session, &listener).await;
    let begun = Instant::now();
    socket.write_all(&vec![1; EACH]).await.expect("is sent");
    stream.write_all(&vec![2; EACH]).await.expect("is sent");
    let (mut there, mut back) = (vec![0; EACH], vec![0; EACH]);
    let (one, other) = tokio::join!(soon(socket.read_exact(&mut there)), soon(stream.read_exact(&mut back)));
    one.and(other).expect("everything comes");
    // A second for all of it, less one piece each way, which may leave at once.
    let took = begun.elapsed();
    assert!((Duration::from_millis(700)..Duration::from_secs(10)).contains(&took), "{took:?}");
    let unlimited = open(&allow(address));
    let session = attach_with(&unlimited, CALLER).await;
    let (mut stream, mut socket) = pair(&session, &listener).await;
    let begun = Instant::now();
    socket.write_all(&vec![1; 2 * EACH]).await.expect("is sent");
    soon(stream.read_exact(&mut vec![0; 2 * EACH])).await.expect("everything comes");
    assert!(begun.elapsed() < Duration::from_millis(700), "control: {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_connection_on_which_nothing_moves_ends_and_one_that_is_used_does_not() {
    let (listener, address) = server().await;
    let door = open(&limited(address, "idle = \"600ms\""));
    let session = attach_with(&door, CALLER).await;
    let (mut used, mut heard) = pair(&session, &listener).await;
    let (mut quiet, mut socket) = pair(&session, &listener).await;
    let begun = Instant::now();
    let using = async {
        let mut pause = tokio::time::interval(Duration::from_millis(100));
        while begun.elapsed() < Duration::from_millis(1_500) {
            pause.tick().await;
            used.write_all(b"a").await.expect("is sent");
            soon(heard.read_exact(&mut [0])).await.expect("is heard");
        }
    };
    let ending = async {
        let end = soon(quiet.read_chunk()).await;
        assert_eq!(end, Err(StreamError::Reset(Code::ERR_TARGET_IDLE)));
        assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
        let end = soon(socket.read(&mut [0])).await.expect_err("no end in order");
        assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
    };
    tokio::join!(using, ending);
}

#[tokio::test]
async fn a_connection_ends_at_its_age_although_it_is_used() {
    let (listener, address) = server().await;
    let door = open(&limited(address, "lifetime = \"400ms\""));
    let session = attach_with(&door, CALLER).await;
    let (mut stream, mut socket) = pair(&session, &listener).await;
    let speaking = tokio::spawn(async move { while socket.write_all(b"a").await.is_ok() {} });
    let end = loop {
        match soon(stream.read_chunk()).await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert_eq!(end, Err(StreamError::Reset(Code::ERR_TARGET_LIFETIME)));
    soon(speaking).await.expect("ends");
}

#[tokio::test]
async fn a_rule_may_be_for_sessions_that_have_proven_a_key() {
    let (_listener, address) = server().await;
    let door = open("");
    let (mine, other) = (Claimant::new(&door, 1), Claimant::new(&door, 2));
    let keys = format!("keys = [\"{}\"]", mine.key.public());
    let both = token_section("both", "a-token-for-both", "[\"listen\", \"connect\"]");
    let config = door::config(&format!("{}{both}", limited(address, &keys)));
    door.handle.reload(config.policy);
    for (claimant, reaches) in [(&other, false), (&mine, true)] {
        let session = attach_with(&door, "a-token-for-both").await;
        assert_eq!(refusal(&session, address).await.error, "ERR_TARGET_FORBIDDEN", "nothing was proven");
        let name = if reaches { "shop" } else { "market" };
        let _listener = claimant.listen(&session, name).await.expect("is free");
        if reaches {
            connect(&session, address).await;
        } else {
            assert_eq!(refusal(&session, address).await.error, "ERR_TARGET_FORBIDDEN", "another key");
        }
    }
}

/// What is logged on this thread.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

impl Log {
    pub(crate) fn audits(&self) -> Vec<serde_json::Value> {
        let text =
            String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("text");
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        lines.filter(|line| line["target"] == "audit").map(|line| line["fields"].clone()).collect()
    }
}

#[tokio::test]
async fn each_connection_leaves_one_line_that_says_who_where_how_much_and_why_it_ended() {
    let log = Log::default();
    let lines = tracing_subscriber::fmt().json().with_writer(log.clone()).finish();
    let _logging = tracing::subscriber::set_default(lines);
    let (listener, address) = server().await;
    let door = open(&allow(address));
    let session = attach_with(&door, CALLER).await;
    let (mut stream, mut socket) = pair(&session, &listener).await;
    stream.write_all(b"a secret").await.expect("is sent");
    stream.shutdown().await.expect("ends its half");
    let mut heard = String::new();
    soon(socket.read_to_string(&mut heard)).await.expect("an end in order");
    socket.write_all(b"another").await.expect("is sent");
    drop(socket);
    soon(stream.read_to_string(&mut heard)).await.expect("an end in order");
    door.until("pageport_connects 0").await;

    let (cut, _socket) = pair(&session, &listener).await;
    reload(&door, "");
    door.until("pageport_connects 0").await;
    drop(cut);

    let audits = log.audits();
    assert_eq!(audits.len(), 2, "{audits:?}");
    let (first, second) = (&audits[0], &audits[1]);
    assert_eq!(first["who"], "caller");
    assert_eq!(first["to"], format!("tcp://{address}"));
    assert_eq!(first["address"], address.to_string());
    assert_eq!((&first["bytes_in"], &first["bytes_out"]), (&7.into(), &8.into()));
    assert_eq!(first["end"], "complete");
    assert!(first["ms"].is_u64() && first["by"].as_str().is_some_and(|id| id.len() == 22), "{first}");
    assert_eq!(second["end"], "ERR_TARGET_FORBIDDEN");
    let text = format!("{audits:?}");
    assert!(!text.contains("secret") && !text.contains(CALLER), "{text}");
}
