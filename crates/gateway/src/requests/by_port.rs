//! Listeners at a public port of the operator's range.

use std::sync::Arc;

use pageport_link::Stream;
use pageport_proto::Code;
use pageport_proto::claim::Subject;
use pageport_proto::head::{Kind, Listen, ListeningPort, Reply};

use super::{hold, refuse};
use crate::names::Proven;
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
    let limit = shared.policy.load().limits.listeners_per_session;
    let Some(_slot) = entry.listeners.take(limit) else {
        return refuse(shared, stream, Code::ERR_LISTENER_LIMIT);
    };
    let _seat = match entry.seat() {
        Ok(seat) => seat,
        Err(code) => return refuse(shared, stream, code),
    };
    let taken = match owner(shared, entry, &wish, wanted) {
        Ok((owner, proven)) => {
            let taken = Place::take(shared, entry, &owner, wanted).await;
            if let (Err(_), Some(proven)) = (&taken, proven) {
                entry.claims.release(&proven);
            }
            taken
        }
        Err(code) => Err(code),
    };
    let (place, sockets) = match taken {
        Ok(taken) => taken,
        Err(code) => return refuse(shared, stream, code),
    };
    let listener = Listener::new(shared, entry, wish.kind, &place);
    let slash = if wish.kind == Kind::Tcp { "" } else { "/" };
    let listening = ListeningPort {
        host: shared.ports.host().to_owned(),
        port: place.port,
        url: format!("{}{slash}", listener.url()),
    };
    if stream.respond(&Reply::Ok(listening)).is_err() {
        return;
    }
    tracing::info!(session = %entry.id, port = place.port, kind = ?wish.kind, "listening");
    let accepting = listener.run(sockets);
    tokio::select! {
        () = accepting => {}
        () = hold(shared, stream, place.replaced()) => {}
    }
    tracing::info!(session = %entry.id, port = place.port, kind = ?wish.kind, "no longer listening");
}

/// To whom the port belongs: to the key of the claim, or just to this session. What the session has needs no proof.
fn owner(
    shared: &Shared,
    entry: &Entry,
    wish: &Listen,
    wanted: u16,
) -> Result<(Owner, Option<Proven>), Code> {
    match &wish.claim {
        Some(claim) if !shared.ports.has(&entry.id, wanted) => {
            let proven = entry.verify(shared, claim, &Subject::Port(wanted))?;
            Ok((Owner::Key(proven.key.clone()), Some(proven)))
        }
        _ => Ok((Owner::Session(entry.id.clone()), None)),
    }
}
