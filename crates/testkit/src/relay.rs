//! A TCP relay between a client and a target that behaves as a bad network does, on command.
//!
//! Bytes are counted over all connections of a direction, so that a cut "after n more bytes" falls on an exact byte.

mod pump;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the kernel may hold of each direction. Much less makes a loopback, whose packets have 64 KiB, slow.
const BUFFER: u32 = 256 * 1024;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the target.
    Up,
    /// From the target to the client.
    Down,
}

/// How connections end when they are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// RST: both ends see an error.
    Reset,
    /// FIN: both ends see the end of the other's direction.
    Fin,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes that reached the target's socket.
    pub up: u64,
    /// Bytes that reached the client's socket.
    pub down: u64,
    /// Connections that were accepted and relayed.
    pub connections: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Connections that were turned away.
    pub refused: u64,
    /// How often all connections were cut.
    pub cuts: u64,
    /// Bytes that were flipped or left out.
    pub damaged: u64,
}

/// The relay; it ends when it is dropped.
#[derive(Debug)]
pub struct CutRelay {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    plan: Mutex<Plan>,
    /// How often connections were cut, and how the last time.
    cuts: watch::Sender<(u64, Cut)>,
    /// Which directions let nothing through: up, down.
    stalled: watch::Sender<(bool, bool)>,
}

#[derive(Debug, Default)]
struct Plan {
    up: Lane,
    down: Lane,
    refuse: bool,
    counts: Counts,
}

/// One direction, over all connections.
#[derive(Debug, Default)]
struct Lane {
    /// Bytes that came in.
    seen: u64,
    cut: Option<(u64, Cut)>,
    /// Positions of bytes to flip, and of ranges to leave out.
    flips: Vec<u64>,
    gaps: Vec<(u64, u64)>,
}

impl CutRelay {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn to(target: SocketAddr) -> io::Result<CutRelay> {
        CutRelay::listen(SocketAddr::from(([127, 0, 0, 1], 0)), target).await
    }

    /// Listens on `address`.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn listen(address: SocketAddr, target: SocketAddr) -> io::Result<CutRelay> {
        let socket = small_socket(address)?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(1024)?;
        let shared = Arc::new(Shared {
            plan: Mutex::default(),
            cuts: watch::Sender::new((0, Cut::Reset)),
            stalled: watch::Sender::new((false, false)),
        });
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(Arc::clone(&shared), listener, target));
        Ok(CutRelay { address, shared, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts all connections now.
    pub fn cut(&self, how: Cut) {
        self.shared.cut(how);
    }

    /// Lets `bytes` more bytes through in a direction, and then cuts all connections.
    pub fn cut_after(&self, direction: Direction, bytes: u64, how: Cut) {
        let mut plan = self.shared.plan();
        let lane = plan.lane(direction);
        lane.cut = Some((lane.seen + bytes, how));
    }

    /// Lets nothing through any more, without a word to anyone.
    pub fn stall(&self) {
        self.shared.stalled.send_replace((true, true));
    }

    /// The same in one direction only.
    pub fn stall_only(&self, direction: Direction) {
        self.shared.stalled.send_replace((direction == Direction::Up, direction == Direction::Down));
    }

    /// Goes on after [`CutRelay::stall`].
    pub fn resume(&self) {
        self.shared.stalled.send_replace((false, false));
    }

    /// Whether new connections are closed as soon as they come.
    pub fn refuse(&self, refuse: bool) {
        self.shared.plan().refuse = refuse;
    }

    /// Flips the lowest bit of one byte: the one behind `bytes` more bytes of a direction.
    pub fn flip(&self, direction: Direction, bytes: u64) {
        let mut plan = self.shared.plan();
        let lane = plan.lane(direction);
        lane.flips.push(lane.seen + bytes);
    }

    /// Leaves out `len` bytes behind `bytes` more bytes of a direction.
    pub fn leave_out(&self, direction: Direction, bytes: u64, len: u64) {
        let mut plan = self.shared.plan();
        let lane = plan.lane(direction);
        let from = lane.seen + bytes;
        lane.gaps.push((from, from + len));
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let cuts = self.shared.cuts.borrow().0;
        Counts { cuts, ..self.shared.plan().counts }
    }

    /// Waits until connections were cut more often than `before` times; how often then.
    pub async fn cut_since(&self, before: u64) -> u64 {
        let mut cuts = self.shared.cuts.subscribe();
        let cut = cuts.wait_for(|(count, _)| *count > before).await;
        cut.map_or(before, |cut| cut.0)
    }
}

impl Drop for CutRelay {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.cut(Cut::Reset);
    }
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self, how: Cut) {
        self.cuts.send_modify(|cut| *cut = (cut.0 + 1, how));
    }
}

impl Plan {
    fn lane(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener, target: SocketAddr) {
    while let Ok((client, _)) = listener.accept().await {
        let refuse = {
            let mut plan = shared.plan();
            plan.counts.refused += u64::from(plan.refuse);
            plan.refuse
        };
        if refuse {
            end(&client, Cut::Reset);
            continue;
        }
        tokio::spawn(relay(Arc::clone(&shared), client, target));
    }
}

async fn relay(shared: Arc<Shared>, mut client: TcpStream, target: SocketAddr) {
    let mut cuts = shared.cuts.subscribe();
    let connected = async { small_socket(target)?.connect(target).await };
    let Ok(mut target) = connected.await else { return end(&client, Cut::Reset) };
    // What is relayed should leave when it came, or cuts would fall on other bytes than those that were passed on.
    let _ = client.set_nodelay(true).and_then(|()| target.set_nodelay(true));
    {
        let counts = &mut shared.plan().counts;
        counts.connections += 1;
        counts.open += 1;
    }
    let how = tokio::select! {
        () = pump::both(&shared, &mut client, &mut target) => None,
        _ = cuts.changed() => Some(cuts.borrow().1),
    };
    if let Some(how) = how {
        end(&client, how);
        end(&target, how);
    }
    shared.plan().counts.open -= 1;
}

/// Sockets that take little more than they pass on, so that whoever sends feels a stall.
fn small_socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_recv_buffer_size(BUFFER)?;
    Ok(socket)
}

/// Closing a socket with a linger time of zero sends RST.
pub(crate) fn end(stream: &TcpStream, how: Cut) {
    let socket = SockRef::from(stream);
    let _ = match how {
        Cut::Reset => socket.set_linger(Some(Duration::ZERO)),
        Cut::Fin => socket.shutdown(std::net::Shutdown::Write),
    };
}
