//! Connections: bytes in order, each chunk at its time, with little hidden in the kernel's buffers, which a real path does not have.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Holes, Impairment, Shared};
use crate::Direction;
use crate::relay::end;

/// How much is read at once: what leaves within this time, so that a stall or a change comes soon.
const TURN: Duration = Duration::from_millis(5);
const CHUNK_MIN: usize = 1_460;
const CHUNK_MAX: usize = 16 * 1024;
/// What may wait to leave; beyond it nothing is read, and the sender feels it.
const BACKLOG: Duration = Duration::from_millis(50);
/// What the kernel may hold of what was not read.
const HIDDEN: Duration = Duration::from_millis(100);
const HIDDEN_MIN: usize = 16 * 1024;
const HIDDEN_MAX: usize = 256 * 1024;
/// How many chunks may travel, where no rate bounds them.
const IN_FLIGHT: usize = 512;

pub(super) fn listen(address: SocketAddr, impairment: Impairment) -> io::Result<TcpListener> {
    let socket = small_socket(address, impairment)?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener, target: SocketAddr) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(relay(Arc::clone(&shared), client, target));
    }
}

async fn relay(shared: Arc<Shared>, mut client: TcpStream, target: SocketAddr) {
    let mut cuts = shared.cuts.subscribe();
    cuts.mark_unchanged();
    // The answer to a SYN comes from this machine: the round trip that it would have taken is waited for here.
    let (up, down) = {
        let mut path = shared.path();
        path.tcp.begun += 1;
        (path.up.impairment(), path.down.impairment())
    };
    let connected = async {
        sleep(up.delay + down.delay).await;
        small_socket(target, down)?.connect(target).await
    };
    let Ok(mut target) = connected.await else { return end(&client, crate::Cut::Reset) };
    let _ = client.set_nodelay(true).and_then(|()| target.set_nodelay(true));
    let how = tokio::select! {
        () = both(&shared, &mut client, &mut target) => None,
        _ = cuts.changed() => Some(cuts.borrow().1),
    };
    if let Some(how) = how {
        end(&client, how);
        end(&target, how);
    }
}

async fn both(shared: &Shared, client: &mut TcpStream, target: &mut TcpStream) {
    let (client_read, client_write) = client.split();
    let (target_read, target_write) = target.split();
    tokio::join!(
        one(shared, Direction::Up, client_read, target_write),
        one(shared, Direction::Down, target_read, client_write),
    );
}

async fn one(shared: &Shared, direction: Direction, from: ReadHalf<'_>, to: WriteHalf<'_>) {
    let (travelling, arriving) = mpsc::channel(IN_FLIGHT);
    tokio::join!(enter(shared, direction, from, travelling), leave(shared, direction, to, arriving));
}

/// What the path takes in.
async fn enter(
    shared: &Shared,
    direction: Direction,
    mut from: ReadHalf<'_>,
    travelling: mpsc::Sender<(Instant, Bytes)>,
) {
    let mut last = Instant::now();
    loop {
        let (impairment, backlog) = {
            let mut path = shared.path();
            let line = path.line(direction);
            (line.impairment(), line.backlog(Instant::now()))
        };
        if backlog > BACKLOG {
            sleep(backlog - BACKLOG).await;
            continue;
        }
        let chunk = impairment.bytes_in(TURN).unwrap_or(CHUNK_MAX).clamp(CHUNK_MIN, CHUNK_MAX);
        let mut bytes = BytesMut::zeroed(chunk);
        // The end travels as bytes do: as a chunk without any.
        let len = from.read(&mut bytes).await.unwrap_or(0);
        bytes.truncate(len);
        let arrival = {
            let mut path = shared.path();
            let line = path.line(direction);
            let arrival = line.send(len, Instant::now());
            let (late, lost) = line.retransmits(len);
            path.tcp.lost += lost;
            arrival + late
        };
        // Bytes of a connection never overtake.
        last = last.max(arrival);
        if travelling.send((last, bytes.freeze())).await.is_err() || len == 0 {
            return;
        }
    }
}

/// What comes out at the other end.
async fn leave(
    shared: &Shared,
    direction: Direction,
    mut to: WriteHalf<'_>,
    mut arriving: mpsc::Receiver<(Instant, Bytes)>,
) {
    let mut holes = shared.holes.subscribe();
    let mut rebinds = shared.rebinds.subscribe();
    rebinds.mark_unchanged();
    while let Some((at, bytes)) = arriving.recv().await {
        sleep_until(at).await;
        if holes.wait_for(|Holes { tcp, .. }| !tcp).await.is_err() || rebinds.has_changed().unwrap_or(true) {
            // For ever: whoever sends sees a full buffer, and no end.
            return std::future::pending().await;
        }
        if bytes.is_empty() || to.write_all(&bytes).await.is_err() {
            break;
        }
        shared.path().tcp.passed(direction, bytes.len());
    }
    let _ = to.shutdown().await;
}

/// A socket that takes little more than the path does.
fn small_socket(address: SocketAddr, impairment: Impairment) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    let hidden = impairment.bytes_in(HIDDEN).unwrap_or(HIDDEN_MAX).clamp(HIDDEN_MIN, HIDDEN_MAX);
    socket.set_recv_buffer_size(u32::try_from(hidden).unwrap_or(u32::MAX))?;
    // Segments as on a real path, not the 64 KiB of a loopback, which fill a small buffer with one.
    let mss = u32::try_from(CHUNK_MIN).unwrap_or(u32::MAX);
    SockRef::from(&socket).set_tcp_mss(mss)?;
    Ok(socket)
}
