//! Accept loops. A loop never ends because of one connection, and never spins when the system has no more to give.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::TcpKeepalive;
use tokio::net::{TcpListener, TcpStream};

/// Pause after an error of the system (out of descriptors or memory): long enough to cost nothing, short enough not to be felt.
const PAUSE: Duration = Duration::from_millis(100);
/// A silent peer is asked whether it still exists after this time, then four times in a minute, and is given up.
pub(crate) const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);
/// Bytes that the kernel holds unsent for one connection before it says "full": what waits there is in nobody's budget.
pub(crate) const UNSENT: u32 = 128 * 1024;

/// Takes connections for ever; each goes to `serve`, which must not block.
pub(crate) async fn run(listener: TcpListener, serve: impl Fn(TcpStream, SocketAddr)) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => serve(stream, peer),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot take connections now");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Errors that a peer caused before its connection was taken (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
