//! What a lax reader would take for other requests: refused or harmless, and a page sees as many requests as were sent.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use pageport_proto::head::{Accepted, Headers, Reply, Visit};
use pageport_testkit::smuggling::{HIDDEN, Vector, http1};
use pageport_testkit::smuggling_h2::http2;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::soon;
use crate::door::{self, Door};
use crate::page::{self, Page};

/// Paths of all requests that a page has seen.
type Seen = Arc<Mutex<Vec<String>>>;

/// Answers every request once its body is whole, and refuses WebSockets.
fn answer(page: &Page) -> Seen {
    let (session, seen) = (page.session.clone(), Seen::default());
    let paths = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Some(mut stream) = session.accept().await {
            let (url, has_body) = match Visit::parse(stream.head()) {
                Ok(Visit::Http(visit)) => (visit.url, true),
                Ok(Visit::WebSocket(visit)) => (visit.url, false),
                other => panic!("{other:?}"),
            };
            let path = url.splitn(4, '/').nth(3).unwrap_or_default().to_owned();
            paths.lock().expect("no panic").push(format!("/{path}"));
            tokio::spawn(async move {
                while has_body && matches!(stream.read_chunk().await, Ok(Some(_))) {}
                let accepted = Accepted { status: 200, headers: Headers::default() };
                if stream.respond(&Reply::Ok(accepted)).is_ok() {
                    stream.finish();
                }
            });
        }
    });
    seen
}

/// Sends it all, waits until the page has seen so many requests, ends the sender's direction, and reads to the end. Whoever ends its
/// direction earlier has left, for hyper.
async fn exchange(door: &Door, bytes: &[u8], seen: &Seen, requests: usize) -> Vec<u8> {
    let (mut read, mut write) = soon(TcpStream::connect(door.address)).await.expect("connects").into_split();
    let sending = async {
        // The gateway may answer and close before everything has left.
        let _ = write.write_all(bytes).await;
        while seen.lock().expect("no panic").len() < requests {
            tokio::task::yield_now().await;
        }
        let _ = write.shutdown().await;
    };
    let mut answer = Vec::new();
    let (_, _) = soon(async { tokio::join!(sending, read.read_to_end(&mut answer)) }).await;
    answer
}

/// How many answers say that all is well: the first of HTTP/1.1, and all of HTTP/2.
fn successes(answer: &[u8]) -> usize {
    if answer.starts_with(b"HTTP/1.1 ") {
        return usize::from(answer.starts_with(b"HTTP/1.1 2"));
    }
    let (mut rest, mut found) = (answer, 0);
    // Length, kind, flags and stream of a frame; HEADERS of a 200 begin with its place in the static table (RFC 7541, appendix A).
    while let [l0, l1, l2, kind, _, _, _, _, _, payload @ ..] = rest {
        let length = usize::from(*l0) << 16 | usize::from(*l1) << 8 | usize::from(*l2);
        let Some((frame, behind)) = payload.split_at_checked(length) else { break };
        found += usize::from(*kind == 1 && frame.first() == Some(&0x88));
        rest = behind;
    }
    found
}

async fn check(vectors: impl Fn(&str) -> Vec<Vector>, least: usize) {
    let door = door::open("");
    let page = page::serve(&door).await;
    let seen = answer(&page);
    let host = format!("{}.localhost", page.listening.name);
    let vectors = vectors(&host);
    let names: HashSet<&str> = vectors.iter().map(|vector| vector.name.as_str()).collect();
    assert!(vectors.len() >= least && names.len() == vectors.len(), "{}", vectors.len());
    let (mut wrong, mut answered) = (Vec::new(), 0);
    for Vector { name, bytes, requests, torn } in &vectors {
        let answer = exchange(&door, bytes, &seen, *requests).await;
        // Streams come in order: once this one is seen, all before it were.
        let fence = format!("GET /fence HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(door.ask(&fence).await.status, 200);
        let paths = std::mem::take(&mut *seen.lock().expect("no panic"));
        let paths: Vec<&str> = paths.iter().map(String::as_str).filter(|path| *path != "/fence").collect();
        let most = requests + usize::from(*torn);
        if !(*requests..=most).contains(&paths.len()) || paths.contains(&HIDDEN) {
            let answer = String::from_utf8_lossy(&answer);
            let answer = answer.lines().next().unwrap_or_default();
            wrong.push(format!("{name}: {paths:?}, not {requests}; {answer}"));
        }
        answered += successes(&answer);
        if *requests == 0 && successes(&answer) > 0 {
            wrong.push(format!("{name}: {}", String::from_utf8_lossy(&answer)));
        }
    }
    assert!(answered > 0, "control: good requests are answered, and that is seen");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn over_http_1_a_page_sees_as_many_requests_as_were_sent() {
    check(http1, 55).await;
}

#[tokio::test]
async fn over_http_2_a_page_sees_as_many_requests_as_were_sent() {
    check(http2, 45).await;
}
