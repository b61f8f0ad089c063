//! Who may use a dialect: whoever may attach, and may be connected to others. Decided before a name is looked up or anything is dialled.

use http::header::ALLOW;
use http::{HeaderValue, Method, Request};
use pageport_proto::Code;
use pageport_proto::head;

use crate::egress::{Party, Seeker, Via};
use crate::front::admission::{Applicant, Caller};
use crate::front::connection::Connection;
use crate::front::link::origin_of_claims;
use crate::front::respond::{Refusal, retry_soon};
use crate::lifetime::Slot;
use crate::shared::Shared;

/// Whose request this is. `native` is for what no browser can send: there an Origin is a lie, so only a credential counts.
///
/// # Errors
/// Why the sender may not be connected to anything.
pub(crate) fn admit(connection: &Connection, request: &Request<()>, native: bool) -> Result<Caller, Refusal> {
    check(connection, request)?;
    prove(connection, Applicant::of(request.headers(), native, connection)?)
}

/// The same, and where the gateway serves pages of its operator's, for these as well.
///
/// # Errors
/// As [`admit`].
pub(super) fn admit_own_pages(connection: &Connection, request: &Request<()>) -> Result<Caller, Refusal> {
    if connection.shared.policy.load().websockify.web.is_none() {
        return admit(connection, request, false);
    }
    check(connection, request)?;
    let own = origin_of_claims(connection, request)?;
    prove(connection, Applicant::of_own_pages(request.headers(), &own, connection)?)
}

fn check(connection: &Connection, request: &Request<()>) -> Result<(), Refusal> {
    if connection.shared.lifetime.is_draining() {
        return Err(retry_soon(Code::ERR_GOING_AWAY));
    }
    if matches!(*request.method(), Method::GET | Method::CONNECT) {
        return Ok(());
    }
    let refusal = Refusal::from(Code::ERR_METHOD_NOT_ALLOWED);
    Err(refusal.header(ALLOW, HeaderValue::from_static("GET")))
}

fn prove(connection: &Connection, applicant: Applicant) -> Result<Caller, Refusal> {
    let caller = applicant.prove(None, &connection.shared)?;
    if !caller.may_connect() {
        return Err(
            Refusal::from(Code::ERR_TARGET_FORBIDDEN).message("This credential is not for connecting.")
        );
    }
    Ok(caller)
}

/// The caller as rules and logs know it: a client of a dialect has proven no key.
pub(crate) fn seeker(caller: &Caller, dialect: &'static str) -> Seeker {
    let party = Party {
        origin: caller.origin().cloned(),
        token: caller.credential_name().map(Into::into),
        ..Party::default()
    };
    Seeker { via: Via::Dialect(dialect), label: caller.label().into(), party }
}

/// A place for one more connection to a target.
///
/// # Errors
/// [`Code::ERR_CONNECT_LIMIT`]
pub(crate) fn place(shared: &Shared) -> Result<Slot, Code> {
    let limit = shared.policy.load().limits.dialect_connections;
    shared.dialects.take(limit).ok_or(Code::ERR_CONNECT_LIMIT)
}

/// Why there is no connection, as an answer to a request.
pub(crate) fn refused(why: &head::Refusal) -> Refusal {
    let refusal = Refusal::from(Code::from_name(&why.error).unwrap_or(Code::ERR_INTERNAL));
    let refusal = if why.message.is_empty() { refusal } else { refusal.message(why.message.clone()) };
    match why.retry_after {
        Some(seconds) => refusal.retry_after(seconds),
        None => refusal,
    }
}
