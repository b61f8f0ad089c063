//! HELLO and WELCOME (§5): what two sides say before a carrier belongs to a session.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits::{self, Limits};
use crate::{Code, json, varint};

/// The only version there is.
pub const VERSION: u64 = 1;

/// A public 16-byte value: names a session, or is a nonce.
pub type SessionId = Opaque<16, Public>;
/// A value that is used once, in the claim of a name.
pub type Nonce = Opaque<16, Public>;
/// The 32 bytes that prove that a page owns its session.
pub type Secret = Opaque<32, Hidden>;

/// The first frame of a carrier.
#[derive(Clone, PartialEq, Eq)]
pub struct Hello {
    /// The session to attach to; `None` asks for a new one.
    pub session: Option<(SessionId, Secret)>,
    /// The number of the attempt, from 1.
    pub n: u64,
    /// What the page announces.
    pub limits: Limits,
    /// Optional abilities; unknown ones mean nothing.
    pub features: Vec<String>,
    /// A token, for programs without an origin.
    pub credential: Option<String>,
}

/// The answer to a HELLO that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The session that the carrier now may resume.
    pub session: SessionId,
    /// Sent once, when the session is new.
    pub secret: Option<Secret>,
    /// For one claim of a name.
    pub nonce: Nonce,
    /// How long the session outlives its carriers, in seconds.
    pub lease: u64,
    /// What the gateway announces.
    pub limits: Limits,
    /// Optional abilities.
    pub features: Vec<String>,
}

impl Hello {
    /// Reads the payload of a HELLO frame.
    ///
    /// # Errors
    /// [`Code::ERR_VERSION`], [`Code::ERR_HELLO_INVALID`].
    pub fn parse(payload: &[u8]) -> Result<Hello, Code> {
        let raw: RawHello = read(payload)?;
        let session = match (raw.session, raw.secret) {
            (Some(session), Some(secret)) => Some((session, secret)),
            (None, None) => None,
            _ => return Err(Code::ERR_HELLO_INVALID),
        };
        let credential_fits = raw.credential.as_ref().is_none_or(|text| text.chars().count() <= 2_048);
        let n_fits = (1..=varint::MAX).contains(&raw.n);
        if !n_fits || !raw.limits.valid() || !features_fit(&raw.features) || !credential_fits {
            return Err(Code::ERR_HELLO_INVALID);
        }
        Ok(Hello {
            session,
            n: raw.n,
            limits: raw.limits,
            features: raw.features,
            credential: raw.credential,
        })
    }

    /// The payload of the frame.
    #[must_use]
    pub fn to_payload(&self) -> Vec<u8> {
        let (session, secret) = match &self.session {
            Some((session, secret)) => (Some(session.clone()), Some(secret.clone())),
            None => (None, None),
        };
        write(&RawHello {
            version: VERSION,
            n: self.n,
            session,
            secret,
            limits: self.limits,
            features: self.features.clone(),
            credential: self.credential.clone(),
        })
    }
}

impl Welcome {
    /// Reads the payload of a WELCOME frame.
    ///
    /// # Errors
    /// [`Code::ERR_VERSION`], [`Code::ERR_HELLO_INVALID`].
    pub fn parse(payload: &[u8]) -> Result<Welcome, Code> {
        let raw: RawWelcome = read(payload)?;
        if !raw.limits.valid() || !features_fit(&raw.features) || raw.lease > varint::MAX {
            return Err(Code::ERR_HELLO_INVALID);
        }
        let RawWelcome { session, secret, nonce, lease, limits, features, .. } = raw;
        Ok(Welcome { session, secret, nonce, lease, limits, features })
    }

    /// The payload of the frame.
    #[must_use]
    pub fn to_payload(&self) -> Vec<u8> {
        write(&RawWelcome {
            version: VERSION,
            session: self.session.clone(),
            secret: self.secret.clone(),
            nonce: self.nonce.clone(),
            lease: self.lease,
            limits: self.limits,
            features: self.features.clone(),
        })
    }
}

/// Bytes of a fixed length that travel as base64url; secrets do not show in logs.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Opaque<const N: usize, K>([u8; N], PhantomData<K>);

/// Marks values that may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Public;
/// Marks values that must never be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hidden;

impl<const N: usize, K> Opaque<N, K> {
    /// Wraps bytes, which the caller drew at random.
    #[must_use]
    pub const fn new(bytes: [u8; N]) -> Self {
        Opaque(bytes, PhantomData)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }

    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl<const N: usize> fmt::Display for Opaque<N, Public> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.encode())
    }
}

impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hello { session, n, limits, features, credential } = self;
        f.debug_struct("Hello")
            .field("session", session)
            .field("n", n)
            .field("limits", limits)
            .field("features", features)
            .field("credential", &credential.as_ref().map(|_| "[hidden]"))
            .finish()
    }
}

impl<const N: usize> fmt::Debug for Opaque<N, Public> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> fmt::Debug for Opaque<N, Hidden> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl<const N: usize, K> Serialize for Opaque<N, K> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.encode())
    }
}

impl<'de, const N: usize, K> Deserialize<'de> for Opaque<N, K> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        let bytes = URL_SAFE_NO_PAD.decode(&text).map_err(|_| de::Error::custom("not base64url"))?;
        Ok(Opaque::new(bytes.try_into().map_err(|_| de::Error::custom("wrong length"))?))
    }
}

#[derive(Serialize, Deserialize)]
struct RawHello {
    version: u64,
    n: u64,
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    secret: Option<Secret>,
    limits: Limits,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct RawWelcome {
    version: u64,
    session: SessionId,
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    secret: Option<Secret>,
    nonce: Nonce,
    lease: u64,
    limits: Limits,
    #[serde(default)]
    features: Vec<String>,
}

#[derive(Deserialize)]
struct RawVersion {
    version: u64,
}

/// The version decides before anything else, since another version may look different altogether.
fn read<T: de::DeserializeOwned>(payload: &[u8]) -> Result<T, Code> {
    if payload.len() > limits::HELLO {
        return Err(Code::ERR_HELLO_INVALID);
    }
    let RawVersion { version } = json::object(payload).map_err(|_| Code::ERR_HELLO_INVALID)?;
    if version != VERSION {
        return Err(if version > varint::MAX { Code::ERR_HELLO_INVALID } else { Code::ERR_VERSION });
    }
    serde_json::from_slice(payload).map_err(|_| Code::ERR_HELLO_INVALID)
}

fn write(raw: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(raw).unwrap_or_default()
}

fn features_fit(features: &[String]) -> bool {
    features.len() <= 16 && features.iter().all(|text| text.chars().count() <= 32)
}
