//! One hop that never sees a byte: splice(2) moves them from socket to socket inside the kernel. The best that a relay can do.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::{Outcome, listen};

const PIPE: usize = 1 << 20;

/// Relays until the process ends.
pub(crate) async fn run(port: u16, target: SocketAddr) -> Outcome {
    let listener = listen::at(port).await?;
    loop {
        let (near, _) = listener.accept().await?;
        tokio::spawn(async move {
            // A connection that breaks concerns nobody but its two ends.
            let _ = hop(near, target).await;
        });
    }
}

async fn hop(near: TcpStream, target: SocketAddr) -> Outcome {
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    tokio::try_join!(direction(&near, &far), direction(&far, &near))?;
    Ok(())
}

/// A connection that has moved something keeps its pipe: making one for every message would cost more than the message.
async fn direction(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    from.readable().await?;
    let (out, into) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
    // An unprivileged process may have used up its share of large pipes; a small one does as well.
    let _ = fcntl_setpipe_size(&into, PIPE);
    while burst(from, to, &out, &into).await? {
        from.readable().await?;
    }
    Ok(rustix::net::shutdown(to, rustix::net::Shutdown::Write)?)
}

/// Moves what is there. False at the end.
async fn burst(from: &TcpStream, to: &TcpStream, out: &OwnedFd, into: &OwnedFd) -> io::Result<bool> {
    let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
    loop {
        let moved = match from.try_io(Interest::READABLE, || Ok(splice(from, None, into, None, PIPE, flags)?))
        {
            Ok(0) => return Ok(false),
            Ok(moved) => moved,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        };
        let mut left = moved;
        while left > 0 {
            left -= to.async_io(Interest::WRITABLE, || Ok(splice(out, None, to, None, left, flags)?)).await?;
        }
    }
}
