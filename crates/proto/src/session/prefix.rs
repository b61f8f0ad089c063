//! Collects the prefix of a direction (§3.1): a length, then that many bytes of JSON.

use bytes::{Buf, Bytes, BytesMut};

use crate::varint::Peek;
use crate::{Code, json, limits, varint};

#[derive(Debug, Default)]
pub(super) enum Prefix {
    /// Not even the length is known.
    #[default]
    Start,
    /// A part of the length: at most seven bytes.
    Length(BytesMut),
    /// So many bytes of JSON are wanted.
    Json(BytesMut, usize),
    /// Complete, refused, or of no interest.
    Over,
}

impl Prefix {
    pub(super) fn over(&self) -> bool {
        matches!(self, Prefix::Over)
    }

    /// How many bytes are held until the prefix is complete.
    pub(super) fn held(&self) -> u64 {
        match self {
            Prefix::Json(json, _) => json.capacity() as u64,
            Prefix::Start | Prefix::Length(_) | Prefix::Over => 0,
        }
    }

    /// Takes what belongs to the prefix off the front of `bytes`. Returns the JSON once it is complete.
    ///
    /// Memory is taken as bytes come, not as a length claims.
    ///
    /// # Errors
    /// [`Code::ERR_HEAD_TOO_LARGE`], [`Code::ERR_HEAD_INVALID`].
    pub(super) fn take(&mut self, bytes: &mut Bytes) -> Result<Option<Bytes>, Code> {
        if matches!(self, Prefix::Start | Prefix::Length(_)) && !self.take_length(bytes)? {
            return Ok(None);
        }
        let Prefix::Json(json, len) = self else { return Ok(None) };
        let part = bytes.split_to(bytes.len().min(*len - json.len()));
        let whole = if part.len() == *len {
            part
        } else {
            json.extend_from_slice(&part);
            if json.len() < *len {
                return Ok(None);
            }
            json.split().freeze()
        };
        *self = Prefix::Over;
        json::check(&whole).map_err(|_| Code::ERR_HEAD_INVALID)?;
        // A slice would keep the whole carrier message for as long as the head is kept.
        Ok(Some(Bytes::copy_from_slice(&whole)))
    }

    fn take_length(&mut self, bytes: &mut Bytes) -> Result<bool, Code> {
        let mut known = match std::mem::take(self) {
            Prefix::Length(known) => known,
            _ => BytesMut::new(),
        };
        loop {
            match varint::peek(&known) {
                Peek::Value(len, _) => {
                    let len = usize::try_from(len).unwrap_or(usize::MAX);
                    if len > limits::HEAD {
                        *self = Prefix::Over;
                        return Err(Code::ERR_HEAD_TOO_LARGE);
                    }
                    *self = Prefix::Json(BytesMut::new(), len);
                    return Ok(true);
                }
                Peek::TooLarge => {
                    *self = Prefix::Over;
                    return Err(Code::ERR_HEAD_TOO_LARGE);
                }
                Peek::Short if bytes.is_empty() => {
                    *self = if known.is_empty() { Prefix::Start } else { Prefix::Length(known) };
                    return Ok(false);
                }
                Peek::Short => known.extend_from_slice(&[bytes.get_u8()]),
            }
        }
    }
}
