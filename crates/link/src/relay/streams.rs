//! Two streams of two sessions, joined: what ends one direction of the one ends the same direction of the other, in the same way.
//!
//! Between the two there is one piece at most, and it is taken from its sender only to be written: so a slow reader holds back its sender, and
//! nobody else.

use bytes::Bytes;
use pageport_proto::Code;

use crate::{ReadHalf, StreamError, WriteHalf};

/// What each end is told when the session of the other one has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Of the first stream.
    pub first: Code,
    /// Of the second.
    pub second: Code,
}

/// Relays until all four directions have ended. `moved` is called for every piece, and must be quick.
pub async fn streams(
    (mut from_first, mut to_first): (ReadHalf, WriteHalf),
    (mut from_second, mut to_second): (ReadHalf, WriteHalf),
    lost: Lost,
    moved: impl Fn(u64),
) {
    let there = one_way(&mut from_first, &mut to_second, (lost.first, lost.second), &moved);
    let back = one_way(&mut from_second, &mut to_first, (lost.second, lost.first), &moved);
    tokio::join!(there, back);
}

/// One direction to its end. `told`: the sender when the reader's session has ended, and the reader when the sender's has.
async fn one_way(from: &mut ReadHalf, to: &mut WriteHalf, told: (Code, Code), moved: &impl Fn(u64)) {
    loop {
        let read = tokio::select! {
            read = from.read_chunk() => read,
            unwanted = to.stopped() => return from.stop(code(unwanted, told.0)),
        };
        match read {
            Ok(Some(bytes)) => {
                let length = bytes.len() as u64;
                match forward(from, to, bytes, told).await {
                    Ok(()) => moved(length),
                    Err(Ended) => return,
                }
            }
            Ok(None) => return to.finish(),
            Err(error) => return to.reset(code(error, told.1)),
        }
    }
}

/// A direction has ended early, and both ends know it.
struct Ended;

/// Waits for room, and at the same time for the sender to give up: that must not wait for the reader.
async fn forward(
    from: &mut ReadHalf,
    to: &mut WriteHalf,
    bytes: Bytes,
    told: (Code, Code),
) -> Result<(), Ended> {
    tokio::select! {
        biased;
        written = to.write_chunk(bytes) => written.map_err(|unwanted| from.stop(code(unwanted, told.0))),
        broken = from.broken() => {
            to.reset(code(broken, told.1));
            Err(())
        }
    }
    .map_err(|()| Ended)
}

fn code(error: StreamError, session_ended: Code) -> Code {
    match error {
        StreamError::Reset(code) | StreamError::Stopped(code) => code,
        StreamError::SessionClosed(_) => session_ended,
        StreamError::NoReply | StreamError::Reply(_) | StreamError::NotWritable => Code::ERR_INTERNAL,
    }
}
