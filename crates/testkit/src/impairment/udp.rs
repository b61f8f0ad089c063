//! Datagrams: each client is a flow with a source port of its own at the target, as a NAT gives it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Shared;
use super::delivery::{Delivery, Due};
use crate::Direction;

/// The largest datagram of IP.
const DATAGRAM: usize = 65_535;
/// What the kernel may hold, so that it does not lose what the path would not.
const BUFFER: usize = 2 * 1024 * 1024;
/// How long a router's queue is, as time.
const QUEUE: Duration = Duration::from_millis(200);
/// How many clients may be at work; beyond them the NAT forgets all.
const FLOWS: usize = 1_024;

/// The way of one client to the target.
struct Flow {
    up: mpsc::Sender<Due>,
    /// Ends with the flow.
    _tasks: JoinSet<()>,
}

pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    UdpSocket::from_std(socket.into())
}

/// What clients send, and the flows that it belongs to.
pub(super) async fn receive(shared: Arc<Shared>, socket: UdpSocket, target: SocketAddr) {
    let socket = Arc::new(socket);
    let mut flows: HashMap<SocketAddr, Flow> = HashMap::new();
    let mut rebinds = shared.rebinds.subscribe();
    let mut datagram = vec![0; DATAGRAM];
    loop {
        let received = tokio::select! {
            _ = rebinds.changed() => {
                flows.clear();
                continue;
            }
            received = socket.recv_from(&mut datagram) => received,
        };
        // An error here is about a client that is gone.
        let Ok((len, client)) = received else { continue };
        if flows.len() >= FLOWS && !flows.contains_key(&client) {
            flows.clear();
        }
        let flow = match flows.entry(client) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let Ok(flow) = Flow::begin(&shared, &socket, client, target).await else { continue };
                new.insert(flow)
            }
        };
        shared.send(Direction::Up, &datagram[..len], &flow.up);
    }
}

impl Flow {
    async fn begin(
        shared: &Arc<Shared>,
        socket: &Arc<UdpSocket>,
        client: SocketAddr,
        target: SocketAddr,
    ) -> io::Result<Flow> {
        let any = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let upstream = bind(any.parse().map_err(io::Error::other)?)?;
        upstream.connect(target).await?;
        let upstream = Arc::new(upstream);
        shared.path().udp.begun += 1;
        let (up, to_target) = Delivery::new();
        let (down, to_client) = Delivery::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(deliver_up(Arc::clone(shared), Arc::clone(&upstream), to_target));
        tasks.spawn(deliver_down(Arc::clone(shared), Arc::clone(socket), client, to_client));
        tasks.spawn(answers(Arc::clone(shared), upstream, down));
        Ok(Flow { up, _tasks: tasks })
    }
}

/// What the target sends back to one client.
async fn answers(shared: Arc<Shared>, upstream: Arc<UdpSocket>, down: mpsc::Sender<Due>) {
    let mut datagram = vec![0; DATAGRAM];
    loop {
        // A refusal that ICMP has brought is no reason to stop: the target may come back.
        if let Ok(len) = upstream.recv(&mut datagram).await {
            shared.send(Direction::Down, &datagram[..len], &down);
        }
    }
}

async fn deliver_up(shared: Arc<Shared>, upstream: Arc<UdpSocket>, mut delivery: Delivery) {
    while let Some(bytes) = delivery.next().await {
        if shared.lets_pass() && upstream.send(&bytes).await.is_ok() {
            shared.path().udp.passed(Direction::Up, bytes.len());
        }
    }
}

async fn deliver_down(
    shared: Arc<Shared>,
    socket: Arc<UdpSocket>,
    client: SocketAddr,
    mut delivery: Delivery,
) {
    while let Some(bytes) = delivery.next().await {
        if shared.lets_pass() && socket.send_to(&bytes, client).await.is_ok() {
            shared.path().udp.passed(Direction::Down, bytes.len());
        }
    }
}

impl Shared {
    fn send(&self, direction: Direction, datagram: &[u8], entering: &mpsc::Sender<Due>) {
        let now = Instant::now();
        let mut path = self.path();
        if path.line(direction).backlog(now) > QUEUE {
            path.udp.overflowed += 1;
        } else if path.line(direction).loses() {
            path.udp.lost += 1;
        } else {
            let arrival = path.line(direction).send(datagram.len(), now);
            let due = (arrival, Bytes::copy_from_slice(datagram));
            path.udp.overflowed += u64::from(entering.try_send(due).is_err());
        }
    }

    /// Looked at on arrival: what is on its way when a hole opens falls into it.
    fn lets_pass(&self) -> bool {
        let hole = self.holes.borrow().udp;
        self.path().udp.swallowed += u64::from(hole);
        !hole
    }
}
