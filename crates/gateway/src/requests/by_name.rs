//! Listeners that have a name: `{name}.{base}`.

use std::sync::Arc;

use pageport_link::Stream;
use pageport_proto::Code;
use pageport_proto::head::{Kind, Listen, Listening, Reply};
use pageport_proto::name::Name;

use super::{hold, refuse};
use crate::listeners::Place;
use crate::sessions::Entry;
use crate::shared::Shared;

/// Gives a listener its name, and keeps it until the stream ends.
pub(super) async fn listen(shared: &Arc<Shared>, entry: &Arc<Entry>, wish: Listen, mut stream: Stream) {
    let place = match name(shared, entry, &wish).and_then(|name| Place::take(shared, entry, name, wish.kind))
    {
        Ok(place) => place,
        Err(code) => return refuse(shared, stream, code),
    };
    let url = match wish.kind {
        Kind::Http => shared.address.listener_http(&place.name),
        Kind::WebSocket | Kind::Tcp => shared.address.listener(&place.name),
    };
    let listening = Listening {
        name: place.name.to_string(),
        url: format!("{url}/"),
        path_url: shared.address.listener_by_path(&place.name),
    };
    if stream.respond(&Reply::Ok(listening)).is_err() {
        return;
    }
    tracing::info!(session = %entry.id, name = %place.name, kind = ?wish.kind, "listening");
    hold(shared, stream).await;
    tracing::info!(session = %entry.id, name = %place.name, kind = ?wish.kind, "no longer listening");
}

/// The name that a listener gets: a new random one, or the one it asks for.
fn name(shared: &Shared, entry: &Arc<Entry>, wish: &Listen) -> Result<Name, Code> {
    match &wish.name {
        None => loop {
            let mut bytes = [0; Name::RANDOM];
            getrandom::fill(&mut bytes).map_err(|_| Code::ERR_INTERNAL)?;
            if let Some(name) = Name::random(bytes) {
                return Ok(name);
            }
        },
        Some(text) => {
            let name = Name::parse(text).ok_or(Code::ERR_NAME_INVALID)?;
            let found = shared.listeners.find(&name).ok_or(Code::ERR_CLAIM_REQUIRED)?;
            if Arc::ptr_eq(&found.entry, entry) { Ok(name) } else { Err(Code::ERR_CLAIM_REQUIRED) }
        }
    }
}
