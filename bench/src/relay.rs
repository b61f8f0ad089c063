//! One hop that copies: what a relay costs that knows nothing.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::TcpStream;

use crate::{Outcome, listen};

/// Larger buffers save calls; this is the size from which on more saves little.
const BUFFER: usize = 256 * 1024;

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

async fn hop(mut near: TcpStream, target: SocketAddr) -> Outcome {
    let mut far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    copy_bidirectional_with_sizes(&mut near, &mut far, BUFFER, BUFFER).await?;
    Ok(())
}
