//! Bytes between a connection and a stream, both ways until both ways have ended. Here without TLS, where the kernel is the only
//! buffer; `layered` has the rest.
//!
//! Nothing is looked at. An idle connection costs a socket and two waiting halves; a busy one additionally what is on its way: a
//! read that the peer has room for, and one batch towards the socket. Each direction ends on its own (half-close), and an abort on
//! one side is an abort on the other, never a clean end.

mod layered;
mod streams;

use std::collections::VecDeque;
use std::future::{pending, poll_fn, ready};
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::ops::Deref;
use std::pin::pin;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use pageport_proto::Code;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::block::Block;
use crate::{ReadHalf, Socket, Stream, StreamError, WriteHalf};
use layered::Layered;

pub use streams::{Lost, streams};

/// What one read takes at most: a DATA frame that, with the heads of it and of the next, is 64 KiB. For a byte more the allocators of those who receive it take 80.
const READ_MAX: usize = 64 * 1024 - 64;
const READ_MIN: usize = 2 * 1024;
/// Chunks that one write hands to the kernel: small messages that wait together leave together.
const BATCH: usize = 16;
/// How long a socket whose bytes are not wanted may still read the end of the answer.
const LINGER: Duration = Duration::from_secs(5);

/// So many bytes went on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// From the socket into the stream.
    In(u64),
    /// From the stream to the socket.
    Out(u64),
}

/// Why a relay ended before both directions had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The TCP connection broke.
    #[error("the connection broke")]
    Socket,
    /// The stream's other end did, or the session ended.
    #[error("the other end broke off")]
    Stream,
    /// It was ended from here.
    #[error("ended from here: {0}")]
    Over(Code),
}

/// How the socket's direction ended.
#[derive(PartialEq, Eq)]
enum Inward {
    /// Everything was sent.
    Finished,
    /// The stream's other end wants no more of it.
    Unwanted,
}

/// Relays until both directions have ended, or one side broke. `read_ahead` was read from the socket before; `gone` is what the
/// stream's other end is told when the socket broke; `moved` is called for every piece, and must be quick.
///
/// # Errors
/// Which side broke. The other one knows it by then.
pub async fn run(
    socket: impl Into<Socket>,
    read_ahead: Bytes,
    stream: Stream,
    gone: Code,
    moved: impl Fn(Moved),
) -> Result<(), Broken> {
    run_split(socket, read_ahead, stream.into_split(), gone, moved).await
}

/// The same for the halves of a stream.
///
/// # Errors
/// As [`run`].
pub async fn run_split(
    socket: impl Into<Socket>,
    read_ahead: Bytes,
    stream: (ReadHalf, WriteHalf),
    gone: Code,
    moved: impl Fn(Moved),
) -> Result<(), Broken> {
    run_until(socket, read_ahead, stream, gone, pending(), moved).await
}

/// The same until `over` resolves: then both ends are cut short, and the stream's other end is told that code.
///
/// # Errors
/// As [`run`].
pub async fn run_until(
    socket: impl Into<Socket>,
    read_ahead: Bytes,
    (mut from_peer, mut to_peer): (ReadHalf, WriteHalf),
    gone: Code,
    over: impl Future<Output = Code>,
    moved: impl Fn(Moved),
) -> Result<(), Broken> {
    let (from, to) = (&mut from_peer, &mut to_peer);
    let ended = match socket.into() {
        Socket::Tcp(socket) => {
            let unfinished = Unfinished::new(&socket);
            let ended = tokio::select! {
                ended = both(&socket, read_ahead, from, to, &moved) => ended,
                () = broken(&socket) => Err(Broken::Socket),
                code = over => Err(Broken::Over(code)),
            };
            unfinished.ended(ended)
        }
        Socket::Over { io, tcp } => {
            let layered = Layered::new(io);
            let unfinished = Unfinished::new(&*tcp);
            let ended = tokio::select! {
                ended = layered.both(read_ahead, from, to, &moved) => ended,
                () = broken(&tcp) => Err(Broken::Socket),
                code = over => Err(Broken::Over(code)),
            };
            // Neither `close_notify` nor FIN: both would say that this was all.
            unfinished.ended(ended)
        }
        Socket::Other(io) => {
            let layered = Layered::doubtful(io);
            tokio::select! {
                ended = layered.both(read_ahead, from, to, &moved) => ended,
                code = over => Err(Broken::Over(code)),
            }
        }
    };
    match ended {
        Ok(()) => {}
        Err(Broken::Socket) => {
            to_peer.reset(gone);
            from_peer.stop(gone);
        }
        Err(Broken::Over(code)) => {
            to_peer.reset(code);
            from_peer.stop(code);
        }
        // Dropping the halves tells the other end what it does not know yet.
        Err(Broken::Stream) => {}
    }
    ended
}

async fn both(
    socket: &TcpStream,
    read_ahead: Bytes,
    from_peer: &mut ReadHalf,
    to_peer: &mut WriteHalf,
    moved: &impl Fn(Moved),
) -> Result<(), Broken> {
    let mut inward = pin!(inward(socket, read_ahead, to_peer, moved));
    let mut outward = pin!(outward(socket, from_peer, moved));
    let ended = tokio::select! {
        ended = inward.as_mut() => ended?,
        done = outward.as_mut() => {
            done?;
            if inward.await? == Inward::Unwanted {
                let _ = timeout(LINGER, discard(socket)).await;
            }
            return Ok(());
        }
    };
    if ended == Inward::Finished {
        return outward.await;
    }
    // Read on, so that an end that leaves is noticed, but keep nothing.
    tokio::select! {
        done = outward.as_mut() => {
            done?;
            // Closing over bytes that were not read would be a reset, and what is on its way there could be lost.
            let _ = timeout(LINGER, discard(socket)).await;
            Ok(())
        }
        gone = discard(socket) => match gone {
            Ok(()) => outward.await,
            Err(_) => Err(Broken::Socket),
        },
    }
}

/// Takes from the socket only what the peer has room for, so that what waits, waits in the sender's own kernel.
async fn inward(
    socket: &TcpStream,
    read_ahead: Bytes,
    to_peer: &mut WriteHalf,
    moved: &impl Fn(Moved),
) -> Result<Inward, Broken> {
    if !read_ahead.is_empty() {
        // More than was granted may wait here: at most what was read with a request's head.
        if let Some(ended) = forward(to_peer, read_ahead, moved).await? {
            return Ok(ended);
        }
    }
    let mut size = READ_MIN;
    loop {
        readable(socket).await.map_err(|_| Broken::Socket)?;
        let room = match to_peer.room(size).await {
            Ok(room) => room,
            Err(error) => return unwanted(error),
        };
        // The buffer lives from here to the next line that waits: an idle connection has none.
        let mut buffer = Block::with_capacity(room);
        match socket.try_read_buf(&mut buffer.room(room)) {
            Ok(0) => {
                to_peer.finish();
                return Ok(Inward::Finished);
            }
            Ok(length) => {
                size = if length == size {
                    (size * 2).min(READ_MAX)
                } else {
                    (length * 2).clamp(READ_MIN, READ_MAX)
                };
                if let Some(ended) = forward(to_peer, tight(buffer), moved).await? {
                    return Ok(ended);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(Broken::Socket),
        }
    }
}

async fn forward(
    to_peer: &mut WriteHalf,
    bytes: Bytes,
    moved: &impl Fn(Moved),
) -> Result<Option<Inward>, Broken> {
    let length = bytes.len() as u64;
    match to_peer.write_chunk(bytes).await {
        Ok(()) => {
            moved(Moved::In(length));
            Ok(None)
        }
        Err(error) => unwanted(error).map(Some),
    }
}

/// A few bytes must not keep a large buffer alive for as long as the peer has not received them.
///
/// The session copies pieces below 4 KiB anyway.
fn tight(buffer: Block) -> Bytes {
    let small = buffer.len() < 4 * 1024;
    if !small && buffer.len() * 2 < buffer.capacity() {
        Bytes::copy_from_slice(&buffer)
    } else {
        buffer.freeze()
    }
}

fn unwanted(error: StreamError) -> Result<Inward, Broken> {
    match error {
        StreamError::Stopped(_) => Ok(Inward::Unwanted),
        _ => Err(Broken::Stream),
    }
}

/// Takes from the stream only when the socket has room: what is read counts as consumed, and gives the peer credit.
async fn outward(socket: &TcpStream, from_peer: &mut ReadHalf, moved: &impl Fn(Moved)) -> Result<(), Broken> {
    loop {
        writable(socket).await.map_err(|_| Broken::Socket)?;
        let (batch, finished) = batch(from_peer).await?;
        moved(Moved::Out(batch.iter().map(|chunk| chunk.len() as u64).sum()));
        tokio::select! {
            biased;
            written = write(socket, batch) => written.map_err(|_| Broken::Socket)?,
            // Who gives up must not wait for a reader that does not read.
            _ = from_peer.broken() => return Err(Broken::Stream),
        }
        if finished {
            // An end that is gone already shows when it is read from.
            let _ = SockRef::from(socket).shutdown(Shutdown::Write);
            return Ok(());
        }
    }
}

/// Waits for one chunk, and takes what is there besides. True when nothing comes behind it.
async fn batch(from_peer: &mut ReadHalf) -> Result<(VecDeque<Bytes>, bool), Broken> {
    let mut batch = VecDeque::new();
    let mut next = Some(from_peer.read_chunk().await);
    while let Some(chunk) = next {
        match chunk {
            Ok(Some(chunk)) => batch.push_back(chunk),
            Ok(None) => return Ok((batch, true)),
            Err(_) => return Err(Broken::Stream),
        }
        if batch.len() == BATCH {
            break;
        }
        next = tokio::select! {
            biased;
            chunk = from_peer.read_chunk() => Some(chunk),
            () = ready(()) => None,
        };
    }
    Ok((batch, false))
}

async fn write(socket: &TcpStream, mut batch: VecDeque<Bytes>) -> io::Result<()> {
    while !batch.is_empty() {
        let mut slices = [IoSlice::new(&[]); BATCH];
        for (slice, chunk) in slices.iter_mut().zip(&batch) {
            *slice = IoSlice::new(chunk);
        }
        match socket.try_write_vectored(&slices[..batch.len()]) {
            Ok(written) => advance(&mut batch, written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => writable(socket).await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn advance(batch: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(chunk) = batch.front_mut() {
        if written < chunk.len() {
            return chunk.advance(written);
        }
        written -= chunk.len();
        batch.pop_front();
    }
}

/// Unlike the socket's own method this takes the place of whoever waited before: a connection task that is over would otherwise be
/// kept by its waker for as long as the socket stays.
async fn readable(socket: &TcpStream) -> io::Result<()> {
    poll_fn(|cx| socket.poll_read_ready(cx)).await
}

async fn writable(socket: &TcpStream) -> io::Result<()> {
    poll_fn(|cx| socket.poll_write_ready(cx)).await
}

/// Reads until everything has been sent.
async fn discard(socket: &TcpStream) -> io::Result<()> {
    loop {
        readable(socket).await?;
        match socket.try_read(&mut [0; READ_MIN]) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
}

/// Resolves when the connection was reset, also while nobody reads from it.
pub async fn broken(socket: &TcpStream) {
    // Waiting fails only when the runtime ends.
    let _ = socket.ready(Interest::ERROR).await;
}

/// A connection whose end is a reset until it is said that it has ended: whoever relays may be dropped in the middle, and what was cut short must not
/// look complete.
#[derive(Debug)]
pub struct Unfinished<T: Deref<Target = TcpStream>>(Option<T>);

impl<T: Deref<Target = TcpStream>> Unfinished<T> {
    /// From now on.
    pub fn new(socket: T) -> Unfinished<T> {
        Unfinished(Some(socket))
    }

    /// It has ended so: a reset where another side was cut short, and else what the connection itself makes of it.
    ///
    /// # Errors
    /// Those that it was given.
    pub fn ended<D>(mut self, how: Result<D, Broken>) -> Result<D, Broken> {
        if !matches!(how, Err(Broken::Stream | Broken::Over(_))) {
            self.finish();
        }
        how
    }

    /// It ends in order, or somebody else takes care of it.
    pub fn finish(&mut self) {
        self.0 = None;
    }
}

impl<T: Deref<Target = TcpStream>> Drop for Unfinished<T> {
    fn drop(&mut self) {
        if let Some(socket) = &self.0 {
            tear(socket);
        }
    }
}

/// Urgent data (RFC 9293 §3.8.5) stays where it was sent, instead of being taken out of the connection: programs that do not ask for it this way would
/// never pass it on.
pub fn keep_urgent(socket: &TcpStream) {
    // An option that cannot be set is no reason to do without the connection.
    let _ = SockRef::from(socket).set_out_of_band_inline(true);
}

/// Makes the end of the connection a reset: what was cut short must not look complete.
pub fn tear(socket: &TcpStream) {
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}
