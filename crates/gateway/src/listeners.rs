//! Names and the sessions behind them. A name lives exactly as long as its claim.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use pageport_proto::Code;
use pageport_proto::name::Name;

use crate::lifetime::Slot;
use crate::sessions::Entry;
use crate::shared::Shared;

/// All names that are listened to.
#[derive(Default)]
pub(crate) struct Listeners {
    by_name: RwLock<HashMap<Name, Arc<Entry>>>,
}

/// A name that is taken; given back when this is dropped.
pub(crate) struct Claim {
    pub(crate) name: Name,
    shared: Arc<Shared>,
    _slot: Slot,
}

impl Claim {
    /// Takes a random name for a session.
    ///
    /// # Errors
    /// [`Code::ERR_LISTENER_LIMIT`] when the session has as many as it may.
    pub(crate) fn random(shared: &Arc<Shared>, entry: &Arc<Entry>) -> Result<Claim, Code> {
        let limit = shared.policy.load().limits.listeners_per_session;
        let slot = entry.listeners.take(limit).ok_or(Code::ERR_LISTENER_LIMIT)?;
        let mut bytes = [0; Name::RANDOM];
        getrandom::fill(&mut bytes).map_err(|_| Code::ERR_INTERNAL)?;
        let name = Name::random(bytes);
        let mut by_name = shared.listeners.by_name.write().unwrap_or_else(PoisonError::into_inner);
        // 65 random bits that are taken already are no accident.
        if by_name.contains_key(&name) {
            return Err(Code::ERR_INTERNAL);
        }
        by_name.insert(name.clone(), Arc::clone(entry));
        Ok(Claim { name, shared: Arc::clone(shared), _slot: slot })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let by_name = &self.shared.listeners.by_name;
        by_name.write().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

impl Listeners {
    /// The session that listens under a name.
    pub(crate) fn find(&self, name: &Name) -> Option<Arc<Entry>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}
