//! Whether a page is there to be asked, and why it cannot be.

use pageport_link::{OpenError, SessionState};
use pageport_proto::Code;
use tokio::time::timeout;

use crate::sessions::Entry;
use crate::shared::Shared;

/// Waits a moment for a page that is away.
///
/// # Errors
/// [`Code::ERR_GOING_AWAY`], [`Code::ERR_LISTENER_AWAY`], [`Code::ERR_LISTENER_UNKNOWN`] when its session has ended.
pub(crate) async fn present(shared: &Shared, entry: &Entry) -> Result<(), Code> {
    if shared.lifetime.is_draining() {
        return Err(Code::ERR_GOING_AWAY);
    }
    if matches!(entry.session.state(), SessionState::Attached) {
        return Ok(());
    }
    let wait = shared.policy.load().limits.parked_wait;
    match timeout(wait, entry.session.attached()).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Code::ERR_LISTENER_UNKNOWN),
        Err(_) => Err(Code::ERR_LISTENER_AWAY),
    }
}

/// Why a page's session takes no stream now.
pub(crate) fn open_code(error: OpenError) -> Code {
    match error {
        OpenError::StreamLimit(_) => Code::ERR_LISTENER_BUSY,
        OpenError::Overloaded => Code::ERR_OVERLOADED,
        OpenError::GoingAway => Code::ERR_GOING_AWAY,
        OpenError::NotAttached => Code::ERR_LISTENER_AWAY,
        OpenError::Closed(_) => Code::ERR_LISTENER_UNKNOWN,
        OpenError::Head(Code::ERR_HEAD_TOO_LARGE) => Code::ERR_HEADERS_TOO_LARGE,
        OpenError::Head(_) => Code::ERR_INTERNAL,
    }
}

/// Whether it may be otherwise a moment later.
pub(crate) fn will_pass(code: Code) -> bool {
    matches!(
        code,
        Code::ERR_GOING_AWAY
            | Code::ERR_LISTENER_AWAY
            | Code::ERR_LISTENER_BUSY
            | Code::ERR_OVERLOADED
            | Code::ERR_RATE_LIMIT
            | Code::ERR_TARGET_LIMIT
    )
}
