//! What the gateway says with a code: HTTP status, meaning and advice, as `spec/errors.md` has them. A test compares both.

use http::StatusCode;
use pageport_proto::Code;

/// A row of `spec/errors.md` that has an HTTP status.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Advice {
    pub(crate) code: Code,
    pub(crate) status: StatusCode,
    pub(crate) meaning: &'static str,
    pub(crate) hint: &'static str,
}

/// The row of a code; one without a status never answers a request, so it would be a bug here.
pub(crate) fn of(code: Code) -> &'static Advice {
    TABLE.iter().find(|row| row.code == code).unwrap_or(&TABLE[0])
}

const TABLE: &[Advice] = &[
    row(
        Code::ERR_INTERNAL,
        StatusCode::INTERNAL_SERVER_ERROR,
        "A bug on the side that reports it.",
        "Report it, with the log line.",
    ),
    row(
        Code::ERR_ATTACH_ORIGIN,
        StatusCode::FORBIDDEN,
        "Another origin or credential than the one that began the session or carrier.",
        "Start a new session.",
    ),
    row(
        Code::ERR_OVERLOADED,
        StatusCode::SERVICE_UNAVAILABLE,
        "The gateway's memory budget is used up, or it looks up as many names as it may.",
        "Wait, then try again.",
    ),
    row(
        Code::ERR_GOING_AWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        "The gateway is shutting down, or refused a stream because it is.",
        "Try again elsewhere or later.",
    ),
    row(
        Code::ERR_SESSION_LIMIT,
        StatusCode::SERVICE_UNAVAILABLE,
        "The gateway has as many sessions as it allows.",
        "Wait, then try again.",
    ),
    row(
        Code::ERR_CARRIER_UNKNOWN,
        StatusCode::NOT_FOUND,
        "No carrier has this id (any more).",
        "Attach again with a carrier of a new id.",
    ),
    row(
        Code::ERR_CARRIER_SEQUENCE,
        StatusCode::CONFLICT,
        "A message's or an acknowledgement's number that does not follow, or an older request in place of a newer one.",
        "Attach again with a carrier of a new id.",
    ),
    row(
        Code::ERR_CARRIER_REQUEST,
        StatusCode::BAD_REQUEST,
        "A body that is no carrier's request.",
        "Fix the encoder.",
    ),
    row(
        Code::ERR_REJECTED,
        StatusCode::FORBIDDEN,
        "The page refused the visitor; it may choose another status.",
        "Ask whoever runs the page.",
    ),
    row(
        Code::ERR_TARGET_UNREACHABLE,
        StatusCode::BAD_GATEWAY,
        "The program behind the listener, or the server or page that was asked for, does not answer, or broke off.",
        "Start it, or try again.",
    ),
    row(
        Code::ERR_RATE_LIMIT,
        StatusCode::TOO_MANY_REQUESTS,
        "More visitors in a second than the listener's credential allows.",
        "Come again more slowly.",
    ),
    row(
        Code::ERR_TARGET_FORBIDDEN,
        StatusCode::FORBIDDEN,
        "No rule of the gateway allows this target to this caller (any more), or it is the gateway itself.",
        "Ask the operator for an `[[allow]]`.",
    ),
    row(
        Code::ERR_TARGET_UNRESOLVED,
        StatusCode::BAD_GATEWAY,
        "The target's name has no address.",
        "Check the name.",
    ),
    row(
        Code::ERR_TARGET_TIMEOUT,
        StatusCode::GATEWAY_TIMEOUT,
        "The target did not answer in time.",
        "Try again later.",
    ),
    row(
        Code::ERR_CONNECT_LIMIT,
        StatusCode::SERVICE_UNAVAILABLE,
        "More connections or measurements at once, or more measured bytes, than a session, or all clients of the dialects, may have.",
        "Close one first.",
    ),
    row(
        Code::ERR_TARGET_CONNECTION_REFUSED,
        StatusCode::BAD_GATEWAY,
        "Nobody listens at the target's port.",
        "Start the server, or check the port.",
    ),
    row(
        Code::ERR_TARGET_LIMIT,
        StatusCode::TOO_MANY_REQUESTS,
        "As many connections as the rule for this target allows, at once or in a second.",
        "Come again a moment later.",
    ),
    row(
        Code::ERR_HOST_INVALID,
        StatusCode::BAD_REQUEST,
        "No Host, several, or one that is not a host.",
        "Send one Host.",
    ),
    row(
        Code::ERR_HOST_UNKNOWN,
        StatusCode::MISDIRECTED_REQUEST,
        "This gateway does not serve that Host.",
        "Check the URL.",
    ),
    row(
        Code::ERR_ORIGIN_FORBIDDEN,
        StatusCode::FORBIDDEN,
        "The Origin is not in the gateway's list.",
        "Add the exact origin to `link.origins`.",
    ),
    row(
        Code::ERR_CREDENTIAL_REQUIRED,
        StatusCode::UNAUTHORIZED,
        "Neither an allowed origin nor a credential.",
        "Send `Authorization: Bearer`.",
    ),
    row(
        Code::ERR_CREDENTIAL_INVALID,
        StatusCode::UNAUTHORIZED,
        "The credential is unknown, expired or may not do this.",
        "Check the token.",
    ),
    row(Code::ERR_NOT_FOUND, StatusCode::NOT_FOUND, "Nothing at this path.", "Check the URL."),
    row(
        Code::ERR_METHOD_NOT_ALLOWED,
        StatusCode::METHOD_NOT_ALLOWED,
        "The path does not take this method.",
        "See the Allow header.",
    ),
    row(
        Code::ERR_UPGRADE_REQUIRED,
        StatusCode::UPGRADE_REQUIRED,
        "The path only takes an upgrade that is spoken here.",
        "Connect with a WebSocket client.",
    ),
    row(
        Code::ERR_HANDSHAKE_INVALID,
        StatusCode::BAD_REQUEST,
        "The WebSocket handshake breaks RFC 6455.",
        "Fix the client.",
    ),
    row(
        Code::ERR_HEADER_INVALID,
        StatusCode::BAD_REQUEST,
        "A header field with characters that may not be in it.",
        "Fix the client.",
    ),
    row(
        Code::ERR_HEADERS_TOO_LARGE,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "More or longer header fields than allowed.",
        "Send fewer.",
    ),
    row(
        Code::ERR_LISTENER_UNKNOWN,
        StatusCode::NOT_FOUND,
        "No listener has this name.",
        "Check the URL, or whether the page is open.",
    ),
    row(
        Code::ERR_LISTENER_AWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        "The page is away, perhaps for a moment.",
        "Try again after Retry-After.",
    ),
    row(
        Code::ERR_LISTENER_BUSY,
        StatusCode::SERVICE_UNAVAILABLE,
        "The page has as many streams as it takes.",
        "Try again after Retry-After.",
    ),
    row(
        Code::ERR_ACCEPT_TIMEOUT,
        StatusCode::GATEWAY_TIMEOUT,
        "The page did not answer in time.",
        "Try again later.",
    ),
    row(
        Code::ERR_BAD_REPLY,
        StatusCode::BAD_GATEWAY,
        "The page's answer cannot be passed on.",
        "Fix the page.",
    ),
    row(
        Code::ERR_CONNECTION_LIMIT,
        StatusCode::SERVICE_UNAVAILABLE,
        "The gateway has as many connections as it allows.",
        "Try again later.",
    ),
    row(
        Code::ERR_BODY_TIMEOUT,
        StatusCode::REQUEST_TIMEOUT,
        "The request's body stood still for too long.",
        "Send it faster.",
    ),
    row(
        Code::ERR_PAGE_ABORTED,
        StatusCode::BAD_GATEWAY,
        "The page gave up before it had answered.",
        "Try again later.",
    ),
    row(
        Code::ERR_BODY_TOO_LARGE,
        StatusCode::PAYLOAD_TOO_LARGE,
        "The request's body is longer than the path takes.",
        "Send less.",
    ),
    row(
        Code::ERR_TARGET_INVALID,
        StatusCode::BAD_REQUEST,
        "The path or query names no target in the form that is taken.",
        "Write `/tcp/HOST/PORT`, an IPv6 address in brackets, or the target's `token`.",
    ),
];

const fn row(code: Code, status: StatusCode, meaning: &'static str, hint: &'static str) -> Advice {
    Advice { code, status, meaning, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_one_of_the_specification() {
        let specification = include_str!("../../../../spec/errors.md");
        let mut rows = 0;
        for line in specification.lines() {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [number, name, _, status, meaning, hint] = cells[..] else { continue };
            let (Ok(number), false) = (number.parse(), status.is_empty()) else { continue };
            let row = of(Code::from_number(number));
            assert_eq!(row.code.name(), Some(name));
            assert_eq!((row.status.as_str(), row.meaning, row.hint), (status, meaning, hint), "{name}");
            rows += 1;
        }
        assert_eq!(rows, TABLE.len());
    }
}
