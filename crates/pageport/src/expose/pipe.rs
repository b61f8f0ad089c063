//! Bytes between a visitor and the service, each way to its own end, counted as they pass.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// What a quiet connection holds in each direction, and what a busy one grows to.
const SMALL: usize = 2 * 1024;
const LARGE: usize = 64 * 1024;

/// Bytes of one visitor so far.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// From the visitor.
    pub(crate) received: AtomicU64,
    /// To the visitor.
    pub(crate) sent: AtomicU64,
}

/// Runs until both directions have ended, or one broke; then the caller has to break the others.
pub(crate) async fn both(
    visitor: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    service: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    traffic: &Traffic,
) -> io::Result<()> {
    let inward = one(visitor.0, service.1, &traffic.received);
    let outward = one(service.0, visitor.1, &traffic.sent);
    tokio::try_join!(inward, outward).map(drop)
}

async fn one(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    count: &AtomicU64,
) -> io::Result<()> {
    let mut size = SMALL;
    let mut buffer = BytesMut::with_capacity(size);
    loop {
        let read = from.read_buf(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer).await?;
        to.flush().await?;
        count.fetch_add(read as u64, Ordering::Relaxed);
        buffer.clear();
        // A full read grows the buffer, a small one gives it back: most connections wait most of the time.
        let next = if read == size {
            (size * 2).min(LARGE)
        } else if read < SMALL {
            SMALL
        } else {
            size
        };
        if next != size {
            size = next;
            buffer = BytesMut::with_capacity(size);
        }
    }
}
