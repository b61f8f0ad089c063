//! `/websockify?token=NAME`: the same as `/tcp`, to a target that an operator has given a public name. The name is no credential: whoever may use this
//! path may know it.

use std::sync::Arc;

use http::{Request, Response};
use pageport_proto::Code;

use super::tcp::{carry, shaken};
use super::{admission, connect, seeker};
use crate::front::body::Body;
use crate::front::connection::Connection;
use crate::front::handshake::Wanted;
use crate::front::link::upgrade_required;
use crate::front::percent::decoded;
use crate::front::respond::Refusal;

const NAME: &str = "websockify";

/// Answers a request for it.
///
/// # Errors
/// The refusal, by code.
pub(super) async fn serve(
    connection: &Arc<Connection>,
    request: &mut Request<()>,
) -> Result<Response<Body>, Refusal> {
    let shared = &connection.shared;
    let caller = admission::admit_own_pages(connection, request)?;
    if Wanted::of(request) != Wanted::WebSocket {
        return Err(upgrade_required("websocket"));
    }
    let handshake = shaken(request)?;
    let alias = request.uri().query().and_then(token).ok_or(Code::ERR_TARGET_INVALID)?;
    let found = shared.policy.load().websockify.targets.get(&*alias).cloned();
    let Some(to) = found else {
        shared.metrics.dialect_connected(NAME, Some(Code::ERR_TARGET_FORBIDDEN));
        return Err(Refusal::from(Code::ERR_TARGET_FORBIDDEN).message("No target has this token."));
    };
    let mut seeker = seeker(&caller, NAME);
    seeker.party.alias = Some(alias.into());
    let reached = connect::connect_as(shared, seeker, NAME, to).await?;
    carry(connection, request, &handshake, reached)
}

/// The one `token` of a query.
fn token(query: &str) -> Option<String> {
    let mut values = query.split('&').filter_map(|pair| pair.strip_prefix("token="));
    match (values.next(), values.next()) {
        (Some(value), None) => decoded(&value.replace('+', " ")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_one_token_or_none() {
        for (query, found) in [
            ("token=desk", Some("desk")),
            ("a=b&token=two%20words", Some("two words")),
            ("token=two+words&c", Some("two words")),
            ("token=%2561", Some("%61")),
            ("token=one&token=two", None),
            ("tokens=desk", None),
            ("token=%f", None),
            ("", None),
        ] {
            assert_eq!(token(query).as_deref(), found, "{query}");
        }
    }
}
