//! File descriptors: every connection needs one, and many systems allow 1,024 unless a program asks for what it may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one. Says how many there are now; `None`: no limit.
pub(crate) fn raise() -> Option<u64> {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => before.maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit of file descriptors stays");
            before.current
        }
    }
}

/// Says so when more connections are configured than can be open.
pub(crate) fn warn_if_few(connections: u64, descriptors: Option<u64>) {
    if let Some(descriptors) = descriptors.filter(|descriptors| *descriptors < connections) {
        tracing::warn!(connections, descriptors, "`limits.connections` is more than this process may open");
    }
}
