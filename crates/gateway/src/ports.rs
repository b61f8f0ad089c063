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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pageport_proto::Code;
use pageport_proto::hello::SessionId;
use tokio::net::TcpListener;

use crate::bind;
use crate::config::Tcp;
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
pub(crate) struct Owner(SessionId);

impl Owner {
    /// A session that has proven nothing: the port goes with it.
    pub(crate) fn session(id: &SessionId) -> Owner {
        Owner(id.clone())
    }
}

struct Held {
    owner: Owner,
    /// `None` while somebody listens; then until when it is kept.
    rests: Option<Instant>,
}

/// A port that somebody listens at. When it is dropped the port rests.
pub(crate) struct Place {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

impl Place {
    /// Opens the port that is wanted, or with 0 the owner's last one, or any.
    ///
    /// # Errors
    /// [`Code::ERR_PORT_UNAVAILABLE`].
    pub(crate) fn take(
        shared: &Arc<Shared>,
        owner: &Owner,
        wanted: u16,
    ) -> Result<(Place, Vec<TcpListener>), Code> {
        let (port, sockets) = shared.ports.open(owner, wanted)?;
        Ok((Place { port, shared: Arc::clone(shared) }, sockets))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let rests = Instant::now() + self.shared.policy.load().limits.port_rest;
        if let Some(held) = self.shared.ports.lock().get_mut(&self.port) {
            held.rests = Some(rests);
        }
    }
}

impl Ports {
    pub(crate) fn new(allowed: Option<Tcp>) -> Ports {
        Ports { allowed, held: Mutex::default() }
    }

    /// What clients connect to.
    pub(crate) fn host(&self) -> &str {
        self.allowed.as_ref().map_or("", |tcp| &tcp.host)
    }

    /// At how many ports somebody listens.
    pub(crate) fn count(&self) -> usize {
        self.lock().values().filter(|held| held.rests.is_none()).count()
    }

    fn open(&self, owner: &Owner, wanted: u16) -> Result<(u16, Vec<TcpListener>), Code> {
        let tcp = self.allowed.as_ref().ok_or(Code::ERR_PORT_UNAVAILABLE)?;
        let mut held = self.lock();
        let now = Instant::now();
        held.retain(|_, held| held.rests.is_none_or(|until| now < until));
        let candidates = match wanted {
            0 => candidates(tcp, &held, owner)?,
            port if tcp.ports.contains(&port) => vec![port],
            _ => Vec::new(),
        };
        let free =
            |port: &u16| held.get(port).is_none_or(|held| held.rests.is_some() && held.owner == *owner);
        for port in candidates.into_iter().filter(free) {
            match bind::port(tcp.bind, port) {
                Ok(sockets) => {
                    held.insert(port, Held { owner: owner.clone(), rests: None });
                    return Ok((port, sockets));
                }
                // Another program has it.
                Err(error) if error.code() == Code::ERR_ADDRESS_IN_USE => {}
                Err(error) => tracing::warn!(%error, "a public port cannot be opened"),
            }
        }
        Err(Code::ERR_PORT_UNAVAILABLE)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u16, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to try for "any": what rests for this owner, then the whole range from a random place on.
fn candidates(tcp: &Tcp, held: &HashMap<u16, Held>, owner: &Owner) -> Result<Vec<u16>, Code> {
    let mut own: Vec<_> = held
        .iter()
        .filter(|(_, held)| held.owner == *owner)
        .filter_map(|(port, held)| Some((held.rests?, *port)))
        .collect();
    own.sort_unstable();
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|_| Code::ERR_INTERNAL)?;
    let mut range: Vec<u16> = tcp.ports.clone().collect();
    let start = usize::try_from(u32::from_ne_bytes(random)).unwrap_or(0) % range.len();
    range.rotate_left(start);
    Ok(own.into_iter().map(|(_, port)| port).chain(range).collect())
}
