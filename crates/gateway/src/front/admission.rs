//! Who may attach, and what they may do then: an allowed origin, or a credential. Decided before a session, name or target is
//! touched, and on every attach anew.
//!
//! A credential says everything about its bearer. Without one an allowed origin may have listeners by name, and never ports: a public
//! page cannot keep a secret, so whatever its origin may do, anybody may.

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;
use pageport_proto::Code;
use pageport_proto::head::Kind;
use pageport_proto::name::Name;

use super::connection::Connection;
use super::credential::{Token, bearer};
use super::grants::Grants;
use super::jwt::Issued;
use super::origin::Origin;
use crate::config::Policy;
use crate::shared::Shared;

/// Whoever asks to attach, before HELLO. Two requests come from the same when everything here is equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applicant {
    origin: Option<Origin>,
    /// Whether the origin may attach without a credential.
    listed: bool,
    /// Whether this came through the door of `dev` to its own machine.
    local: bool,
    credential: Option<Credential>,
}

/// Whoever has attached. Two carriers belong to the same caller only when everything here is equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    origin: Option<Origin>,
    credential: Option<Credential>,
    /// In `dev` ports are on loopback, so that pages of this machine may have them.
    local: bool,
}

/// What a caller has shown. A token that was issued again for the same, with the same grants, is equal to the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Credential {
    Token(Arc<Token>),
    Issued(Arc<Issued>),
}

/// Tells credentials apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum CredentialId {
    /// By name.
    Token(Arc<str>),
    /// By issuer and subject.
    Issued(Arc<str>, Box<str>),
}

impl Applicant {
    /// What a request says of its sender. It may still show a credential in HELLO; see [`Applicant::prove`].
    ///
    /// `native` is for `Upgrade: pageport.v1`, which no browser can send: there an Origin is a lie.
    ///
    /// # Errors
    /// [`Code::ERR_ORIGIN_FORBIDDEN`], [`Code::ERR_CREDENTIAL_INVALID`].
    pub(crate) fn of(headers: &HeaderMap, native: bool, connection: &Connection) -> Result<Applicant, Code> {
        Applicant::of_origin(headers, native, connection)?.with_bearer(headers, &connection.shared)
    }

    /// The same, but that pages of this very origin, the gateway's own, count as listed: where the operator has put them there.
    ///
    /// # Errors
    /// As [`Applicant::of`].
    pub(crate) fn of_own_pages(
        headers: &HeaderMap,
        own: &str,
        connection: &Connection,
    ) -> Result<Applicant, Code> {
        match Origin::of(headers)? {
            Some(origin) if origin.as_str() == own => {
                let shared = &connection.shared;
                let local = shared.dev && connection.lan().is_none();
                let applicant = Applicant { origin: Some(origin), listed: true, local, credential: None };
                applicant.with_bearer(headers, shared)
            }
            _ => Applicant::of(headers, false, connection),
        }
    }

    /// The first half of it: whose page this is, who may read why it is refused.
    ///
    /// # Errors
    /// [`Code::ERR_ORIGIN_FORBIDDEN`].
    pub(crate) fn of_origin(
        headers: &HeaderMap,
        native: bool,
        connection: &Connection,
    ) -> Result<Applicant, Code> {
        Applicant::from(Origin::of(headers)?, native, connection)
    }

    fn from(origin: Option<Origin>, native: bool, connection: &Connection) -> Result<Applicant, Code> {
        let shared = &connection.shared;
        let policy = shared.policy.load();
        let listed = origin.as_ref().is_some_and(|origin| match connection.lan() {
            // Another machine's `localhost` is not ours.
            Some(lan) => *origin == lan.origin,
            None => policy.origins.allow(origin, &shared.address.base),
        });
        if let Some(origin) = &origin {
            let known = listed || policy.credential_names(origin);
            if native || !known || origin.is_under(&shared.address.base) {
                return Err(Code::ERR_ORIGIN_FORBIDDEN);
            }
        }
        let local = shared.dev && connection.lan().is_none();
        Ok(Applicant { origin, listed, local, credential: None })
    }

    /// The second half: the credential that the request shows.
    ///
    /// # Errors
    /// [`Code::ERR_CREDENTIAL_INVALID`].
    pub(crate) fn with_bearer(self, headers: &HeaderMap, shared: &Shared) -> Result<Applicant, Code> {
        let credential = bearer(headers)?.map(|text| Credential::find(text, shared)).transpose()?;
        Ok(Applicant { credential, ..self })
    }

    /// The origin that the request named.
    pub(crate) fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Whether this comes from the same origin as a caller; what either has shown besides makes no difference.
    pub(crate) fn is_of_origin_of(&self, caller: &Caller) -> bool {
        self.origin == caller.origin
    }

    /// Adds the credential of a HELLO. After this the caller has proven one thing at least.
    ///
    /// # Errors
    /// [`Code::ERR_CREDENTIAL_REQUIRED`] when there is nothing, [`Code::ERR_CREDENTIAL_INVALID`] for an unknown credential, for two
    /// that differ, or for one that is not for this origin.
    pub(crate) fn prove(self, credential: Option<&str>, shared: &Shared) -> Result<Caller, Code> {
        let shown = credential.map(|text| Credential::find(text, shared)).transpose()?;
        self.show(shown)
    }

    /// The same for whoever has proven a key that stands for this token.
    ///
    /// # Errors
    /// As [`Applicant::prove`].
    pub(crate) fn prove_token(self, token: Arc<Token>) -> Result<Caller, Code> {
        if token.expiry.is_some_and(|expiry| expiry <= SystemTime::now()) {
            return Err(Code::ERR_CREDENTIAL_INVALID);
        }
        self.show(Some(Credential::Token(token)))
    }

    fn show(self, shown: Option<Credential>) -> Result<Caller, Code> {
        let credential = match (self.credential, shown) {
            (Some(one), Some(other)) if one != other => return Err(Code::ERR_CREDENTIAL_INVALID),
            (one, other) => one.or(other),
        };
        match &credential {
            None if self.listed => {}
            None => return Err(Code::ERR_CREDENTIAL_REQUIRED),
            Some(credential) => {
                let from = self.origin.as_ref();
                let named = credential.grants().origins.as_ref();
                let fits = match named {
                    Some(origins) => from.is_some_and(|origin| origins.contains(origin)),
                    None => self.listed || from.is_none(),
                };
                if !fits {
                    return Err(Code::ERR_CREDENTIAL_INVALID);
                }
            }
        }
        Ok(Caller { origin: self.origin, credential, local: self.local })
    }
}

impl Caller {
    /// Judges it again, for what it wants now: its credential may have been taken back or be over, its origin may not be listed any more.
    ///
    /// # Errors
    /// Why it would not be let in as what it was, or ([`Code::ERR_TARGET_FORBIDDEN`]) may not be connected to others any more.
    pub(crate) fn check(&self, connection: &Connection) -> Result<(), Code> {
        let policy = connection.shared.policy.load();
        let credential = match &self.credential {
            None => None,
            Some(shown) => {
                Some(shown.current(&policy, SystemTime::now()).ok_or(Code::ERR_CREDENTIAL_INVALID)?)
            }
        };
        let caller = Applicant::from(self.origin.clone(), false, connection)?.show(credential)?;
        if caller.may_connect() { Ok(()) } else { Err(Code::ERR_TARGET_FORBIDDEN) }
    }

    /// Whether this is a page of that origin.
    pub(crate) fn is_of(&self, origin: &Origin) -> bool {
        self.origin.as_ref() == Some(origin)
    }

    /// Whether this caller may have listeners of a kind, and under this name; a random name needs no permission of its own.
    pub(crate) fn may(&self, kind: Kind, name: Option<&Name>) -> bool {
        match self.grants() {
            Some(grants) => grants.listen(kind, name),
            None => kind != Kind::Tcp || self.local,
        }
    }

    /// Whether this caller may have a port of the operator's range for this kind: then it may have TCP listeners, too.
    pub(crate) fn may_port(&self, kind: Kind) -> bool {
        self.may(kind, None) && self.may(Kind::Tcp, None)
    }

    /// Whether this caller may be connected to others.
    pub(crate) fn may_connect(&self) -> bool {
        self.grants().is_none_or(|grants| grants.connect)
    }

    /// Where its page came from; `None` for a program.
    pub(crate) fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// The name of its token, or of whoever issued it.
    pub(crate) fn credential_name(&self) -> Option<&str> {
        match self.credential.as_ref()? {
            Credential::Token(token) => Some(&token.name),
            Credential::Issued(issued) => Some(&issued.issuer),
        }
    }

    /// What the credential allows; `None` without one.
    pub(crate) fn grants(&self) -> Option<&Grants> {
        self.credential.as_ref().map(Credential::grants)
    }

    /// Whose credential it is; `None` without one.
    pub(crate) fn credential_id(&self) -> Option<CredentialId> {
        Some(match self.credential.as_ref()? {
            Credential::Token(token) => CredentialId::Token(Arc::clone(&token.name)),
            Credential::Issued(issued) => {
                CredentialId::Issued(Arc::clone(&issued.issuer), issued.subject.clone())
            }
        })
    }

    /// For logs: the origin, or the name of the token or issuer; never the token, nor whom it was issued for.
    pub(crate) fn label(&self) -> &str {
        match (&self.origin, &self.credential) {
            (Some(origin), _) => origin.as_str(),
            (None, Some(Credential::Token(token))) => &token.name,
            (None, Some(Credential::Issued(issued))) => &issued.issuer,
            (None, None) => "nobody",
        }
    }
}

impl Credential {
    /// Whose a text is: a static token, or else one that was issued.
    fn find(text: &str, shared: &Shared) -> Result<Credential, Code> {
        let (policy, now) = (shared.policy.load(), SystemTime::now());
        match policy.tokens.find(text, now) {
            Ok(token) => Ok(Credential::Token(token)),
            Err(_) => {
                let issued = policy.issuers.verify(text, &shared.address.site(), now)?;
                Ok(Credential::Issued(Arc::new(issued)))
            }
        }
    }

    /// As it is now; `None`: it would not be taken any more.
    fn current(&self, policy: &Policy, now: SystemTime) -> Option<Credential> {
        match self {
            Credential::Token(token) => {
                let current = policy.tokens.named(&token.name)?;
                let counts =
                    current.sha256 == token.sha256 && current.expiry.is_none_or(|expiry| now < expiry);
                counts.then_some(Credential::Token(current))
            }
            Credential::Issued(issued) => policy.issuers.stand_by(issued, now).then(|| self.clone()),
        }
    }

    fn grants(&self) -> &Grants {
        match self {
            Credential::Token(token) => &token.grants,
            Credential::Issued(issued) => &issued.grants,
        }
    }
}
