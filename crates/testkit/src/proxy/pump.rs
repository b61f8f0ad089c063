//! Moves bytes between a client and a target until it is over, or nothing comes for too long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::timeout;

const CHUNK: usize = 16 * 1024;
/// Where nothing is cut.
const NEVER: Duration = Duration::from_secs(365 * 86_400);

/// What has moved, counted as it goes: whoever calls it off still knows.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) up: AtomicU64,
    pub(super) down: AtomicU64,
}

/// How a connection is passed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Both directions have to end; otherwise the end of the way down is the end.
    pub(super) is_tunnel: bool,
    /// How many bytes of the way down are gathered before any is passed on.
    pub(super) holds_back: usize,
    /// After how long without a byte it is cut.
    pub(super) cuts_idle: Option<Duration>,
}

/// Whether it stood still for too long.
pub(super) async fn both(
    client: &mut TcpStream,
    target: &mut TcpStream,
    manner: Manner,
    moved: &Moved,
) -> bool {
    let (client_read, client_write) = client.split();
    let (target_read, target_write) = target.split();
    let (came, mut heard) = watch::channel(());
    let up = one(client_read, target_write, 0, &moved.up, &came);
    let down = one(target_read, client_write, manner.holds_back, &moved.down, &came);
    let over = async {
        if manner.is_tunnel {
            tokio::join!(up, down);
        } else {
            tokio::select! {
                () = down => {}
                // A request that has ended still has its answer to come.
                () = async { up.await; std::future::pending().await } => {}
            }
        }
    };
    let quiet = async { while timeout(manner.cuts_idle.unwrap_or(NEVER), heard.changed()).await.is_ok() {} };
    tokio::select! {
        () = over => false,
        () = quiet => true,
    }
}

async fn one(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    holds_back: usize,
    count: &AtomicU64,
    came: &watch::Sender<()>,
) {
    let mut held = BytesMut::new();
    loop {
        held.reserve(CHUNK);
        match from.read_buf(&mut held).await {
            Ok(0) => break,
            Ok(_) => came.send_replace(()),
            Err(_) => return,
        }
        if held.len() >= holds_back {
            let len = held.len() as u64;
            if to.write_all(&held.split()).await.is_err() {
                return;
            }
            count.fetch_add(len, Ordering::Relaxed);
        }
    }
    if to.write_all(&held).await.is_ok() {
        count.fetch_add(held.len() as u64, Ordering::Relaxed);
    }
    let _ = to.shutdown().await;
}
