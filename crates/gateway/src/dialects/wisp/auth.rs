//! Who a client is that shows it by INFO: the name and the text of a token, or a signature with a key that stands for one. Until then it is nobody,
//! and reaches nothing.

use pageport_proto::Code;
use pageport_proto::claim::{Key, verify};
use pageport_proto::hello::Opaque;
use sha2::{Digest as _, Sha256, Sha512};

use super::info::{Shown, Theirs};
use super::reason::Reason;
use crate::front::admission::{Applicant, Caller};
use crate::shared::Shared;

/// What clients sign: random, and used once.
pub(super) struct Challenge([u8; 64]);

impl Challenge {
    /// # Errors
    /// [`Code::ERR_INTERNAL`]: the system has no randomness.
    pub(super) fn new() -> Result<Challenge, Code> {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes).map_err(|_| Code::ERR_INTERNAL)?;
        Ok(Challenge(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Who that is.
///
/// # Errors
/// Why nobody.
pub(super) fn authenticate(
    applicant: Applicant,
    theirs: &Theirs,
    challenge: &Challenge,
    shared: &Shared,
) -> Result<Caller, Reason> {
    let caller = match &theirs.shown {
        None => return Err(Reason::Missing),
        Some(Shown::Password { name, password }) => {
            let caller = applicant.prove(Some(password), shared).map_err(|_| Reason::Password)?;
            if caller.credential_name() != Some(name) {
                return Err(Reason::Password);
            }
            caller
        }
        Some(Shown::Signature { hash, signature }) => {
            let policy = shared.policy.load();
            let signed = |key: &Key| {
                is_hash_of(hash, key.as_bytes()) && verify(key, challenge.bytes(), &Opaque::new(**signature))
            };
            let found = policy.wisp.keys.iter().find(|(_, key)| signed(key)).ok_or(Reason::Signature)?;
            let token = policy.tokens.named(&found.0).ok_or(Reason::Signature)?;
            applicant.prove_token(token).map_err(|_| Reason::Signature)?
        }
    };
    if caller.may_connect() { Ok(caller) } else { Err(Reason::Blocked) }
}

fn is_hash_of(hash: &[u8], key: &[u8]) -> bool {
    match hash.len() {
        32 => *hash == *Sha256::digest(key),
        _ => *hash == *Sha512::digest(key),
    }
}
