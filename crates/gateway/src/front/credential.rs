//! Static tokens: who a program is, and what it may do. Only hashes are kept; a token never reaches a log.

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use pageport_proto::Code;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::grants::Grants;

/// A credential as the configuration has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// For logs, and for telling sessions of different tokens apart.
    pub name: Arc<str>,
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
    /// What its bearer may do.
    pub grants: Grants,
    /// When it stops working; `None`: never.
    pub expiry: Option<SystemTime>,
}

/// All tokens of a gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens(pub Vec<Arc<Token>>);

impl Tokens {
    /// The token with this text.
    ///
    /// Every hash is compared in full, so that the time says nothing about which one is near.
    ///
    /// # Errors
    /// [`Code::ERR_CREDENTIAL_INVALID`] when there is none, or it has expired.
    pub fn find(&self, text: &str, now: SystemTime) -> Result<Arc<Token>, Code> {
        let hash = sha256(text.as_bytes());
        let mut found = None;
        for token in &self.0 {
            if bool::from(token.sha256.ct_eq(&hash)) {
                found = Some(token);
            }
        }
        found
            .filter(|token| token.expiry.is_none_or(|expiry| now < expiry))
            .cloned()
            .ok_or(Code::ERR_CREDENTIAL_INVALID)
    }
}

impl Tokens {
    /// The one of this name, expired or not.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Arc<Token>> {
        self.0.iter().find(|token| *token.name == *name).cloned()
    }
}

/// The text of `Authorization: Bearer …` (RFC 6750 §2.1).
///
/// # Errors
/// [`Code::ERR_CREDENTIAL_INVALID`] for another scheme, several fields, or characters that no token has.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Code> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().map_err(|_| Code::ERR_CREDENTIAL_INVALID)?,
        _ => return Err(Code::ERR_CREDENTIAL_INVALID),
    };
    let (scheme, token) = value.split_once(' ').ok_or(Code::ERR_CREDENTIAL_INVALID)?;
    let token = token.trim_start_matches(' ');
    let token_fits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if scheme.eq_ignore_ascii_case("bearer") && token_fits {
        Ok(Some(token))
    } else {
        Err(Code::ERR_CREDENTIAL_INVALID)
    }
}

/// SHA-256 of anything.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
