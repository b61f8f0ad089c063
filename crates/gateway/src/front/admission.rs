//! Who may attach: an allowed origin, or a credential. Decided before a session, name or target is touched, and on every attach anew.

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;
use pageport_proto::Code;

use super::credential::{Token, bearer};
use super::origin::Origin;
use crate::config::Policy;

/// Whoever attaches. Two carriers belong to the same caller only when everything here is equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    origin: Option<Origin>,
    same_origin: bool,
    token: Option<Arc<Token>>,
}

impl Caller {
    /// What a request says of its sender. A program may still prove itself in HELLO; see [`Caller::prove`].
    ///
    /// `native` is for `Upgrade: pageport.v1`, which no browser can send: there an Origin is a lie.
    ///
    /// # Errors
    /// [`Code::ERR_ORIGIN_FORBIDDEN`], [`Code::ERR_CREDENTIAL_INVALID`].
    pub(crate) fn of(headers: &HeaderMap, native: bool, policy: &Policy, base: &str) -> Result<Caller, Code> {
        let origin = Origin::of(headers)?;
        if origin.as_ref().is_some_and(|origin| native || !policy.origins.allow(origin, base)) {
            return Err(Code::ERR_ORIGIN_FORBIDDEN);
        }
        let token = bearer(headers)?.map(|text| policy.tokens.find(text, SystemTime::now())).transpose()?;
        // Browsers set this field and let no page touch it (Fetch Metadata); only they leave Origin out with it.
        let same_origin = !native
            && origin.is_none()
            && headers.get("sec-fetch-site").is_some_and(|site| site.as_bytes() == b"same-origin");
        Ok(Caller { origin, same_origin, token })
    }

    /// Adds the credential of a HELLO. After this the caller has proven one thing at least.
    ///
    /// # Errors
    /// [`Code::ERR_CREDENTIAL_REQUIRED`] when there is nothing, [`Code::ERR_CREDENTIAL_INVALID`] for an unknown token, or for two
    /// that differ.
    pub(crate) fn prove(mut self, credential: Option<&str>, policy: &Policy) -> Result<Caller, Code> {
        if let Some(text) = credential {
            let token = policy.tokens.find(text, SystemTime::now())?;
            if self.token.replace(Arc::clone(&token)).is_some_and(|other| other != token) {
                return Err(Code::ERR_CREDENTIAL_INVALID);
            }
        }
        if self.origin.is_none() && !self.same_origin && self.token.is_none() {
            return Err(Code::ERR_CREDENTIAL_REQUIRED);
        }
        Ok(self)
    }

    /// Whether this caller may have names. An allowed origin may: a public page cannot keep a token.
    pub(crate) fn may_listen(&self) -> bool {
        self.origin.is_some() || self.same_origin || self.token.as_ref().is_some_and(|token| token.may.listen)
    }

    /// Whether this caller may have public ports: programs with a credential, and in `dev` its pages. Anybody may load a public page,
    /// so that an origin alone never opens a port.
    pub(crate) fn may_tcp(&self, dev: bool) -> bool {
        if dev { self.may_listen() } else { self.token.as_ref().is_some_and(|token| token.may.listen) }
    }

    /// For logs: the origin or the token's name, never the token.
    pub(crate) fn label(&self) -> &str {
        match (&self.origin, &self.token) {
            (Some(origin), _) => origin.as_str(),
            (None, Some(token)) => &token.name,
            (None, None) => "same-origin",
        }
    }
}
