//! HTTP/2 by hyper with our limits. What its own defaults leave open is closed here: see [`builder`] for each.

use std::sync::Arc;
use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper_util::rt::TokioTimer;

use super::h2_windows::Window;
use crate::config::Limits;
use crate::shared::Shared;

/// RFC 9113 §3.4: what every HTTP/2 connection begins with.
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Resets that hyper has not yet seen as requests, and resets that the client's mistakes made us send: beyond them the connection ends
/// with `ENHANCE_YOUR_CALM` (rapid reset, CVE-2023-44487; its mirror image, CVE-2025-8671).
const RESETS_PENDING: usize = 20;
const RESETS_OF_OURS: usize = 128;
/// What one stream may have waiting for a client that reads slowly.
const UNSENT: usize = 32 * 1024;
/// A silent client is asked whether it still exists, and given up.
const PING: Duration = Duration::from_secs(60);
const PONG: Duration = Duration::from_secs(20);

/// Hyper, with every limit that it has. Frames stay at 16 KiB, the least that RFC 9113 allows.
pub(crate) fn builder(shared: &Arc<Shared>, limits: &Limits, window: &Window) -> http2::Builder<Tasks> {
    let mut http = http2::Builder::new(Tasks(Arc::clone(shared)));
    let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    http.timer(TokioTimer::new())
        .max_concurrent_streams(small(limits.h2_streams))
        .initial_stream_window_size(small(limits.h2_window))
        .initial_connection_window_size(window.size())
        .max_header_list_size(small(limits.header_bytes + super::connection::SLACK_BYTES))
        .max_send_buf_size(UNSENT)
        .max_pending_accept_reset_streams(RESETS_PENDING)
        .max_local_error_reset_streams(RESETS_OF_OURS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .enable_connect_protocol();
    http
}

/// One field where HTTP/2 allows several, as the rest of the world expects it (RFC 9113 §8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
}

/// Runs hyper's tasks as the gateway's: they end with it.
#[derive(Clone)]
pub(crate) struct Tasks(Arc<Shared>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0.lifetime.spawn(task);
    }
}
