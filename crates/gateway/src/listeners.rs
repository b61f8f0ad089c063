//! Names and the sessions that have them. A name that was drawn lives exactly as long as one of its listeners; one that was proven
//! stays with its session until that ends, or a newer session of the same key takes it over.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use pageport_link::SessionState;
use pageport_proto::Code;
use pageport_proto::claim::Key;
use pageport_proto::head::Kind;
use pageport_proto::hello::SessionId;
use pageport_proto::name::{Name, Skeleton};
use tokio_util::sync::CancellationToken;

use crate::lifetime;
use crate::sessions::Entry;
use crate::shared::Shared;
use crate::usage::Seat;

/// All names that sessions have.
#[derive(Default)]
pub(crate) struct Listeners(RwLock<State>);

#[derive(Default)]
struct State {
    by_name: HashMap<Name, Held>,
    /// What each session has proven, in this order.
    proven: HashMap<SessionId, VecDeque<Name>>,
    /// Random names, by what chosen ones must not look like.
    random: HashMap<Skeleton, Name>,
}

/// A session has a name.
struct Held {
    entry: Arc<Entry>,
    /// Whose it is; `None` for one that was drawn.
    key: Option<Key>,
    websocket: Option<Seat>,
    http: Option<Seat>,
    page: Option<Seat>,
    replaced: CancellationToken,
}

/// Who listens under a name, and to what.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) entry: Arc<Entry>,
    pub(crate) websocket: bool,
    pub(crate) http: bool,
    pub(crate) page: bool,
}

/// Why a session may have a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Right {
    /// The gateway has just drawn it.
    Drawn,
    /// It has it already.
    Held,
    /// It has just proven that the name is this key's.
    Claimed(Key),
}

/// A listener's place under its name; given back when this is dropped.
pub(crate) struct Place {
    pub(crate) name: Name,
    kind: Kind,
    entry: Arc<Entry>,
    shared: Arc<Shared>,
    replaced: CancellationToken,
    _slot: lifetime::Slot,
}

impl Place {
    /// Takes a place under a name, and the name from an older session of the same key.
    ///
    /// # Errors
    /// [`Code::ERR_LISTENER_EXISTS`] when the session has this one, [`Code::ERR_NAME_TAKEN`] when another session has the name,
    /// [`Code::ERR_NAME_REPLACED`] when it had it until a moment ago, [`Code::ERR_LISTENER_LIMIT`] when it has proven too many.
    pub(crate) fn take(
        shared: &Arc<Shared>,
        entry: &Arc<Entry>,
        name: Name,
        kind: Kind,
        right: Right,
        slot: lifetime::Slot,
    ) -> Result<Place, Code> {
        let limit = shared.policy.load().limits.names_per_session;
        let mut state = shared.listeners.write();
        let seat = entry.seat();
        if seat.is_err() && !state.gives_seat_back(entry, &name) {
            return Err(Code::ERR_LISTEN_FORBIDDEN);
        }
        state.grant(entry, &name, right, limit)?;
        let Some(held) = state.by_name.get_mut(&name) else { return Err(Code::ERR_INTERNAL) };
        let replaced = held.replaced.clone();
        match held.listener(kind) {
            Some(_) => return Err(Code::ERR_LISTENER_EXISTS),
            // Taking over has made room.
            free => *free = Some(seat.or_else(|_| entry.seat())?),
        }
        drop(state);
        let (entry, shared) = (Arc::clone(entry), Arc::clone(shared));
        Ok(Place { name, kind, entry, shared, replaced, _slot: slot })
    }

    /// Resolves when a newer session has taken the name.
    pub(crate) fn replaced(&self) -> impl Future<Output = ()> + use<> {
        self.replaced.clone().cancelled_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shared.listeners.write();
        // The session may have lost the name and proven it again: then its listeners are others.
        if self.replaced.is_cancelled() {
            return;
        }
        let Some(held) = state.by_name.get_mut(&self.name) else { return };
        if !Arc::ptr_eq(&held.entry, &self.entry) {
            return;
        }
        *held.listener(self.kind) = None;
        if held.key.is_none() && !held.is_listened_to() {
            state.remove(&self.name);
        }
    }
}

impl Held {
    fn listener(&mut self, kind: Kind) -> &mut Option<Seat> {
        match kind {
            Kind::Http => &mut self.http,
            Kind::Page => &mut self.page,
            // A TCP listener has a port, not a name.
            Kind::WebSocket | Kind::Tcp => &mut self.websocket,
        }
    }

    fn is_listened_to(&self) -> bool {
        self.websocket.is_some() || self.http.is_some() || self.page.is_some()
    }
}

impl State {
    /// Makes the name the session's own.
    fn grant(&mut self, entry: &Arc<Entry>, name: &Name, right: Right, limit: u64) -> Result<(), Code> {
        let held = self.by_name.get(name);
        let own = held.is_some_and(|held| Arc::ptr_eq(&held.entry, entry));
        match right {
            Right::Held if own => return Ok(()),
            Right::Held => return Err(Code::ERR_NAME_REPLACED),
            // What looks like one that another session was given by chance could be taken for it.
            Right::Claimed(_) if !name.is_random_form() && self.random.contains_key(&name.skeleton()) => {
                return Err(Code::ERR_NAME_TAKEN);
            }
            Right::Claimed(ref key) if held.is_none_or(|held| held.key.as_ref() == Some(key)) => {}
            Right::Drawn if held.is_none() => {}
            Right::Claimed(_) | Right::Drawn => return Err(Code::ERR_NAME_TAKEN),
        }
        // Whoever has ended has given everything back, and would never do so again.
        if matches!(entry.session.state(), SessionState::Closed(_)) {
            return Err(Code::ERR_SESSION_CLOSED);
        }
        if own {
            return Ok(());
        }
        let key = if let Right::Claimed(key) = right { Some(key) } else { None };
        if key.is_some() {
            self.make_room(&entry.id, limit)?;
            self.remove(name);
            self.proven.entry(entry.id.clone()).or_default().push_back(name.clone());
        }
        if name.is_random_form() {
            self.random.insert(name.skeleton(), name.clone());
        }
        let (entry, replaced) = (Arc::clone(entry), CancellationToken::new());
        self.by_name
            .insert(name.clone(), Held { entry, key, websocket: None, http: None, page: None, replaced });
        Ok(())
    }

    /// Whether taking the name over frees a place among the listeners of the same credential.
    fn gives_seat_back(&self, entry: &Arc<Entry>, name: &Name) -> bool {
        self.by_name.get(name).is_some_and(|held| {
            !Arc::ptr_eq(&held.entry, entry)
                && Arc::ptr_eq(&held.entry.usage, &entry.usage)
                && held.is_listened_to()
        })
    }

    /// Of too many names that a session has proven, the first one that nobody listens to goes; it can be proven again.
    fn make_room(&mut self, session: &SessionId, limit: u64) -> Result<(), Code> {
        let Some(names) = self.proven.get(session) else { return Ok(()) };
        if u64::try_from(names.len()).is_ok_and(|proven| proven < limit) {
            return Ok(());
        }
        let idle = |name: &&Name| self.by_name.get(name).is_some_and(|held| !held.is_listened_to());
        let idle = names.iter().find(idle).cloned().ok_or(Code::ERR_LISTENER_LIMIT)?;
        self.remove(&idle);
        Ok(())
    }

    /// Takes a name from whoever has it, and tells its listeners.
    fn remove(&mut self, name: &Name) {
        let Some(held) = self.by_name.remove(name) else { return };
        held.replaced.cancel();
        if held.key.is_some()
            && let Some(proven) = self.proven.get_mut(&held.entry.id)
        {
            proven.retain(|other| other != name);
            if proven.is_empty() {
                self.proven.remove(&held.entry.id);
            }
        }
        if name.is_random_form() {
            self.random.remove(&name.skeleton());
        }
    }
}

impl Listeners {
    /// Who listens under a name.
    pub(crate) fn find(&self, name: &Name) -> Option<Found> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let held = state.by_name.get(name).filter(|held| held.is_listened_to())?;
        Some(Found {
            entry: Arc::clone(&held.entry),
            websocket: held.websocket.is_some(),
            http: held.http.is_some(),
            page: held.page.is_some(),
        })
    }

    /// Whether the session has the name.
    pub(crate) fn has(&self, entry: &Arc<Entry>, name: &Name) -> bool {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        state.by_name.get(name).is_some_and(|held| Arc::ptr_eq(&held.entry, entry))
    }

    /// The session has ended: what it had proven is nobody's. What it drew goes with its listeners.
    pub(crate) fn forget(&self, entry: &Entry) {
        let mut state = self.write();
        for name in state.proven.get(&entry.id).cloned().unwrap_or_default() {
            state.remove(&name);
        }
    }

    /// Every name that belongs to a key and that somebody has.
    pub(crate) fn proven(&self) -> Vec<Name> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        state.proven.values().flatten().cloned().collect()
    }

    /// How many names are listened to.
    pub(crate) fn count(&self) -> usize {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        state.by_name.values().filter(|held| held.is_listened_to()).count()
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
