//! A native program in a page's role: it listens, and visitors become streams.

use pageport_link::{Session, Stream};
use serde_json::{Value, json};

use crate::facts::Outcome;
use crate::place::Place;

pub(crate) struct Page {
    pub(crate) session: Session,
    pub(crate) name: String,
    /// The listener lives as long as this.
    _listener: Stream,
}

impl Page {
    pub(crate) async fn listen(place: &Place) -> Outcome<Page> {
        Page::listen_through(place, place.address).await
    }

    /// The same through a relay.
    pub(crate) async fn listen_through(place: &Place, address: std::net::SocketAddr) -> Outcome<Page> {
        let session = place.connector().await?.dial(address).connect().await?;
        let mut listener = session.open(&json!({"listen": "websocket"}))?;
        let reply: Value = serde_json::from_slice(&listener.reply().await?)?;
        let name = reply["name"].as_str().ok_or_else(|| format!("not listening: {reply}"))?.to_owned();
        Ok(Page { session, name, _listener: listener })
    }

    /// The next visitor, let in.
    pub(crate) async fn accept(&self) -> Outcome<Stream> {
        accept(&self.session).await
    }
}

pub(crate) async fn accept(session: &Session) -> Outcome<Stream> {
    let mut stream = session.accept().await.ok_or("the session is closed")?;
    stream.respond(&json!({"ok": true, "status": 101, "headers": []}))?;
    Ok(stream)
}

/// Lets every visitor in and gives back what it sends, until the session ends.
pub(crate) async fn echo(session: Session) {
    while let Some(mut stream) = session.accept().await {
        tokio::spawn(async move {
            if stream.respond(&json!({"ok": true, "status": 101, "headers": []})).is_err() {
                return;
            }
            let (mut read, mut write) = stream.into_split();
            while let Ok(Some(bytes)) = read.read_chunk().await {
                if write.write_chunk(bytes).await.is_err() {
                    return;
                }
            }
            write.finish();
        });
    }
}
