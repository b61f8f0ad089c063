//! Carriers over plain requests: found again by the id in each body, and only by whoever began them.
//!
//! Unlike every other carrier these belong to no connection, so they are counted here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pageport_link::{Carrier, HttpLimits, HttpLine};
use pageport_proto::Code;
use pageport_proto::numbered::Id;

use crate::config;
use crate::front::admission::Applicant;
use crate::front::respond::{Refusal, retry_soon};
use crate::lifetime::{Slot, Slots};
use crate::sessions;
use crate::shared::Shared;

/// All carriers over plain requests, by id.
#[derive(Default)]
pub(crate) struct HttpCarriers {
    by_id: Mutex<HashMap<Id, Known>>,
    slots: Slots,
}

struct Known {
    line: HttpLine,
    /// Who made its first request; nobody else may make another.
    applicant: Applicant,
    _slot: Slot,
}

/// Whoever makes a request, and how the gateway is known there.
pub(crate) struct Caller<'a> {
    pub(crate) applicant: &'a Applicant,
    pub(crate) peer: SocketAddr,
    /// The gateway's own origin.
    pub(crate) origin: Box<str>,
}

/// Where a request of this carrier belongs. `first`: it may be the first one, and then begins the carrier.
///
/// # Errors
/// [`Code::ERR_CARRIER_UNKNOWN`], [`Code::ERR_ATTACH_ORIGIN`]; [`Code::ERR_GOING_AWAY`] and [`Code::ERR_CONNECTION_LIMIT`] when no
/// carrier may begin.
pub(crate) fn find(
    shared: &Arc<Shared>,
    id: &Id,
    caller: &Caller<'_>,
    first: bool,
) -> Result<HttpLine, Refusal> {
    let limits = &shared.policy.load().limits;
    let mut by_id = shared.http_carriers.lock();
    let vacant = match by_id.entry(id.clone()) {
        Entry::Occupied(known) if known.get().applicant == *caller.applicant => {
            return Ok(known.get().line.clone());
        }
        Entry::Occupied(_) => return Err(Code::ERR_ATTACH_ORIGIN.into()),
        Entry::Vacant(_) if !first => return Err(Code::ERR_CARRIER_UNKNOWN.into()),
        Entry::Vacant(vacant) => vacant,
    };
    if shared.lifetime.is_draining() {
        return Err(retry_soon(Code::ERR_GOING_AWAY));
    }
    let slot = shared.http_carriers.slots.take(limits.http_carriers);
    let slot = slot.ok_or_else(|| retry_soon(Code::ERR_CONNECTION_LIMIT))?;
    let (carrier, line) = Carrier::http_server(http_limits(limits), shared.budget.clone());
    let applicant = caller.applicant.clone();
    vacant.insert(Known { line: line.clone(), applicant: applicant.clone(), _slot: slot });
    let (owner, id, peer, origin) = (Arc::clone(shared), id.clone(), caller.peer, caller.origin.clone());
    let over = line.clone();
    shared.lifetime.spawn(async move {
        sessions::arrive(&owner, peer, carrier, applicant, origin).await;
        over.forgotten().await;
        owner.http_carriers.lock().remove(&id);
    });
    Ok(line)
}

impl HttpCarriers {
    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Known>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn http_limits(limits: &config::Limits) -> HttpLimits {
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    HttpLimits {
        uploads: size(limits.http_uploads),
        order: limits.http_order,
        answer_bytes: size(limits.http_answer_bytes),
        answer_time: limits.http_answer_time,
        kept: size(limits.http_kept),
    }
}
