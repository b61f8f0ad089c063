//! A native program in the role of a page that serves HTTP: it counts what it sees, reads every body, and answers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use pageport_link::{Connector, Session, Stream};
use pageport_testkit::smuggling::HIDDEN;
use serde_json::{Value, json};

use crate::facts::Outcome;
use crate::place::Place;

/// What `/big` is answered with; one for all, so that this program's memory is not what is measured.
static PAGE: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(vec![b'.'; 1 << 20]));

pub(crate) struct Site {
    /// `{name}.localhost:{port}`
    pub(crate) host: String,
    seen: Arc<Seen>,
    _session: Session,
    _listener: Stream,
}

#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    hidden: AtomicUsize,
}

impl Site {
    pub(crate) async fn open(place: &Place) -> Outcome<Site> {
        let session =
            Connector::new(&place.url)?.credential(place.token.clone()).dial(place.address).connect().await?;
        let mut listener = session.open(&json!({"listen": "http"}))?;
        let reply: Value = serde_json::from_slice(&listener.reply().await?)?;
        let name = reply["name"].as_str().ok_or_else(|| format!("not listening: {reply}"))?;
        let host = format!("{name}.{}", place.host());
        let seen = Arc::new(Seen::default());
        tokio::spawn(serve(session.clone(), Arc::clone(&seen)));
        Ok(Site { host, seen, _session: session, _listener: listener })
    }

    /// Requests so far, those to [`HIDDEN`] included, and those alone.
    pub(crate) fn seen(&self) -> (usize, usize) {
        (self.seen.requests.load(Ordering::SeqCst), self.seen.hidden.load(Ordering::SeqCst))
    }
}

async fn serve(session: Session, seen: Arc<Seen>) {
    while let Some(stream) = session.accept().await {
        let head: Value = serde_json::from_slice(stream.head()).unwrap_or_default();
        let url = head["url"].as_str().unwrap_or_default().to_owned();
        seen.requests.fetch_add(1, Ordering::SeqCst);
        if url.contains(HIDDEN) {
            seen.hidden.fetch_add(1, Ordering::SeqCst);
        }
        let http = head["kind"] == "http";
        tokio::spawn(async move {
            // A visitor that leaves is no concern of this page.
            let _ = answer(stream, http, url.ends_with("/big")).await;
        });
    }
}

async fn answer(mut stream: Stream, http: bool, big: bool) -> Outcome {
    while http && stream.read_chunk().await?.is_some() {}
    let body = if big { PAGE.clone() } else { Bytes::from_static(b"..") };
    let length = body.len().to_string();
    stream.respond(&json!({"ok": true, "status": 200, "headers": [["content-length", length]]}))?;
    stream.write_chunk(body).await?;
    stream.finish();
    Ok(())
}
