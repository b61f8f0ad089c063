//! Relays that must not be: what measures has to notice each of them.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, mpsc};

use crate::{Outcome, listen};

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It reads as fast as it can, and keeps what nobody takes.
    Hoards,
    /// The same, but only 64 MiB of each direction.
    HoardsSome,
    /// It changes one bit of every connection's answer.
    Spoils,
}

/// Behind every handshake.
const SPOILT: usize = 40_000;
const PIECE: usize = 64 * 1024;
/// Pieces.
const SOME: usize = (64 << 20) / PIECE;

/// Relays until the process ends.
pub(crate) async fn run(flaw: Flaw, port: u16, target: SocketAddr) -> Outcome {
    let listener = listen::at(port).await?;
    loop {
        let (near, _) = listener.accept().await?;
        tokio::spawn(async move {
            // A connection that breaks concerns nobody but its two ends.
            let _ = hop(flaw, near, target).await;
        });
    }
}

async fn hop(flaw: Flaw, near: TcpStream, target: SocketAddr) -> Outcome {
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    let spoilt = (flaw == Flaw::Spoils).then_some(SPOILT);
    let room = if flaw == Flaw::HoardsSome { SOME } else { Semaphore::MAX_PERMITS };
    let up = direction(from_near, to_far, room, None);
    let down = direction(from_far, to_near, room, spoilt);
    tokio::try_join!(up, down)?;
    Ok(())
}

async fn direction(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    room: usize,
    spoilt: Option<usize>,
) -> Outcome {
    let (sender, mut hoard) = mpsc::channel::<Vec<u8>>(room);
    let read = async move {
        let mut offset = 0;
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            if from.read_buf(&mut piece).await? == 0 {
                return Outcome::Ok(());
            }
            if let Some(byte) = spoilt.and_then(|at| piece.get_mut(at.checked_sub(offset)?)) {
                *byte ^= 1;
            }
            offset += piece.len();
            sender.send(piece).await?;
        }
    };
    let write = async move {
        while let Some(piece) = hoard.recv().await {
            to.write_all(&piece).await?;
        }
        Outcome::Ok(to.shutdown().await?)
    };
    tokio::try_join!(read, write)?;
    Ok(())
}
