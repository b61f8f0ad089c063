//! Public ports: which exist, whose each one is, and what rests after its listener has gone.
//!
//! | module | what |
//! |---|---|
//! | `accept` | a listener's sockets, and how many connections it may have |
//! | `visitor` | a TCP connection that waits for its page |
//!
//! Must never open a port outside of the operator's range, or one that somebody else has.

pub(crate) mod accept;
mod visitor;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pageport_proto::Code;
use pageport_proto::claim::Key;
use pageport_proto::hello::SessionId;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::bind;
use crate::config::Tcp;
use crate::front::admission::CredentialId;
use crate::sessions::Entry;
use crate::shared::Shared;

/// All public ports of a gateway.
pub(crate) struct Ports {
    /// What the operator allows; `None`: nothing.
    allowed: Option<Tcp>,
    /// Ports that somebody has. A port that is not here may still be taken by another program.
    held: Mutex<HashMap<u16, Held>>,
}

/// To whom a port is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A session that has proven nothing: the port goes with it.
    Session(SessionId),
    /// Whoever has the key, in whichever session.
    Key(Key),
}

struct Held {
    owner: Owner,
    /// Who has it, or had it last: needs no second proof.
    session: SessionId,
    /// What that session was let in for.
    credential: Option<CredentialId>,
    state: State,
}

enum State {
    /// Somebody listens.
    Open(Turn),
    /// Nobody does, and nobody else may before this.
    Resting(Instant),
}

/// One listener's time at a port.
#[derive(Clone)]
struct Turn {
    /// A newer session of the same key wants the port.
    replaced: CancellationToken,
    /// The port is closed.
    over: CancellationToken,
}

/// A port that somebody listens at. When it is dropped, after its sockets, the port rests.
pub(crate) struct Place {
    pub(crate) port: u16,
    turn: Turn,
    /// How many listeners its credential allows.
    listeners: Option<u64>,
    shared: Arc<Shared>,
}

impl Place {
    /// Opens the port that is wanted, or with 0 the owner's last one, or any. The same key in another session gives it up.
    ///
    /// # Errors
    /// [`Code::ERR_PORT_UNAVAILABLE`].
    pub(crate) async fn take(
        shared: &Arc<Shared>,
        entry: &Entry,
        owner: &Owner,
        wanted: u16,
    ) -> Result<(Place, Vec<TcpListener>), Code> {
        if let Some(older) = shared.ports.older(&entry.id, owner, wanted) {
            older.replaced.cancel();
            older.over.cancelled().await;
        }
        let turn = Turn { replaced: CancellationToken::new(), over: CancellationToken::new() };
        let (port, sockets) = shared.ports.open(owner, entry, wanted, &turn)?;
        let listeners = entry.caller.grants().and_then(|grants| grants.listeners);
        Ok((Place { port, turn, listeners, shared: Arc::clone(shared) }, sockets))
    }

    /// Cancelled when the port is closed.
    pub(crate) fn over(&self) -> CancellationToken {
        self.turn.over.clone()
    }

    /// Resolves when a newer session of the same key wants the port.
    pub(crate) fn replaced(&self) -> impl Future<Output = ()> + use<> {
        self.turn.replaced.clone().cancelled_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let policy = self.shared.policy.load();
        let rests = Instant::now() + policy.limits.port_rest;
        self.shared.ports.rest(self.port, rests, policy.limits.listeners_per_session, self.listeners);
        self.turn.over.cancel();
    }
}

impl Ports {
    pub(crate) fn new(allowed: Option<Tcp>) -> Ports {
        Ports { allowed, held: Mutex::default() }
    }

    /// What the operator allows.
    pub(crate) fn allowed(&self) -> Option<&Tcp> {
        self.allowed.as_ref()
    }

    /// What clients connect to.
    pub(crate) fn host(&self) -> &str {
        self.allowed.as_ref().map_or("", |tcp| &tcp.host)
    }

    /// At how many ports somebody listens.
    pub(crate) fn count(&self) -> usize {
        self.lock().values().filter(|held| matches!(held.state, State::Open(_))).count()
    }

    /// Whether this session had the port last, so that it is still its own.
    pub(crate) fn has(&self, session: &SessionId, port: u16) -> bool {
        self.lock().get(&port).is_some_and(|held| held.session == *session)
    }

    /// The listener of the same key in another session.
    fn older(&self, session: &SessionId, owner: &Owner, port: u16) -> Option<Turn> {
        match self.lock().get(&port) {
            Some(Held { owner: other, session: older, state: State::Open(turn), .. })
                if matches!(owner, Owner::Key(_)) && other == owner && older != session =>
            {
                Some(turn.clone())
            }
            _ => None,
        }
    }

    /// A port whose listener has gone. Resting costs its holder nothing, so nobody has more ports at rest than listeners: `most` for a
    /// session or key, `allowed` for a credential that is limited.
    fn rest(&self, port: u16, until: Instant, most: u64, allowed: Option<u64>) {
        let mut all = self.lock();
        let Some(held) = all.get_mut(&port) else { return };
        held.state = State::Resting(until);
        let (owner, session, credential) =
            (held.owner.clone(), held.session.clone(), held.credential.clone());
        free_earliest(&mut all, most, |held| held.owner == owner || held.session == session);
        if let (Some(allowed), true) = (allowed, credential.is_some()) {
            free_earliest(&mut all, allowed, |held| held.credential == credential);
        }
    }

    fn open(
        &self,
        owner: &Owner,
        entry: &Entry,
        wanted: u16,
        turn: &Turn,
    ) -> Result<(u16, Vec<TcpListener>), Code> {
        let tcp = self.allowed.as_ref().ok_or(Code::ERR_PORT_UNAVAILABLE)?;
        let mut held = self.lock();
        let now = Instant::now();
        held.retain(|_, held| !matches!(held.state, State::Resting(until) if until <= now));
        let session = &entry.id;
        let own = |held: &Held| held.owner == *owner || held.session == *session;
        let candidates = match wanted {
            0 => candidates(tcp, &held, own)?,
            port if tcp.ports.contains(&port) => vec![port],
            _ => Vec::new(),
        };
        let free = |port: &u16| match held.get(port) {
            None => true,
            Some(held) => own(held) && matches!(held.state, State::Resting(_)),
        };
        let mut warned = false;
        for port in candidates.into_iter().filter(free) {
            match bind::port(tcp.bind, port) {
                Ok(sockets) => {
                    let state = State::Open(turn.clone());
                    // What a key has proven stays with it.
                    let owner = match held.remove(&port) {
                        Some(Held { owner: key @ Owner::Key(_), .. }) => key,
                        _ => owner.clone(),
                    };
                    let (session, credential) = (session.clone(), entry.caller.credential_id());
                    held.insert(port, Held { owner, session, credential, state });
                    return Ok((port, sockets));
                }
                // Another program has it.
                Err(error) if error.code() == Code::ERR_ADDRESS_IN_USE => {}
                Err(error) => {
                    // Ports below 1024 may be forbidden and others not; whatever else is wrong is so with all of them.
                    let goes_on = error.error.kind() == io::ErrorKind::PermissionDenied;
                    if !std::mem::replace(&mut warned, true) {
                        tracing::warn!(%error, "a public port cannot be opened");
                    }
                    if !goes_on {
                        break;
                    }
                }
            }
        }
        Err(Code::ERR_PORT_UNAVAILABLE)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u16, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of the ports that rest for one holder so many stay, the newest.
fn free_earliest(held: &mut HashMap<u16, Held>, most: u64, is_own: impl Fn(&Held) -> bool) {
    let mut resting = resting(held, is_own);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    resting.truncate(resting.len().saturating_sub(most));
    for port in resting {
        held.remove(&port);
    }
}

/// What rests for one holder, the earliest first.
fn resting(held: &HashMap<u16, Held>, is_own: impl Fn(&Held) -> bool) -> Vec<u16> {
    let mut own: Vec<_> = held
        .iter()
        .filter(|(_, held)| is_own(held))
        .filter_map(|(port, held)| match held.state {
            State::Resting(until) => Some((until, *port)),
            State::Open(_) => None,
        })
        .collect();
    own.sort_unstable();
    own.into_iter().map(|(_, port)| port).collect()
}

/// What to try for "any": what rests for this owner, then the whole range from a random place on.
fn candidates(
    tcp: &Tcp,
    held: &HashMap<u16, Held>,
    is_own: impl Fn(&Held) -> bool,
) -> Result<Vec<u16>, Code> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|_| Code::ERR_INTERNAL)?;
    let mut range: Vec<u16> = tcp.ports.clone().collect();
    let start = usize::try_from(u32::from_ne_bytes(random)).unwrap_or(0) % range.len();
    range.rotate_left(start);
    Ok(resting(held, is_own).into_iter().chain(range).collect())
}
