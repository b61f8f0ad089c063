//! Bytes for measuring: what a caller's way to this gateway can do. They mean nothing, and there is an end to them.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use pageport_link::{ReadHalf, StreamError, WriteHalf};
use pageport_proto::Code;
use pageport_proto::head::{Measure, Ready, Refusal, Reply};

use super::asked::Asked;
use crate::sessions::Entry;
use crate::shared::Shared;

/// What one piece of a source has.
const PIECE: usize = 64 * 1024;

/// Serves a measurement to its end.
pub(super) async fn serve(shared: &Arc<Shared>, entry: &Arc<Entry>, what: Measure, asked: Asked) {
    let policy = shared.policy.load_full();
    let most = policy.limits.measure_bytes;
    let slot = entry.measures.take(policy.limits.measures_per_session);
    let too_many = matches!(what, Measure::Source { bytes } if bytes > most);
    if slot.is_none() || too_many {
        return asked.refuse(shared, Refusal::new(Code::ERR_CONNECT_LIMIT, ""));
    }
    let Some((mut read, mut write)) = asked.accept(&Reply::Ok(Ready {})) else { return };
    let ended = match what {
        Measure::Source { bytes } => source(&mut read, &mut write, bytes).await,
        Measure::Echo => take(&mut read, &mut write, most, true).await,
        Measure::Sink => take(&mut read, &mut write, most, false).await,
    };
    match ended {
        Ok(()) => write.finish(),
        Err(code) => {
            read.stop(code);
            write.reset(code);
        }
    }
}

async fn source(read: &mut ReadHalf, write: &mut WriteHalf, mut bytes: u64) -> Result<(), Code> {
    let piece = noise()?;
    while bytes > 0 {
        let length = usize::try_from(bytes).unwrap_or(usize::MAX).min(PIECE);
        write.write_chunk(piece.slice(..length)).await.map_err(|_| Code::ERR_ABORTED)?;
        bytes -= length as u64;
    }
    read.stop(Code::NO_ERROR);
    Ok(())
}

async fn take(read: &mut ReadHalf, write: &mut WriteHalf, most: u64, back: bool) -> Result<(), Code> {
    let mut taken = 0;
    loop {
        let bytes = match read.read_chunk().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(()),
            Err(StreamError::Reset(code)) => return Err(code),
            Err(_) => return Err(Code::ERR_ABORTED),
        };
        taken += bytes.len() as u64;
        if taken > most {
            return Err(Code::ERR_CONNECT_LIMIT);
        }
        if back {
            write.write_chunk(bytes).await.map_err(|_| Code::ERR_ABORTED)?;
        }
    }
}

/// What no one on the way can make shorter.
fn noise() -> Result<Bytes, Code> {
    static NOISE: OnceLock<Bytes> = OnceLock::new();
    if let Some(noise) = NOISE.get() {
        return Ok(noise.clone());
    }
    let mut bytes = vec![0; PIECE];
    getrandom::fill(&mut bytes).map_err(|_| Code::ERR_INTERNAL)?;
    Ok(NOISE.get_or_init(|| bytes.into()).clone())
}
