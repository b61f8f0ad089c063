//! Streams: handles of both halves, which may outlive what the session remembers of the stream.
//!
//! Every future here may be dropped at any point without losing bytes.

mod io;

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use pageport_proto::{Code, StreamId, json, limits};
use serde::Serialize;

use crate::session::Half;
use crate::{Session, StreamError};

/// A bidirectional stream of bytes: [`tokio::io::AsyncRead`] and [`tokio::io::AsyncWrite`], whose shutdown is FIN.
///
/// Dropping it resets and stops what has not ended, with [`Code::ERR_ABORTED`].
#[derive(Debug)]
pub struct Stream {
    read: ReadHalf,
    write: WriteHalf,
    head: Bytes,
}

/// The direction from the peer. Dropping it before its end stops it with [`Code::ERR_ABORTED`].
#[derive(Debug)]
pub struct ReadHalf {
    session: Session,
    id: StreamId,
    /// How it ended, as far as the application has been told.
    end: Option<Result<(), StreamError>>,
}

/// The direction to the peer. Dropping it before [`WriteHalf::finish`] resets it with [`Code::ERR_ABORTED`].
#[derive(Debug)]
pub struct WriteHalf {
    session: Session,
    id: StreamId,
    state: Writing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// A stream of the peer's that was not yet answered.
    Unanswered,
    Open,
    Finished,
    Failed(StreamError),
}

impl Stream {
    pub(crate) fn own(session: Session, id: StreamId) -> Stream {
        Stream::new(session, id, Bytes::new(), Writing::Open)
    }

    pub(crate) fn incoming(session: Session, id: StreamId, head: Bytes) -> Stream {
        Stream::new(session, id, head, Writing::Unanswered)
    }

    fn new(session: Session, id: StreamId, head: Bytes, state: Writing) -> Stream {
        let read = ReadHalf { session: session.clone(), id, end: None };
        Stream { read, write: WriteHalf { session, id, state }, head }
    }

    /// Odd when the page opened it, even when the gateway did.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.read.id()
    }

    /// The head of a stream that the peer opened: a strict JSON object. Empty for an own stream.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// See [`WriteHalf::respond`].
    ///
    /// # Errors
    /// See [`WriteHalf::respond`].
    pub fn respond(&mut self, reply: &impl Serialize) -> Result<(), StreamError> {
        self.write.respond(reply)
    }

    /// See [`ReadHalf::reply`].
    ///
    /// # Errors
    /// See [`ReadHalf::reply`].
    pub async fn reply(&mut self) -> Result<Bytes, StreamError> {
        self.read.reply().await
    }

    /// See [`ReadHalf::read_chunk`].
    ///
    /// # Errors
    /// See [`ReadHalf::read_chunk`].
    pub async fn read_chunk(&mut self) -> Result<Option<Bytes>, StreamError> {
        self.read.read_chunk().await
    }

    /// See [`WriteHalf::write_chunk`].
    ///
    /// # Errors
    /// See [`WriteHalf::write_chunk`].
    pub async fn write_chunk(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.write.write_chunk(bytes).await
    }

    /// See [`WriteHalf::room`].
    ///
    /// # Errors
    /// See [`WriteHalf::room`].
    pub async fn room(&mut self, want: usize) -> Result<usize, StreamError> {
        self.write.room(want).await
    }

    /// Ends the own direction behind what was written; the peer reads it to its end.
    pub fn finish(&mut self) {
        self.write.finish();
    }

    /// Ends the own direction early; what the peer has not received yet is dropped.
    pub fn reset(&mut self, code: Code) {
        self.write.reset(code);
    }

    /// Asks the peer to end its direction; what comes until then is dropped.
    pub fn stop(&mut self, code: Code) {
        self.read.stop(code);
    }

    /// Both halves, each for a task of its own. The head is gone then.
    #[must_use]
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        (self.read, self.write)
    }
}

impl ReadHalf {
    /// The stream's id.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id.get()
    }

    /// Waits for the reply to an own stream: a strict JSON object. It can be had once.
    ///
    /// # Errors
    /// [`StreamError::NoReply`] when the peer ended its direction without one, or when it was taken before; otherwise why the
    /// direction ended.
    pub async fn reply(&mut self) -> Result<Bytes, StreamError> {
        if let Some(Err(error)) = self.end {
            return Err(error);
        }
        poll_fn(|cx| self.session.shared().poll_reply(self.id, cx)).await
    }

    /// The next bytes as they came, without a copy; `None` at the end.
    ///
    /// # Errors
    /// [`StreamError::Reset`] when the peer ended its direction early, or this side stopped it;
    /// [`StreamError::SessionClosed`].
    pub async fn read_chunk(&mut self) -> Result<Option<Bytes>, StreamError> {
        poll_fn(|cx| self.poll_read_chunk(usize::MAX, cx)).await
    }

    /// Waits until the peer has ended its direction early, or the session has ended, and says why; also while what came before is not
    /// read. Never resolves for a direction that ends in order.
    pub async fn broken(&mut self) -> StreamError {
        poll_fn(|cx| match self.end {
            Some(Err(error)) => Poll::Ready(error),
            Some(Ok(())) => Poll::Pending,
            None => self.session.shared().poll_broken(self.id, cx),
        })
        .await
    }

    /// See [`Stream::stop`].
    pub fn stop(&mut self, code: Code) {
        if self.end.is_none() {
            self.end = Some(Err(StreamError::Reset(code)));
            self.session.shared().stop(self.id, code);
        }
    }

    fn poll_read_chunk(&mut self, max: usize, cx: &Context<'_>) -> Poll<Result<Option<Bytes>, StreamError>> {
        if let Some(end) = self.end {
            return Poll::Ready(end.map(|()| None));
        }
        let read = ready!(self.session.shared().poll_read(self.id, max, cx));
        match &read {
            Ok(Some(_)) => {}
            Ok(None) => self.end = Some(Ok(())),
            Err(error) => self.end = Some(Err(*error)),
        }
        Poll::Ready(read)
    }
}

impl WriteHalf {
    /// The stream's id.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id.get()
    }

    /// Answers a stream that the peer opened, once, with a JSON object; must come before the first write.
    ///
    /// # Errors
    /// [`StreamError::Reply`] for what cannot be a reply, nothing is sent then; otherwise why the own direction has ended.
    pub fn respond(&mut self, reply: &impl Serialize) -> Result<(), StreamError> {
        match self.state {
            Writing::Unanswered => {}
            Writing::Open | Writing::Finished => return Err(StreamError::Reply(Code::ERR_HEAD_INVALID)),
            Writing::Failed(error) => return Err(error),
        }
        let json = serde_json::to_vec(reply).map_err(|_| StreamError::Reply(Code::ERR_HEAD_INVALID))?;
        if json.len() > limits::HEAD {
            return Err(StreamError::Reply(Code::ERR_HEAD_TOO_LARGE));
        }
        if json::check(&json).is_err() {
            return Err(StreamError::Reply(Code::ERR_HEAD_INVALID));
        }
        let sent = self.session.shared().reply(self.id, &json);
        self.state = sent.map_or_else(Writing::Failed, |()| Writing::Open);
        sent
    }

    /// Waits until the peer's limit has taken all of `bytes`. When the future is dropped, a part of them may have been taken.
    ///
    /// # Errors
    /// [`StreamError::Stopped`] when the peer wants no more, or this side has reset; [`StreamError::SessionClosed`];
    /// [`StreamError::NotWritable`] before the reply or behind the end.
    pub async fn write_chunk(&mut self, mut bytes: Bytes) -> Result<(), StreamError> {
        while !bytes.is_empty() {
            poll_fn(|cx| self.poll_write_chunk(&mut bytes, cx)).await?;
        }
        Ok(())
    }

    /// Waits until at least one byte would be taken, and says how many would be now, at most `want`. While it waits, the peer is
    /// told that there is more to come. Other streams of the session may take of the same room.
    ///
    /// # Errors
    /// As [`WriteHalf::write_chunk`].
    pub async fn room(&mut self, want: usize) -> Result<usize, StreamError> {
        poll_fn(|cx| self.poll_room(want, cx)).await
    }

    /// Waits until the peer wants no more of this direction, or the session has ended, and says why. Works before the reply, too, when
    /// nothing can be written yet.
    pub async fn stopped(&mut self) -> StreamError {
        poll_fn(|cx| match self.state {
            Writing::Failed(error) => Poll::Ready(error),
            _ => self.session.shared().poll_stopped(self.id, cx),
        })
        .await
    }

    /// See [`Stream::finish`].
    pub fn finish(&mut self) {
        if matches!(self.state, Writing::Unanswered | Writing::Open) {
            self.state = Writing::Finished;
            self.session.shared().finish(self.id);
        }
    }

    /// See [`Stream::reset`]. After [`WriteHalf::finish`] it still drops what has not been received.
    pub fn reset(&mut self, code: Code) {
        if !matches!(self.state, Writing::Failed(_)) {
            self.state = Writing::Failed(StreamError::Stopped(code));
            self.session.shared().reset(self.id, code);
        }
    }

    fn poll_room(&mut self, want: usize, cx: &Context<'_>) -> Poll<Result<usize, StreamError>> {
        self.open()?;
        let room = ready!(self.session.shared().poll_room(self.id, cx));
        let room = room.map(|room| usize::try_from(room).unwrap_or(usize::MAX).min(want));
        Poll::Ready(room.inspect_err(|error| self.state = Writing::Failed(*error)))
    }

    fn poll_write_chunk(&mut self, bytes: &mut Bytes, cx: &Context<'_>) -> Poll<Result<usize, StreamError>> {
        self.open()?;
        let written = ready!(self.session.shared().poll_write(self.id, bytes, cx));
        Poll::Ready(written.inspect_err(|error| self.state = Writing::Failed(*error)))
    }

    fn open(&self) -> Result<(), StreamError> {
        match self.state {
            Writing::Open => Ok(()),
            Writing::Unanswered | Writing::Finished => Err(StreamError::NotWritable),
            Writing::Failed(error) => Err(error),
        }
    }
}

impl Drop for ReadHalf {
    fn drop(&mut self) {
        self.session.shared().let_go(self.id, Half::Reading, self.end.is_some());
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        let ended = matches!(self.state, Writing::Finished | Writing::Failed(_));
        self.session.shared().let_go(self.id, Half::Writing, ended);
    }
}
