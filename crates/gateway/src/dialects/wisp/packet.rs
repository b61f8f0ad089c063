//! Packets of Wisp: one for each message of the WebSocket. A type, a stream, and what the type says; numbers are little-endian.
//!
//! Knows their form only. Must never take a packet for something else than it is, whatever it was sent for.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use pageport_proto::target::{Endpoint, Host};

use super::reason::Reason;

/// Type and stream, which every packet begins with.
pub const HEADER: usize = 5;

const CONNECT: u8 = 1;
const DATA: u8 = 2;
const CONTINUE: u8 = 3;
const CLOSE: u8 = 4;
const INFO: u8 = 5;

/// Which connection of a client's a packet is for. 0 is none: there the two ends greet each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamId(NonZeroU32);

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    Tcp,
    /// Datagrams: one for each packet.
    Udp,
}

/// Where a client wants to be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// What the stream carries.
    pub kind: Kind,
    /// The target.
    pub to: Endpoint,
}

/// What a client may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// A new stream.
    Connect {
        /// Its id.
        stream: StreamId,
        /// Where to; `None`: nowhere that could be.
        wish: Option<Wish>,
    },
    /// Bytes, or a datagram.
    Data {
        /// Whose.
        stream: StreamId,
        /// They.
        payload: Bytes,
    },
    /// How much more the sender takes: only servers have a use for saying it.
    Continue,
    /// The end of a stream, or with `None` of everything.
    Close {
        /// Which.
        stream: Option<StreamId>,
        /// Why.
        reason: u8,
    },
    /// What the client is and can (v2); see [`super::info`].
    Info(Bytes),
}

/// Why a message is no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends before it has said what it must.
    #[error("a packet that ends early")]
    Short,
    /// No version knows such a type.
    #[error("a packet of type {0}")]
    Type(u8),
    /// Stream 0 is no stream, and INFO is for no other.
    #[error("a packet for the wrong stream")]
    Stream,
}

impl StreamId {
    /// `None` for 0.
    #[must_use]
    pub fn new(id: u32) -> Option<StreamId> {
        NonZeroU32::new(id).map(StreamId)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Packet {
    /// Reads what a client sent.
    ///
    /// # Errors
    /// Why it is no packet.
    pub fn parse(mut message: Bytes) -> Result<Packet, Malformed> {
        if message.len() < HEADER {
            return Err(Malformed::Short);
        }
        let (kind, id) = (message.get_u8(), StreamId::new(message.get_u32_le()));
        let stream = id.ok_or(Malformed::Stream);
        match kind {
            CONNECT => Ok(Packet::Connect { stream: stream?, wish: Wish::parse(message) }),
            DATA => Ok(Packet::Data { stream: stream?, payload: message }),
            CONTINUE => Ok(Packet::Continue),
            CLOSE if message.is_empty() => Err(Malformed::Short),
            CLOSE => Ok(Packet::Close { stream: id, reason: message.get_u8() }),
            INFO if id.is_none() => Ok(Packet::Info(message)),
            INFO => Err(Malformed::Stream),
            other => Err(Malformed::Type(other)),
        }
    }
}

impl Wish {
    fn parse(mut payload: Bytes) -> Option<Wish> {
        let kind = match payload.try_get_u8().ok()? {
            1 => Kind::Tcp,
            2 => Kind::Udp,
            _ => return None,
        };
        let port = payload.try_get_u16_le().ok().filter(|port| *port != 0)?;
        Some(Wish { kind, to: Endpoint { host: host(std::str::from_utf8(&payload).ok()?)?, port } })
    }
}

/// A host as everywhere; an IPv6 address may do without its brackets, since nothing follows it.
fn host(text: &str) -> Option<Host> {
    let bare = || text.parse::<Ipv6Addr>().ok().map(|address| Host::Ip(IpAddr::V6(address)));
    Host::parse(text).or_else(bare)
}

/// Begins a packet with bytes of a stream; they are put behind it.
pub(crate) fn begin_data(out: &mut BytesMut, stream: StreamId) {
    begin(out, DATA, Some(stream));
}

/// So many packets more are taken: of a stream, or with `None` of each new one.
#[must_use]
pub fn carry_on(stream: Option<StreamId>, packets: u32) -> Bytes {
    let mut out = BytesMut::with_capacity(HEADER + 4);
    begin(&mut out, CONTINUE, stream);
    out.put_u32_le(packets);
    out.freeze()
}

/// The end of a stream, or with `None` of everything.
#[must_use]
pub fn close(stream: Option<StreamId>, reason: Reason) -> Bytes {
    let mut out = BytesMut::with_capacity(HEADER + 1);
    begin(&mut out, CLOSE, stream);
    out.put_u8(reason.byte());
    out.freeze()
}

/// What the gateway is and can.
#[must_use]
pub(crate) fn info(payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEADER + payload.len());
    begin(&mut out, INFO, None);
    out.put_slice(payload);
    out.freeze()
}

fn begin(out: &mut BytesMut, kind: u8, stream: Option<StreamId>) {
    out.put_u8(kind);
    out.put_u32_le(stream.map_or(0, StreamId::get));
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
