//! `/wisp/`: many connections over one WebSocket.

use std::sync::Arc;

use http::{Request, Response};
use pageport_proto::Code;

use super::admit;
use crate::front::body::Body;
use crate::front::connection::Connection;
use crate::front::respond::Refusal;

/// Answers a request for it.
///
/// # Errors
/// The refusal, by code.
pub(super) fn serve(
    connection: &Arc<Connection>,
    request: &mut Request<()>,
) -> Result<Response<Body>, Refusal> {
    let _caller = admit(connection, request, false)?;
    Err(Code::ERR_NOT_FOUND.into())
}
