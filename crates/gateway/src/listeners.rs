//! Names and the sessions behind them. A name lives exactly as long as one of its listeners.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use pageport_proto::Code;
use pageport_proto::head::Kind;
use pageport_proto::name::Name;

use crate::lifetime;
use crate::sessions::Entry;
use crate::shared::Shared;

/// All names that are listened to.
#[derive(Default)]
pub(crate) struct Listeners {
    by_name: RwLock<HashMap<Name, Found>>,
}

/// Who listens under a name, and to what.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) entry: Arc<Entry>,
    pub(crate) websocket: bool,
    pub(crate) http: bool,
}

/// A listener's place under its name; given back when this is dropped.
pub(crate) struct Place {
    pub(crate) name: Name,
    kind: Kind,
    entry: Arc<Entry>,
    shared: Arc<Shared>,
    _slot: lifetime::Slot,
}

impl Place {
    /// Takes a place under a name that the session may have.
    ///
    /// # Errors
    /// [`Code::ERR_LISTENER_LIMIT`] when the session has as many as it may, [`Code::ERR_LISTENER_EXISTS`] when it has this one,
    /// [`Code::ERR_NAME_TAKEN`] when another session is there.
    pub(crate) fn take(
        shared: &Arc<Shared>,
        entry: &Arc<Entry>,
        name: Name,
        kind: Kind,
    ) -> Result<Place, Code> {
        let limit = shared.policy.load().limits.listeners_per_session;
        let slot = entry.listeners.take(limit).ok_or(Code::ERR_LISTENER_LIMIT)?;
        match shared.listeners.write().entry(name.clone()) {
            Slot::Vacant(vacant) => {
                let mut found = Found { entry: Arc::clone(entry), websocket: false, http: false };
                *found.flag(kind) = true;
                vacant.insert(found);
            }
            Slot::Occupied(mut found) => {
                if !Arc::ptr_eq(&found.get().entry, entry) {
                    return Err(Code::ERR_NAME_TAKEN);
                }
                if std::mem::replace(found.get_mut().flag(kind), true) {
                    return Err(Code::ERR_LISTENER_EXISTS);
                }
            }
        }
        Ok(Place { name, kind, entry: Arc::clone(entry), shared: Arc::clone(shared), _slot: slot })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_name = self.shared.listeners.write();
        if let Slot::Occupied(mut found) = by_name.entry(self.name.clone())
            && Arc::ptr_eq(&found.get().entry, &self.entry)
        {
            *found.get_mut().flag(self.kind) = false;
            if !found.get().websocket && !found.get().http {
                found.remove();
            }
        }
    }
}

impl Found {
    fn flag(&mut self, kind: Kind) -> &mut bool {
        match kind {
            Kind::Http => &mut self.http,
            // A TCP listener has a port, not a name.
            Kind::WebSocket | Kind::Tcp => &mut self.websocket,
        }
    }
}

impl Listeners {
    /// Who listens under a name.
    pub(crate) fn find(&self, name: &Name) -> Option<Found> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// How many names there are.
    pub(crate) fn count(&self) -> usize {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Name, Found>> {
        self.by_name.write().unwrap_or_else(PoisonError::into_inner)
    }
}
