//! `/.well-known/pageport`: what this gateway speaks and where, for programs and pages that only know its origin.

use serde_json::{Value, json};

use crate::address::PublicAddress;
use crate::config::Policy;

/// `address` is the gateway's as whoever asks knows it, `base` where listeners have their names.
pub(crate) fn document(
    address: &PublicAddress,
    base: &str,
    policy: &Policy,
    webtransport: Option<Value>,
) -> Value {
    let limits = &policy.limits;
    let mut carriers = vec![
        json!({ "kind": "websocket", "url": address.link_websocket() }),
        json!({ "kind": "bytes", "url": address.link_bytes() }),
        json!({ "kind": "http", "up": address.link_http("up"), "down": address.link_http("down") }),
    ];
    carriers.extend(webtransport);
    json!({
        "version": pageport_proto::hello::VERSION,
        "base": base,
        "carriers": carriers,
        "services": ["listen:websocket", "listen:http", "listen:page", "connect:page", "connect:websocket", "measure"],
        "dialects": policy.dialects.names().collect::<Vec<_>>(),
        "module": format!("{}pageport.js", address.url()),
        "limits": {
            "streams": limits.streams_per_session,
            "listeners": limits.listeners_per_session,
            "lease": limits.lease.as_secs(),
            "answer": limits.accept_timeout.as_secs(),
        },
    })
}
