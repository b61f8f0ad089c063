//! Ways to the target, and what those share that go the same way.

use pageport_link::{Connector, Session};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::http2::{self, Requests};
use super::lane::Lane;
use super::scene::Scene;
use super::target::Served;
use super::{socks, websocket, wisp};
use crate::facts::Outcome;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// `/tcp/HOST/PORT`
    WebSocket,
    /// The same over HTTP/2.
    WebSocketHttp2,
    /// `Upgrade: tcp`
    Upgrade,
    /// `/websockify?token=…`
    Websockify,
    /// `/wisp/`, one stream each.
    Wisp,
    /// A stream of a session, `tcp://`.
    Session,
    /// The same, within TLS that the gateway does.
    SessionTls,
    /// The program's SOCKS server, in front of the gateway.
    Socks,
}

/// What several lanes go by: a session, or a connection with room for many.
#[derive(Default)]
pub(super) struct Shared {
    carrier: Mutex<(usize, Option<Carrier>)>,
}

#[derive(Clone)]
enum Carrier {
    Session(Session),
    Http2(Requests),
}

/// Below what a session may have (`connects_per_session`), and a connection of HTTP/2 (`h2_streams`).
const LANES: usize = 90;

impl Way {
    pub(super) const ALL: [Way; 8] = [
        Way::WebSocket,
        Way::WebSocketHttp2,
        Way::Upgrade,
        Way::Websockify,
        Way::Wisp,
        Way::Session,
        Way::SessionTls,
        Way::Socks,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Way::WebSocket => "tcp",
            Way::WebSocketHttp2 => "tcp-http2",
            Way::Upgrade => "upgrade",
            Way::Websockify => "websockify",
            Way::Wisp => "wisp",
            Way::Session => "session-tcp",
            Way::SessionTls => "session-tls",
            Way::Socks => "socks",
        }
    }

    /// Whether lanes share what they go by, so that one could block another.
    pub(super) fn is_shared(self) -> bool {
        matches!(self, Way::WebSocketHttp2 | Way::Session | Way::SessionTls | Way::Socks)
    }

    /// A lane, and its other end.
    pub(super) async fn open(self, scene: &Scene) -> Outcome<(Lane, Served)> {
        let (lane, served) = tokio::join!(self.lane(scene), scene.target.accept());
        Ok((lane?, served?))
    }

    /// A lane whose other end is somebody else's.
    pub(super) async fn lane(self, scene: &Scene) -> Outcome<Lane> {
        let port = scene.target.port();
        let path = match self {
            Way::Websockify => "/websockify?token=target".to_owned(),
            Way::Wisp => "/wisp/".to_owned(),
            _ => format!("/tcp/127.0.0.1/{port}"),
        };
        match self {
            Way::WebSocket | Way::Websockify => websocket::connect(scene, &path).await,
            Way::Upgrade => websocket::upgrade(scene, &path).await,
            Way::Wisp => wisp::connect(scene, &path).await,
            Way::WebSocketHttp2 => {
                let Carrier::Http2(requests) = scene.shared.carrier(self, scene).await? else {
                    return Err("not HTTP/2".into());
                };
                http2::connect(requests, scene, &path).await
            }
            Way::Session | Way::SessionTls => {
                let Carrier::Session(session) = scene.shared.carrier(self, scene).await? else {
                    return Err("not a session".into());
                };
                let scheme = if self == Way::Session { "tcp" } else { "tls" };
                let mut stream =
                    session.open(&json!({ "connect": format!("{scheme}://127.0.0.1:{port}") }))?;
                let reply: Value = serde_json::from_slice(&stream.reply().await?)?;
                if reply["ok"] != true {
                    return Err(format!("refused: {reply}").into());
                }
                Ok(Lane::of_stream(stream))
            }
            Way::Socks => socks::connect(scene, port).await,
        }
    }
}

impl Shared {
    /// The present one, or a new one when that has its lanes.
    async fn carrier(&self, way: Way, scene: &Scene) -> Outcome<Carrier> {
        let mut carrier = self.carrier.lock().await;
        let (lanes, present) = &mut *carrier;
        if let Some(present) = present.as_ref().filter(|_| *lanes < LANES) {
            *lanes += 1;
            return Ok(present.clone());
        }
        let made = match way {
            Way::WebSocketHttp2 => {
                Carrier::Http2(http2::requests(TcpStream::connect(scene.place.address).await?).await?)
            }
            _ => {
                let connector = Connector::new(&scene.place.url)?.credential(scene.place.token.clone());
                Carrier::Session(connector.dial(scene.place.address).connect().await?)
            }
        };
        *lanes = 1;
        *present = Some(made.clone());
        Ok(made)
    }
}
