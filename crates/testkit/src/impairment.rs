//! A relay for TCP and UDP that behaves as a long, slow or lossy path does: delay, jitter, rate, loss, stalls, black holes, and a NAT
//! that forgets.
//!
//! Both protocols share one line for each direction, at one port number. Beside [`crate::CutRelay`], which cuts at exact bytes and knows no
//! time, this one knows time and no bytes: it never looks into what it passes on, and never changes it.

mod delivery;
mod line;
mod profile;
mod tcp;
mod udp;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::{Cut, Direction};
use line::Line;

pub use profile::{Impairment, LADDER, Rung};

/// How many free ports are tried until one is free for both protocols.
const PORTS: usize = 20;

/// Which protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// What one protocol has brought through so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that reached the target's socket.
    pub up: u64,
    /// Bytes that reached the client's socket.
    pub down: u64,
    /// Connections, or flows of datagrams, that were begun.
    pub begun: u64,
    /// Segments that came late as if sent twice, or datagrams that were lost by chance.
    pub lost: u64,
    /// Datagrams that found the queue full.
    pub overflowed: u64,
    /// Datagrams that went into a black hole.
    pub swallowed: u64,
}

/// The relay; it ends when it is dropped.
#[derive(Debug)]
pub struct ImpairmentRelay {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Debug)]
struct Shared {
    path: Mutex<Path>,
    /// How often connections were cut, and how the last time.
    cuts: watch::Sender<(u64, Cut)>,
    holes: watch::Sender<Holes>,
    /// How often the NAT has forgotten what it knew.
    rebinds: watch::Sender<u64>,
}

#[derive(Debug)]
struct Path {
    up: Line,
    down: Line,
    tcp: Traffic,
    udp: Traffic,
}

#[derive(Debug, Clone, Copy, Default)]
struct Holes {
    tcp: bool,
    udp: bool,
}

impl ImpairmentRelay {
    /// Listens on a port of 127.0.0.1 that is free for both protocols. The seed decides about jitter, loss and stalls; print it.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn to(target: SocketAddr, impairment: Impairment, seed: u64) -> io::Result<ImpairmentRelay> {
        ImpairmentRelay::listen(SocketAddr::from(([127, 0, 0, 1], 0)), target, impairment, seed).await
    }

    /// The same on `address`.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn listen(
        address: SocketAddr,
        target: SocketAddr,
        impairment: Impairment,
        seed: u64,
    ) -> io::Result<ImpairmentRelay> {
        let (listener, socket) = same_port(address, impairment).await?;
        let now = Instant::now();
        let path = Path {
            up: Line::new(impairment, seed, now),
            down: Line::new(impairment, !seed, now),
            tcp: Traffic::default(),
            udp: Traffic::default(),
        };
        let shared = Arc::new(Shared {
            path: Mutex::new(path),
            cuts: watch::Sender::new((0, Cut::Reset)),
            holes: watch::Sender::default(),
            rebinds: watch::Sender::new(0),
        });
        let address = listener.local_addr()?;
        let tasks = [
            tokio::spawn(tcp::accept(Arc::clone(&shared), listener, target)),
            tokio::spawn(udp::receive(Arc::clone(&shared), socket, target)),
        ];
        Ok(ImpairmentRelay { address, shared, tasks })
    }

    /// Where it listens, with both protocols.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the path in both directions, for what comes from now on.
    pub fn set(&self, impairment: Impairment) {
        let now = Instant::now();
        let mut path = self.shared.path();
        path.up.set(impairment, now);
        path.down.set(impairment, now);
    }

    /// Ends all connections, as [`crate::CutRelay::cut`] does. Datagrams know no end.
    pub fn cut(&self, how: Cut) {
        self.shared.cuts.send_modify(|cut| *cut = (cut.0 + 1, how));
    }

    /// Whether nothing of a protocol gets through, and nobody is told. A connection may still begin, since the kernel answers for this
    /// end; what it had on its way waits, what datagrams had is lost.
    pub fn black_hole(&self, transport: Transport, swallow: bool) {
        self.shared.holes.send_modify(|holes| match transport {
            Transport::Tcp => holes.tcp = swallow,
            Transport::Udp => holes.udp = swallow,
        });
    }

    /// What a NAT does that restarts, or a client that changes networks: datagrams come from another port from now on, and what is
    /// sent to the old one is lost; connections that exist are in a black hole for ever.
    pub fn rebind(&self) {
        self.shared.rebinds.send_modify(|count| *count += 1);
    }

    /// What a protocol has brought through.
    #[must_use]
    pub fn traffic(&self, transport: Transport) -> Traffic {
        let path = self.shared.path();
        match transport {
            Transport::Tcp => path.tcp,
            Transport::Udp => path.udp,
        }
    }

    /// For how long a direction has stood still, in stalls that have begun so far.
    #[must_use]
    pub fn stalled(&self, direction: Direction) -> Duration {
        let mut path = self.shared.path();
        path.line(direction).stalled()
    }
}

impl Drop for ImpairmentRelay {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.cut(Cut::Reset);
        self.rebind();
    }
}

impl Shared {
    fn path(&self) -> MutexGuard<'_, Path> {
        self.path.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Path {
    fn line(&mut self, direction: Direction) -> &mut Line {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

impl Traffic {
    fn passed(&mut self, direction: Direction, len: usize) {
        match direction {
            Direction::Up => self.up += len as u64,
            Direction::Down => self.down += len as u64,
        }
    }
}

/// A page finds a carrier of HTTP/3 at the number of the port that it knows.
async fn same_port(
    address: SocketAddr,
    impairment: Impairment,
) -> io::Result<(tokio::net::TcpListener, UdpSocket)> {
    let mut failed = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PORTS {
        let listener = tcp::listen(address, impairment)?;
        match udp::bind(listener.local_addr()?) {
            Ok(socket) => return Ok((listener, socket)),
            Err(error) => failed = error,
        }
        if address.port() != 0 {
            break;
        }
    }
    Err(failed)
}
