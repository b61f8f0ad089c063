//! `/tcp/{host}/{port}`: one connection, over a WebSocket or, by `Upgrade: tcp`, as raw bytes.

use std::sync::Arc;

use http::header::UPGRADE;
use http::{Method, Request, Response, Version};
use pageport_proto::Code;
use pageport_proto::target::Endpoint;

use super::end::End;
use super::{TCP, admit, connect, messages, raw};
use crate::egress::Begun;
use crate::front::body::Body;
use crate::front::connection::{Connection, socket};
use crate::front::handshake::{Handshake, Wanted, list, upgradable};
use crate::front::link::{handshake_refusal, switch, switch_to_websocket, upgrade_required};
use crate::front::percent::decoded;
use crate::front::respond::Refusal;
use crate::reach::Reached;

/// The subprotocol that clients of websockify offer; without one, messages are the same.
const BINARY: &str = "binary";
/// The name of the raw upgrade.
const RAW: &str = "tcp";

/// Answers a request for such a path.
///
/// # Errors
/// The refusal, by code.
pub(super) async fn serve(
    connection: &Arc<Connection>,
    request: &mut Request<()>,
) -> Result<Response<Body>, Refusal> {
    let on = connection.shared.policy.load().dialects;
    match Wanted::of(request) {
        Wanted::WebSocket if on.tcp => websocket(connection, request).await,
        Wanted::Unknown if on.upgrade && wants_raw(request) => upgrade(connection, request).await,
        _ => {
            admit(connection, request, false)?;
            Err(upgrade_required(match (on.tcp, on.upgrade) {
                (true, true) => "websocket, tcp",
                (true, false) => "websocket",
                _ => RAW,
            }))
        }
    }
}

async fn websocket(
    connection: &Arc<Connection>,
    request: &mut Request<()>,
) -> Result<Response<Body>, Refusal> {
    let caller = admit(connection, request, false)?;
    let handshake = shaken(request)?;
    let to = endpoint(request.uri().path()).ok_or(Code::ERR_TARGET_INVALID)?;
    let reached = connect::connect(&connection.shared, &caller, "tcp", to).await?;
    carry(connection, request, &handshake, reached)
}

async fn upgrade(connection: &Arc<Connection>, request: &mut Request<()>) -> Result<Response<Body>, Refusal> {
    let caller = admit(connection, request, true)?;
    upgradable(request.method(), request.version(), request.headers()).map_err(handshake_refusal)?;
    let to = endpoint(request.uri().path()).ok_or(Code::ERR_TARGET_INVALID)?;
    let Reached { tcp, begun, .. } = connect::connect(&connection.shared, &caller, "upgrade", to).await?;
    become_raw(connection, request, tcp, begun);
    Ok(switch(RAW))
}

/// A handshake that can be completed, from a client that knows what it is to speak.
///
/// # Errors
/// The refusal, by code.
pub(super) fn shaken(request: &Request<()>) -> Result<Handshake, Refusal> {
    let handshake = Handshake::of(request.method(), request.version(), request.headers());
    let handshake = handshake.map_err(handshake_refusal)?;
    if handshake.protocols.is_empty() || handshake.protocols.iter().any(|offered| offered == BINARY) {
        return Ok(handshake);
    }
    let refusal = Refusal::from(Code::ERR_HANDSHAKE_INVALID);
    Err(refusal.message("The handshake needs the subprotocol binary, or none."))
}

/// Completes the handshake, and relays in a task of its own.
///
/// # Errors
/// None in practice: what is answered can be in a header.
pub(super) fn carry(
    connection: &Arc<Connection>,
    request: &mut Request<()>,
    handshake: &Handshake,
    reached: Reached,
) -> Result<Response<Body>, Refusal> {
    let protocol = handshake.protocols.iter().any(|offered| offered == BINARY).then_some(BINARY);
    let response = switch_to_websocket(&handshake.accept, protocol)?;
    let upgrade = hyper::upgrade::on(request);
    let task = Arc::clone(connection);
    connection.shared.lifetime.spawn(async move {
        let Reached { tcp, begun, .. } = reached;
        let Some((client, read_ahead)) = upgrade.await.ok().and_then(socket) else { return };
        let client = End::from(client);
        messages::relay(&task.shared, client, read_ahead, tcp, begun).await;
    });
    Ok(response)
}

fn become_raw(
    connection: &Arc<Connection>,
    request: &mut Request<()>,
    tcp: tokio::net::TcpStream,
    begun: Begun,
) {
    let upgrade = hyper::upgrade::on(request);
    let task = Arc::clone(connection);
    connection.shared.lifetime.spawn(async move {
        let Some((client, read_ahead)) = upgrade.await.ok().and_then(socket) else { return };
        let client = End::from(client);
        raw::relay(&task.shared, client, read_ahead, tcp, begun).await;
    });
}

/// Browsers cannot ask for it, and over HTTP/2 there is none.
fn wants_raw(request: &Request<()>) -> bool {
    *request.method() != Method::CONNECT
        && request.version() < Version::HTTP_2
        && list(request.headers(), &UPGRADE).any(|token| token.eq_ignore_ascii_case(RAW))
}

/// The target of a path. Percent signs are decoded once; what is still strange then is no host.
fn endpoint(path: &str) -> Option<Endpoint> {
    let (host, port) = path.strip_prefix(TCP)?.split_once('/')?;
    let (host, port) = (decoded(host)?, decoded(port)?);
    // A colon outside of brackets is in no host, so these two meet at the last one.
    Endpoint::parse(&format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_one_target_or_none() {
        for (path, to) in [
            ("/tcp/a.example/80", "a.example:80"),
            ("/tcp/A.example/80", "a.example:80"),
            ("/tcp/[::1]/80", "[::1]:80"),
            ("/tcp/%5B2001:db8::1%5d/80", "[2001:db8::1]:80"),
            ("/tcp/%31%32%37.0.0.1/%38%30", "127.0.0.1:80"),
        ] {
            assert_eq!(endpoint(path).map(|to| to.to_string()).as_deref(), Some(to), "{path}");
        }
        for path in [
            "/tcp/",
            "/tcp/a",
            "/tcp/a/",
            "/tcp//80",
            "/tcp/a/80/",
            "/tcp/a/80/b",
            "/tcp/a/0",
            "/tcp/a/080",
            "/tcp/a/+80",
            "/tcp/a/65536",
            "/tcp/a/80%00",
            "/tcp/a%00/80",
            "/tcp/a%2fb/80",
            "/tcp/a%2",
            "/tcp/a%zz/80",
            "/tcp/a%/80",
            "/tcp/%2561/80",
            "/tcp/a:1/80",
            "/tcp/a%3a1/80",
            "/tcp/a@b/80",
            "/tcp/a%20b/80",
            "/tcp/::1/80",
            "/tcp/[::1%25eth0]/80",
            "/tcp/[::1%2525eth0]/80",
            "/tcp/0x7f.1/80",
            "/tcp/0177.0.0.1/80",
            "/tcp/2130706433/80",
            "/tcp/127.1/80",
            "/tcp/127.0.0.01/80",
            "/tcp/a./80",
            "/tcp/..%2f/80",
            "/tcp/%c3%a4/80",
            "/tcp/%ff/80",
            "/tcp/*/80",
            "/tcp/a/8%30%0a",
        ] {
            assert_eq!(endpoint(path), None, "{path}");
        }
    }
}
