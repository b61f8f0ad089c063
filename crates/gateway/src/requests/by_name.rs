//! Listeners that have a name: `{name}.{base}`.

use std::sync::Arc;

use pageport_link::Stream;
use pageport_proto::Code;
use pageport_proto::claim::Subject;
use pageport_proto::head::{Claim, Kind, Listen, Listening, Reply};
use pageport_proto::name::Name;

use super::{hold, refuse};
use crate::lifetime::Slot;
use crate::listeners::{Place, Right};
use crate::names::Proven;
use crate::sessions::Entry;
use crate::shared::Shared;

/// Gives a listener its name, and keeps it until the stream ends.
pub(super) async fn listen(shared: &Arc<Shared>, entry: &Arc<Entry>, wish: Listen, mut stream: Stream) {
    let place = match place(shared, entry, &wish).await {
        Ok(place) => place,
        Err(code) => return refuse(shared, stream, code),
    };
    if stream.respond(&Reply::Ok(listening(shared, entry, wish.kind, &place.name))).is_err() {
        return;
    }
    tracing::info!(session = %entry.id, name = %place.name, kind = ?wish.kind, "listening");
    hold(shared, stream, place.replaced()).await;
    tracing::info!(session = %entry.id, name = %place.name, kind = ?wish.kind, "no longer listening");
}

/// Where others find it.
fn listening(shared: &Shared, entry: &Entry, kind: Kind, name: &Name) -> Listening {
    let url = match kind {
        Kind::Http => format!("{}/", shared.address.listener_http(name)),
        Kind::WebSocket | Kind::Tcp => format!("{}/", shared.address.listener(name)),
        Kind::Page => format!("page:{name}"),
    };
    // A page of the local network finds the base domain's names at its own machine.
    let lan = shared.lan.as_ref().filter(|lan| entry.caller.is_of(&lan.origin));
    let by_path = lan.map_or(&shared.address, |lan| &lan.address);
    let path_url = if kind == Kind::Page { url.clone() } else { by_path.listener_by_path(name) };
    Listening { name: name.to_string(), url, path_url }
}

async fn place(shared: &Arc<Shared>, entry: &Arc<Entry>, wish: &Listen) -> Result<Place, Code> {
    let limit = shared.policy.load().limits.listeners_per_session;
    let slot = entry.listeners.take(limit).ok_or(Code::ERR_LISTENER_LIMIT)?;
    match &wish.name {
        None => draw(shared, entry, wish.kind, slot),
        Some(text) => {
            let name =
                Name::parse(text).filter(|name| name.as_str() == text).ok_or(Code::ERR_NAME_INVALID)?;
            if !entry.caller.may(wish.kind, Some(&name)) {
                return Err(Code::ERR_LISTEN_FORBIDDEN);
            }
            let (right, proven) = right(shared, entry, &name, wish.claim.as_ref()).await?;
            let place = Place::take(shared, entry, name.clone(), wish.kind, right, slot);
            if let (Err(_), Some(proven)) = (&place, proven)
                && !shared.listeners.has(entry, &name)
            {
                entry.claims.release(&proven);
            }
            place
        }
    }
}

fn draw(shared: &Arc<Shared>, entry: &Arc<Entry>, kind: Kind, slot: Slot) -> Result<Place, Code> {
    loop {
        let mut bytes = [0; Name::RANDOM];
        getrandom::fill(&mut bytes).map_err(|_| Code::ERR_INTERNAL)?;
        if let Some(name) = Name::random(bytes) {
            return Place::take(shared, entry, name, kind, Right::Drawn, slot);
        }
    }
}

/// Why the session may have this name, and what has proven it. What it has needs no proof; a chosen name is bound to its key here, for good.
async fn right(
    shared: &Shared,
    entry: &Arc<Entry>,
    name: &Name,
    claim: Option<&Claim>,
) -> Result<(Right, Option<Proven>), Code> {
    if shared.listeners.has(entry, name) {
        return Ok((Right::Held, None));
    }
    let derived = claim.map(|claim| claim.slot.is_some());
    if name.is_reserved() || (derived == Some(false) && name.is_random_form()) {
        return Err(Code::ERR_NAME_RESERVED);
    }
    let claim = claim.ok_or(Code::ERR_CLAIM_REQUIRED)?;
    let proven = entry.verify(shared, claim, &Subject::Name(name.clone()))?;
    if claim.slot.is_none() {
        let policy = shared.policy.load_full();
        let bound = shared.names.bind(name, &proven.key, &policy.limits).await;
        bound.inspect_err(|_| entry.claims.release(&proven))?;
    }
    Ok((Right::Claimed(proven.key.clone()), Some(proven)))
}
