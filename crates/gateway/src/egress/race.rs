//! Which of several addresses takes a connection first (Happy Eyeballs, RFC 8305 §5): one that is dead must cost its head start, not the
//! connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// How long an address is alone before the next one is tried as well: what RFC 8305 §8 recommends.
const HEAD_START: Duration = Duration::from_millis(250);

/// A connection to whichever of these answers first. The next one begins at once when one has failed. Dropping this ends every attempt.
///
/// # Errors
/// Why the last of them failed.
pub(crate) async fn connect(list: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = list.iter().copied();
    let mut running = JoinSet::new();
    let mut start = Instant::now();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if (running.is_empty() || Instant::now() >= start)
            && let Some(address) = waiting.next()
        {
            running.spawn(TcpStream::connect(address));
            start = Instant::now() + HEAD_START;
        }
        tokio::select! {
            result = running.join_next() => match result {
                Some(Ok(Ok(stream))) => return Ok(stream),
                Some(Ok(Err(error))) => {
                    last = error;
                    start = Instant::now();
                }
                Some(Err(_)) => start = Instant::now(),
                None => return Err(last),
            },
            () = sleep_until(start), if waiting.len() > 0 => {}
        }
    }
}
