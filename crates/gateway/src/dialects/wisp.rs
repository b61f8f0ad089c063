//! `/wisp/`: Wisp v1 and v2, many connections over one WebSocket. Clients that offer a subprotocol speak v2: they are introduced to before anything
//! else, and may show who they are in answer to it, where the operator lets them.
//!
//! | module | what |
//! |---|---|
//! | `packet`, `info`, `reason` | what travels |
//! | `auth` | who a client is |
//! | `session`, `socket` | its WebSocket |
//! | `stream`, `credit` | what it has sent, and may send |
//! | `job`, `tcp`, `udp` | its task: connections to targets |
//! | `line` | what all streams of a client share |
//!
//! The protocol gives a client no way to say how much it takes. So a client that stops reading stalls its own connection with all its streams: nothing
//! is read from targets that has no room on the way to it.

mod auth;
pub mod credit;
pub mod info;
mod job;
mod line;
pub mod packet;
pub mod reason;
mod session;
mod socket;
mod stream;
mod tcp;
mod udp;

use std::sync::Arc;

use http::{Request, Response};
use pageport_link::Rewind;
use pageport_proto::Code;

use super::admit;
use crate::front::admission::{Applicant, Caller};
use crate::front::body::Body;
use crate::front::connection::{Connection, socket};
use crate::front::handshake::{Handshake, Wanted};
use crate::front::link::{handshake_refusal, switch_to_websocket, upgrade_required};
use crate::front::respond::Refusal;
use auth::Challenge;
use info::Ours;
use session::{Farewell, Session};

/// For rules, logs and metrics.
const NAME: &str = "wisp";
/// What clients of v2 usually offer. Whatever a client offers, it speaks v2.
const PROTOCOL: &str = "wisp-v2";

/// Who a client is.
enum Who {
    /// Its request says so.
    Known(Caller),
    /// Nobody, until INFO says so.
    Unknown(Applicant),
}

/// Answers a request for it.
///
/// # Errors
/// The refusal, by code.
pub(super) fn serve(
    connection: &Arc<Connection>,
    request: &mut Request<()>,
) -> Result<Response<Body>, Refusal> {
    let who = who(connection, request)?;
    if Wanted::of(request) != Wanted::WebSocket {
        return Err(upgrade_required("websocket"));
    }
    let handshake = Handshake::of(request.method(), request.version(), request.headers());
    let handshake = handshake.map_err(handshake_refusal)?;
    let offered = &handshake.protocols;
    let chosen = offered.iter().find(|name| *name == PROTOCOL).or(offered.first()).map(String::as_str);
    let response = switch_to_websocket(&handshake.accept, chosen)?;
    let (upgrade, is_v2) = (hyper::upgrade::on(request), chosen.is_some());
    let task = Arc::clone(connection);
    connection.shared.lifetime.spawn(async move {
        let Some((stream, read_ahead)) = upgrade.await.ok().and_then(socket) else { return };
        let mut session = Session::new(&task.shared, Rewind::new(stream, read_ahead));
        let farewell = meet(&mut session, &task, who, is_v2).await;
        session.end(farewell).await;
    });
    Ok(response)
}

/// Clients without an origin, and pages of one that a token names, may say in INFO who they are, if the operator lets them and they know INFO.
fn who(connection: &Arc<Connection>, request: &Request<()>) -> Result<Who, Refusal> {
    let is_v2 = request.headers().contains_key(http::header::SEC_WEBSOCKET_PROTOCOL);
    match admit(connection, request, false) {
        Ok(caller) => Ok(Who::Known(caller)),
        Err(refusal) if refusal.code == Code::ERR_CREDENTIAL_REQUIRED => {
            if is_v2 && connection.shared.policy.load().wisp.login {
                Ok(Who::Unknown(Applicant::of(request.headers(), false, connection)?))
            } else {
                Err(refusal)
            }
        }
        Err(refusal) => Err(refusal),
    }
}

/// From the first packet to the last.
async fn meet(session: &mut Session, connection: &Connection, who: Who, is_v2: bool) -> Farewell {
    let shared = &connection.shared;
    let policy = shared.policy.load_full();
    let motd = policy.wisp.motd.as_deref();
    match who {
        Who::Known(caller) => {
            if is_v2 {
                session.introduce(&Ours { login: None, motd }.encode());
            }
            session.greet();
            session.serve(&caller, connection, None, is_v2).await
        }
        Who::Unknown(applicant) => {
            let Ok(challenge) = Challenge::new() else { return Farewell::Away };
            session.introduce(&Ours { login: Some(challenge.bytes()), motd }.encode());
            let theirs = match session.introduction().await {
                Ok(theirs) => theirs,
                Err(farewell) => return farewell,
            };
            match auth::authenticate(applicant, &theirs, &challenge, shared) {
                Ok(caller) => {
                    session.greet();
                    session.serve(&caller, connection, Some(theirs), is_v2).await
                }
                Err(reason) => {
                    shared.metrics.refused(Code::ERR_CREDENTIAL_INVALID);
                    Farewell::Told(reason)
                }
            }
        }
    }
}
