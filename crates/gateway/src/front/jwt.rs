//! Short-lived tokens that an application's own server issues: JSON Web Tokens (RFC 7519) signed with Ed25519 (RFC 8037), and nothing
//! else of that family. Verified offline. The algorithm is never the token's to choose.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pageport_proto::Code;
use pageport_proto::claim::{self, Key, PrivateKey};
use pageport_proto::hello::Opaque;
use pageport_proto::json;
use serde::{Deserialize, Serialize};

use super::grants::{Asked, Grants, said};

/// How far the clocks of issuer and gateway may be apart, where that makes a token invalid too early.
const LEEWAY: u64 = 30;
/// The longest token, as HELLO has it.
const LENGTH: usize = 2_048;
/// The longest subject.
const SUBJECT: usize = 128;

/// Whose tokens a gateway takes, and what they may allow at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The claim `iss`.
    pub name: Arc<str>,
    /// What its tokens are signed with.
    pub key: Key,
    /// How far ahead they may end.
    pub lifetime: Duration,
    /// More than this no token of it may ask for.
    pub bounds: Grants,
}

/// All issuers of a gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issuers(pub Vec<Issuer>);

/// Whom a token was issued for, and what it allows. When it ends is no part of that: a later token for the same is the same.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Who says so.
    pub issuer: Arc<str>,
    /// The claim `sub`.
    pub subject: Box<str>,
    /// What it allows.
    pub grants: Grants,
    /// When it ends.
    pub expiry: SystemTime,
    /// The issuer as it was.
    by: Issuer,
}

impl PartialEq for Issued {
    fn eq(&self, other: &Issued) -> bool {
        (&self.issuer, &self.subject, &self.grants) == (&other.issuer, &other.subject, &other.grants)
    }
}

impl Eq for Issued {}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer's name.
    pub iss: String,
    /// For whom: 1 to 128 characters that mean something to the issuer.
    pub sub: String,
    /// The gateway's origin, `scheme://host[:port]`.
    pub aud: Audience,
    /// When it ends, in seconds of Unix time.
    pub exp: u64,
    /// Since when it counts.
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// What it allows; as much as the issuer may give where it does not say.
    #[serde(default)]
    pub pageport: Asked,
}

/// One audience, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Any of these.
    Any(Vec<String>),
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    /// Extensions that must be understood (RFC 7515 §4.1.11); none is.
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct IssuedBy {
    iss: String,
}

/// Signs a token.
#[must_use]
pub fn sign(key: &PrivateKey, claims: &Claims) -> String {
    let header = Header { alg: "EdDSA".to_owned(), typ: Some("JWT".to_owned()), crit: None };
    let bytes = |json: Result<Vec<u8>, _>| json.unwrap_or_default();
    sign_parts(key, &bytes(serde_json::to_vec(&header)), &bytes(serde_json::to_vec(claims)))
}

/// Signs header and claims as they are written, be they right or not (RFC 7515 §7.1).
#[must_use]
pub fn sign_parts(key: &PrivateKey, header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_bytes()))
}

impl Issuers {
    /// Whom a token was issued for. `audience` is this gateway's origin.
    ///
    /// # Errors
    /// [`Code::ERR_CREDENTIAL_INVALID`] for whatever is wrong with it; more would help only who guesses.
    pub fn verify(&self, token: &str, audience: &str, now: SystemTime) -> Result<Issued, Code> {
        self.find(token, audience, now).ok_or(Code::ERR_CREDENTIAL_INVALID)
    }

    /// Whether what was issued still counts: it has not ended, and its issuer is what it was.
    #[must_use]
    pub fn stand_by(&self, issued: &Issued, now: SystemTime) -> bool {
        now < issued.expiry && self.0.contains(&issued.by)
    }

    fn find(&self, token: &str, audience: &str, now: SystemTime) -> Option<Issued> {
        let (signed, signature) = token.rsplit_once('.').filter(|_| token.len() <= LENGTH)?;
        let (header, payload) = signed.split_once('.')?;
        let Header { alg, typ, crit } = json::object(&decode(header)?).ok()?;
        let typ_fits = typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
        if alg != "EdDSA" || !typ_fits || crit.is_some() {
            return None;
        }
        let payload = decode(payload)?;
        let IssuedBy { iss } = json::object(&payload).ok()?;
        let issuer = self.0.iter().find(|issuer| *issuer.name == *iss)?;
        let signature = Opaque::new(decode(signature)?.try_into().ok()?);
        if !claim::verify(&issuer.key, signed.as_bytes(), &signature) {
            return None;
        }
        let claims: Claims = json::object(&payload).ok()?;
        claims.count(audience, now, issuer.lifetime).then_some(())?;
        let grants = issuer.bounds.within(&claims.pageport)?;
        let expiry = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(claims.exp))?;
        let (by, name) = (issuer.clone(), Arc::clone(&issuer.name));
        Some(Issued { issuer: name, subject: claims.sub.into(), grants, expiry, by })
    }
}

impl Claims {
    /// Whether they are for this gateway and for now.
    fn count(&self, audience: &str, now: SystemTime, lifetime: Duration) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let for_us = match &self.aud {
            Audience::One(one) => one == audience,
            Audience::Any(list) => list.iter().any(|one| one == audience),
        };
        for_us
            && now < self.exp
            && self.exp <= now.saturating_add(lifetime.as_secs()).saturating_add(LEEWAY)
            && self.nbf.is_none_or(|begin| begin <= now.saturating_add(LEEWAY))
            && (1..=SUBJECT).contains(&self.sub.chars().count())
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
