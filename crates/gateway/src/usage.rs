//! What a credential uses of what it allows, over all its sessions: listeners at once, visitors in a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use pageport_proto::Code;

use crate::front::admission::{Caller, CredentialId};
use crate::lifetime::{Slot, Slots};
use crate::rate::Rate;

/// Of every credential that a session has.
#[derive(Default)]
pub(crate) struct Usages(Mutex<HashMap<CredentialId, Weak<Usage>>>);

/// Of one credential.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    listeners: Slots,
    visitors: Rate,
}

/// A listener counts against its credential for as long as it has this.
#[derive(Debug)]
pub(crate) struct Seat {
    _slot: Option<Slot>,
}

impl Usages {
    /// Of this caller's credential; without one nothing is counted together.
    pub(crate) fn of(&self, caller: &Caller) -> Arc<Usage> {
        let Some(id) = caller.credential_id() else { return Arc::default() };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(usage) = known.get(&id).and_then(Weak::upgrade) {
            return usage;
        }
        // As many as there are sessions, but for those that ended since the table last grew.
        if known.len() == known.capacity() {
            known.retain(|_, usage| usage.strong_count() > 0);
        }
        let usage = Arc::default();
        known.insert(id, Arc::downgrade(&usage));
        usage
    }
}

impl Usage {
    /// A place for one more listener.
    ///
    /// # Errors
    /// [`Code::ERR_LISTEN_FORBIDDEN`] when the credential allows no more.
    pub(crate) fn seat(&self, caller: &Caller) -> Result<Seat, Code> {
        let slot = match caller.grants().and_then(|grants| grants.listeners) {
            Some(limit) => Some(self.listeners.take(limit).ok_or(Code::ERR_LISTEN_FORBIDDEN)?),
            None => None,
        };
        Ok(Seat { _slot: slot })
    }

    /// One more visitor.
    ///
    /// # Errors
    /// [`Code::ERR_RATE_LIMIT`] when the credential allows no more now.
    pub(crate) fn visit(&self, caller: &Caller) -> Result<(), Code> {
        match caller.grants().and_then(|grants| grants.rate) {
            Some(limit) if !self.visitors.take(limit, Instant::now()) => Err(Code::ERR_RATE_LIMIT),
            _ => Ok(()),
        }
    }
}
