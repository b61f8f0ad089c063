//! Listeners at a public port of the operator's range.

use std::sync::Arc;

use pageport_link::Stream;
use pageport_proto::Code;
use pageport_proto::head::{Kind, Listen, ListeningPort, Reply};

use super::{hold, refuse};
use crate::ports::accept::Listener;
use crate::ports::{Owner, Place};
use crate::sessions::Entry;
use crate::shared::Shared;

/// Opens a port, and keeps it until the stream ends.
pub(super) async fn listen(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    wish: Listen,
    wanted: u16,
    mut stream: Stream,
) {
    if wish.kind != Kind::Tcp {
        return refuse(shared, stream, Code::ERR_UNSUPPORTED);
    }
    let limit = shared.policy.load().limits.listeners_per_session;
    let Some(_slot) = entry.listeners.take(limit) else {
        return refuse(shared, stream, Code::ERR_LISTENER_LIMIT);
    };
    let _seat = match entry.seat() {
        Ok(seat) => seat,
        Err(code) => return refuse(shared, stream, code),
    };
    let (place, sockets) = match Place::take(shared, &owner(entry), wanted) {
        Ok(taken) => taken,
        Err(code) => return refuse(shared, stream, code),
    };
    if stream.respond(&Reply::Ok(listening(shared, wish.kind, place.port))).is_err() {
        return;
    }
    tracing::info!(session = %entry.id, port = place.port, kind = ?wish.kind, "listening");
    let accepting = Listener::new(shared, entry, place.port).run(sockets);
    tokio::select! {
        () = accepting => {}
        () = hold(shared, stream, std::future::pending()) => {}
    }
    tracing::info!(session = %entry.id, port = place.port, kind = ?wish.kind, "no longer listening");
}

/// To whom the port belongs. This is the one place that decides between a session and a key.
fn owner(entry: &Entry) -> Owner {
    Owner::session(&entry.id)
}

fn listening(shared: &Shared, kind: Kind, port: u16) -> ListeningPort {
    let host = shared.ports.host();
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let url = match kind {
        Kind::Tcp => format!("tcp://{authority}"),
        Kind::WebSocket | Kind::Http => format!("ws://{authority}/"),
    };
    ListeningPort { host: host.to_owned(), port, url }
}
