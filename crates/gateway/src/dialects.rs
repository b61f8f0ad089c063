//! For clients that know nothing of pages: what they speak to be connected to TCP servers. Who may attach may use these, and they lead where a page
//! could be connected to, by the same rules; each has a switch of its own.
//!
//! | module | what |
//! |---|---|
//! | `admission` | who may use a dialect, and how many connections there are |
//! | `connect` | from a target to a connection, before anything is answered |
//! | `tcp` | `/tcp/{host}/{port}`: one connection over one WebSocket, or as raw bytes |
//! | `websockify` | the same to targets that have a public name |
//! | `messages`, `raw`, `splice` | what moves these bytes |
//! | [`frames`] | RFC 6455, as it comes |
//! | `end` | either end of a connection |
//! | `wisp` | `/wisp/`: many connections over one WebSocket |
//!
//! Must never look up or connect to anything for somebody who may not attach, nor collect what is on its way.

mod admission;
mod connect;
mod end;
pub mod frames;
mod messages;
mod raw;
mod splice;
mod tcp;
mod websockify;
pub mod wisp;

use std::sync::Arc;

use crate::config::Dialects;
use crate::front::body::Body;
use crate::front::connection::Connection;
use crate::front::respond::Refusal;
use http::{Request, Response};

pub(crate) use admission::{admit, place, refused, seeker};
pub(crate) use splice::Pipes;

const TCP: &str = "/tcp/";
const WEBSOCKIFY: &str = "/websockify";
const WISP: &str = "/wisp/";

/// Whether this path of the gateway's own site is a dialect's that is on.
pub(crate) fn speaks(path: &str, on: Dialects) -> bool {
    match path {
        WEBSOCKIFY => on.websockify,
        WISP => on.wisp,
        path => path.starts_with(TCP) && (on.tcp || on.upgrade),
    }
}

/// Answers a request for one that is spoken.
///
/// # Errors
/// The refusal, by code.
pub(crate) async fn serve(
    connection: &Arc<Connection>,
    request: &mut Request<()>,
) -> Result<Response<Body>, Refusal> {
    match request.uri().path() {
        WISP => wisp::serve(connection, request),
        WEBSOCKIFY => websockify::serve(connection, request).await,
        _ => tcp::serve(connection, request).await,
    }
}
