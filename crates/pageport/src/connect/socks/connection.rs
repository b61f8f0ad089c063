//! One connection from its first byte to its last: who it is, where it wants to go, and then bytes.

use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pageport_link::relay::{self, Moved, keep_urgent};
use pageport_proto::Code;
use pageport_proto::target::Endpoint;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::reply::Rep;
use super::report::Entry;
use super::way::Way;
use super::wire::{self, Bad};
use super::{Credentials, Report};
use crate::connect::ask::Connected;
use crate::failure::NativeFailure;

/// Who was refused may read why; what it goes on saying is thrown away, so much at most and so long. A socket that is closed with bytes
/// unread is reset, and the answer lost with it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 64 * 1024;

/// What every connection needs.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) way: Way,
    pub(super) credentials: Option<Credentials>,
    pub(super) handshake: Duration,
    pub(super) report: Report,
}

impl Serving {
    /// Serves a connection to its end, and tells of it.
    pub(super) async fn serve(&self, mut socket: TcpStream, number: u64) {
        // An option that cannot be set is no reason to do without the connection.
        let _ = socket.set_nodelay(true);
        keep_urgent(&socket);
        let since = Instant::now();
        let to = match timeout(self.handshake, self.greet(&mut socket)).await {
            Ok(Ok(to)) => to,
            Ok(Err(bad)) => {
                self.report.bad(number, &bad.to_string());
                return self.turn_away(socket, &bad).await;
            }
            Err(_) => return self.report.bad(number, "no request came in time"),
        };
        let entry = Entry::new(number, &to, since);
        let connected = tokio::select! {
            connected = self.way.connect(&to) => connected,
            // Dropping the question takes it back.
            () = relay::broken(&socket) => return self.report.ended(&entry, Err("the client has gone")),
        };
        match connected {
            Ok(Connected { stream, .. }) => {
                let traffic = &entry.traffic;
                let moved = |moved| match moved {
                    Moved::In(bytes) => drop(traffic.received.fetch_add(bytes, Ordering::Relaxed)),
                    Moved::Out(bytes) => drop(traffic.sent.fetch_add(bytes, Ordering::Relaxed)),
                };
                if wire::answer(&mut socket, Rep::Succeeded).await.is_err() {
                    return self.report.ended(&entry, Err("the client has gone"));
                }
                let relayed = relay::run(socket, Bytes::new(), stream, Code::ERR_ABORTED, moved).await;
                let ended = relayed.map_err(|broken| broken.to_string());
                self.report.ended(&entry, ended.as_ref().map(drop).map_err(String::as_str));
            }
            Err(failure) => self.refuse(socket, &entry, &failure).await,
        }
    }

    async fn greet(&self, socket: &mut TcpStream) -> Result<Endpoint, Bad> {
        wire::authenticate(socket, self.credentials.as_ref()).await?;
        wire::request(socket).await
    }

    /// What was said is no request: where an answer means something, it is given.
    async fn turn_away(&self, mut socket: TcpStream, bad: &Bad) {
        match bad {
            Bad::Gone(_) | Bad::Version => return,
            Bad::Method | Bad::Credentials => {}
            Bad::Request(_, rep) => drop(wire::answer(&mut socket, *rep).await),
        }
        linger(socket).await;
    }

    async fn refuse(&self, mut socket: TcpStream, entry: &Entry, failure: &NativeFailure) {
        self.report.refused(entry, failure);
        if wire::answer(&mut socket, Rep::from(failure.reason())).await.is_ok() {
            linger(socket).await;
        }
    }
}

async fn linger(mut socket: TcpStream) {
    let reading = async {
        socket.shutdown().await?;
        tokio::io::copy(&mut (&mut socket).take(LINGER_BYTES), &mut tokio::io::sink()).await?;
        Ok::<_, io::Error>(())
    };
    // Whatever comes of it, the connection is over.
    let _ = timeout(LINGER, reading).await;
}
