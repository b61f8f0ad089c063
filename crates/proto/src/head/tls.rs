//! TLS that the gateway does with a target (§7.5): what a page wishes of it, asks for later, and is told.
//!
//! Knows the shape of it. Whether the name may be asked for, and whether the certificate holds, is for the gateway to say.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::target::Host;
use crate::{Code, json, varint};

/// How many application protocols may be offered.
const OFFERS: usize = 32;
/// The longest of them, in characters (RFC 7301 §3.1).
const OFFER: usize = 255;

/// What a page wishes of TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsWish {
    /// Whose certificate it has to be; `None`: that of the target's host.
    pub servername: Option<Host>,
    /// What is offered to be spoken inside.
    pub alpn: Alpn,
}

/// Application protocols on offer (RFC 7301): distinct texts of visible ASCII in the order of preference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alpn(Vec<Box<str>>);

/// `{"starttls": …}`: what was spoken in the clear goes on within TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartTls {
    /// The stream whose connection it is: one of the page's.
    pub stream: u64,
    /// How many bytes the page has sent on it, head aside.
    pub at: u64,
    /// How many bytes of the target have come to it, reply aside.
    pub heard: u64,
    /// What it wishes of TLS.
    pub wish: TlsWish,
}

/// What a page is told of a connection within TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secured {
    /// What was verified.
    pub tls: Verified,
}

/// TLS as it was agreed on and verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The suite's name with IANA.
    pub cipher: String,
    /// What is spoken inside; `None` when the target chose nothing.
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    pub alpn: Option<String>,
    /// For whom the certificate is.
    pub servername: String,
    /// SHA-256 of the certificate (DER), in hexadecimal.
    pub certificate: String,
}

impl Alpn {
    /// Checks a list of them.
    #[must_use]
    pub fn parse(list: Vec<String>) -> Option<Alpn> {
        let fits = |offer: &String| {
            (1..=OFFER).contains(&offer.len()) && offer.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let are_distinct = || list.iter().enumerate().all(|(at, offer)| !list[..at].contains(offer));
        let fits = list.len() <= OFFERS && list.iter().all(fits) && are_distinct();
        fits.then(|| Alpn(list.into_iter().map(Into::into).collect()))
    }

    /// In the order of preference.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether nothing is on offer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TlsWish {
    /// # Errors
    /// [`Code::ERR_HEAD_INVALID`].
    pub(super) fn parse(raw: RawWish) -> Result<TlsWish, Code> {
        let RawWish { servername, alpn } = raw;
        let host = |text: String| Host::parse(&text).ok_or(Code::ERR_HEAD_INVALID);
        let alpn = Alpn::parse(alpn.unwrap_or_default()).ok_or(Code::ERR_HEAD_INVALID)?;
        Ok(TlsWish { servername: servername.map(host).transpose()?, alpn })
    }

    pub(super) fn serialize_into<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        if let Some(servername) = &self.servername {
            map.serialize_entry("servername", &servername.to_string())?;
        }
        if !self.alpn.is_empty() {
            map.serialize_entry("alpn", &self.alpn.0)?;
        }
        Ok(())
    }
}

impl StartTls {
    /// Reads the fields of such a head.
    ///
    /// # Errors
    /// [`Code::ERR_HEAD_INVALID`].
    pub(super) fn parse(stream: u64, raw: RawStartTls) -> Result<StartTls, Code> {
        let RawStartTls { at, heard, wish } = raw;
        if stream.is_multiple_of(2) || stream > varint::MAX || at > varint::MAX || heard > varint::MAX {
            return Err(Code::ERR_HEAD_INVALID);
        }
        Ok(StartTls { stream, at, heard, wish: TlsWish::parse(wish)? })
    }
}

impl Serialize for StartTls {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        map.serialize_entry("starttls", &self.stream)?;
        map.serialize_entry("at", &self.at)?;
        map.serialize_entry("heard", &self.heard)?;
        self.wish.serialize_into(&mut map)?;
        map.end()
    }
}

#[derive(Default, Deserialize)]
pub(super) struct RawWish {
    #[serde(default, deserialize_with = "json::present")]
    servername: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    alpn: Option<Vec<String>>,
}

impl RawWish {
    /// Whether there is nothing of it in the head.
    pub(super) fn is_absent(&self) -> bool {
        self.servername.is_none() && self.alpn.is_none()
    }
}

#[derive(Deserialize)]
pub(super) struct RawStartTls {
    at: u64,
    heard: u64,
    #[serde(flatten)]
    wish: RawWish,
}
