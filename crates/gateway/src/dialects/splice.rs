//! From one TCP connection to another within the kernel (splice(2)), by way of a pipe that is this direction's for as long as something is in it.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::lifetime::{Slot, Slots};

/// What a pipe should hold, so that a fast connection needs few calls; the system may allow less.
const SIZE: usize = 256 * 1024;
/// Empty pipes that are kept for the next who needs one.
const KEPT: usize = 64;

/// The pipes of a gateway.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    /// Empty ones.
    kept: Mutex<Vec<Pipe>>,
    /// What is in a pipe waits for a reader who may never read, and is in nobody's budget: so they are counted.
    used: Slots,
}

#[derive(Debug)]
struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

/// A pipe in use. It goes back when it is empty, and away when not.
pub(super) struct Load<'p> {
    pipes: &'p Pipes,
    pipe: Option<Pipe>,
    left: usize,
    _slot: Slot,
}

impl Pipes {
    /// Takes what `from` has to give now; `None` when that is nothing after all. A load of 0 is the end. At most `most` pipes are in use at once.
    ///
    /// # Errors
    /// Those of the connection, or `None` in the error's place when there is no pipe to be had.
    pub(super) fn load<'p>(
        &'p self,
        from: &TcpStream,
        most: u64,
    ) -> Result<Option<Load<'p>>, Option<io::Error>> {
        let slot = self.used.take(most).ok_or(None)?;
        let pipe = self.take().ok_or(None)?;
        let mut load = Load { pipes: self, pipe: None, left: 0, _slot: slot };
        let taken = from.try_io(Interest::READABLE, || {
            splice(from, None, &pipe.write, None, SIZE, SpliceFlags::NONBLOCK).map_err(io::Error::from)
        });
        load.pipe = Some(pipe);
        match taken {
            Ok(length) => {
                load.left = length;
                Ok(Some(load))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(Some(error)),
        }
    }

    fn take(&self) -> Option<Pipe> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.or_else(|| {
            let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).ok()?;
            // Whatever it is, it is enough to go on.
            let _ = fcntl_setpipe_size(&write, SIZE);
            Some(Pipe { read, write })
        })
    }
}

impl Load<'_> {
    /// How much of it is left.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Hands all of it to `to`, and says of each piece how long it was.
    ///
    /// # Errors
    /// Those of the connection.
    pub(super) async fn unload(mut self, to: &TcpStream, moved: impl Fn(usize)) -> io::Result<()> {
        let Some(pipe) = &self.pipe else { return Ok(()) };
        while self.left > 0 {
            poll_fn(|cx| to.poll_write_ready(cx)).await?;
            let given = to.try_io(Interest::WRITABLE, || {
                splice(&pipe.read, None, to, None, self.left, SpliceFlags::NONBLOCK).map_err(io::Error::from)
            });
            match given {
                Ok(length) => {
                    self.left -= length;
                    moved(length);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        let Some(pipe) = self.pipe.take().filter(|_| self.left == 0) else { return };
        let mut kept = self.pipes.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(pipe);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn no_more_pipes_are_in_use_than_may_be_and_one_that_is_emptied_is_free_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (mut client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (client, (from, _)) = (client.as_mut().expect("connects"), accepted.expect("a client"));
        client.write_all(b"all of it").await.expect("is sent");
        from.readable().await.expect("has something");
        let pipes = Pipes::default();
        assert!(matches!(pipes.load(&from, 0), Err(None)));
        let load = pipes.load(&from, 1).expect("a pipe").expect("something");
        assert_eq!(load.left(), 9);
        assert!(matches!(pipes.load(&from, 1), Err(None)), "somebody has it");
        assert!(matches!(pipes.load(&from, 2), Ok(None)), "control");
        load.unload(&from, |_| {}).await.expect("is taken");
        assert!(matches!(pipes.load(&from, 1), Ok(None)), "nobody has it any more");
    }
}
