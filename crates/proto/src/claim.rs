//! Claims: proof that a name or a port belongs to a key (§7.2). What is signed, how it is verified, and how names are derived.
//!
//! Never draws a key and never remembers a nonce: both are the caller's. Only one signature is accepted for each message and key.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::Code;
use crate::head::Claim;
use crate::hello::{Hidden, Nonce, Opaque, Public, SessionId};
use crate::name::Name;

/// An Ed25519 public key (RFC 8032 §5.1.5): whom names belong to.
pub type Key = Opaque<32, Public>;
/// What a random name is derived from, besides the key.
pub type Slot = Opaque<16, Public>;
/// The 32 bytes that a private key is made of (RFC 8032 §5.1.5).
pub type Seed = Opaque<32, Hidden>;

/// Begins every message that is signed, so that the signature is good for nothing else.
const SIGNED: &[u8] = b"pageport name v1\0";
/// Begins what random names are derived from.
const DERIVED: &[u8] = b"pageport random name v1\0";

/// What is claimed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A name.
    Name(Name),
    /// A port, 0 for any.
    Port(u16),
}

/// The circumstances of a claim: it is good for this gateway, this session, this attach and nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    /// The gateway's origin as the page knows it: `scheme://host[:port]` as browsers write it.
    pub origin: &'a str,
    /// The session that will listen.
    pub session: &'a SessionId,
    /// Of the newest WELCOME.
    pub nonce: &'a Nonce,
    /// What is claimed.
    pub subject: &'a Subject,
}

/// A private key. Does not show in logs.
pub struct PrivateKey(SigningKey);

impl Statement<'_> {
    /// The bytes that are signed by the owner of a key.
    #[must_use]
    pub fn message(&self, key: &Key) -> Vec<u8> {
        let subject = self.subject.to_string();
        let parts = [
            self.origin.as_bytes(),
            self.session.as_bytes(),
            self.nonce.as_bytes(),
            subject.as_bytes(),
            key.as_bytes(),
        ];
        let mut message = SIGNED.to_vec();
        for part in parts {
            // An origin is at most some hundred bytes: it has been a host.
            let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
            message.extend_from_slice(&length.to_be_bytes());
            message.extend_from_slice(&part[..usize::from(length)]);
        }
        message
    }

    /// Whether a claim holds: the signature, and the name when it is said to be derived.
    ///
    /// # Errors
    /// [`Code::ERR_CLAIM_INVALID`].
    pub fn verify(&self, claim: &Claim) -> Result<(), Code> {
        let derived = claim.slot.as_ref().is_none_or(|slot| match self.subject {
            Subject::Name(name) => derive(&claim.key, slot).as_ref() == Some(name),
            Subject::Port(_) => false,
        });
        let signed = verify(&claim.key, &self.message(&claim.key), &claim.signature);
        if derived && signed { Ok(()) } else { Err(Code::ERR_CLAIM_INVALID) }
    }
}

/// Whether this is the one Ed25519 signature of this message that is accepted: S below the group order, neither key nor R of small
/// order, both in their canonical encoding, and the equation without cofactor.
#[must_use]
pub fn verify(key: &Key, message: &[u8], signature: &Opaque<64, Public>) -> bool {
    let signature = Signature::from_bytes(signature.as_bytes());
    is_canonical(key.as_bytes())
        && is_canonical(signature.r_bytes())
        && VerifyingKey::from_bytes(key.as_bytes())
            .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// Whether the y of an encoded point is below 2^255 − 19. (The other points with two encodings have x = 0, and small order.)
fn is_canonical(point: &[u8; 32]) -> bool {
    let high = point[1..31].iter().all(|byte| *byte == 0xff) && point[31] & 0x7f == 0x7f;
    !(high && point[0] >= 0xed)
}

/// The random name that belongs to a key and a slot; `None` when it has no digit, and another slot is to be drawn.
#[must_use]
pub fn derive(key: &Key, slot: &Slot) -> Option<Name> {
    let hash = Sha256::new()
        .chain_update(DERIVED)
        .chain_update(key.as_bytes())
        .chain_update(slot.as_bytes())
        .finalize();
    let group = |at: usize| {
        let bits = u16::from(hash[at * 5 / 8]) << 8 | u16::from(hash[at * 5 / 8 + 1]);
        let [_, group] = (bits >> (11 - at * 5 % 8) & 31).to_be_bytes();
        group
    };
    Name::random(std::array::from_fn(group))
}

impl PrivateKey {
    /// The key that these 32 bytes make, which the caller drew at random or has kept.
    #[must_use]
    pub fn new(seed: &Seed) -> PrivateKey {
        PrivateKey(SigningKey::from_bytes(seed.as_bytes()))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> Key {
        Key::new(self.0.verifying_key().to_bytes())
    }

    /// Signs anything.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Opaque<64, Public> {
        Opaque::new(self.0.sign(message).to_bytes())
    }

    /// A claim; with `slot` its subject must be the name that is derived from it.
    #[must_use]
    pub fn claim(&self, statement: &Statement<'_>, slot: Option<Slot>) -> Claim {
        let key = self.public();
        Claim { signature: self.sign(&statement.message(&key)), key, slot }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// As it is signed: the name, or `:` and the port.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Name(name) => name.fmt(f),
            Subject::Port(port) => write!(f, ":{port}"),
        }
    }
}

impl From<Name> for Subject {
    fn from(name: Name) -> Subject {
        Subject::Name(name)
    }
}

impl Subject {
    /// Reads what [`fmt::Display`] writes, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Subject> {
        let subject = match text.strip_prefix(':') {
            Some(port) => Subject::Port(port.parse().ok()?),
            None => Subject::Name(Name::parse(text)?),
        };
        (subject.to_string() == text).then_some(subject)
    }
}
