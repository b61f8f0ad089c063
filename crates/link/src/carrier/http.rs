//! The carrier `http`: numbered carrier messages over plain requests (§9).
//!
//! No connection belongs to it: whoever serves or makes requests feeds it. It has no offsets and no credit of its own, so what it keeps
//! is bounded by numbers: two messages up, and the last so many bytes down, for requests that are made again.
//!
//! | module | what |
//! |---|---|
//! | `line` | the gateway's end, shared by the carrier and the requests that belong to it |
//! | `upload`, `download` | one request of either kind, at the gateway |
//! | `kept` | messages on their way down, until they are confirmed |

mod download;
mod kept;
mod line;
mod upload;

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::{Input, Received};
use crate::Budget;

pub use download::{Cut, Download};
pub use line::{HttpLimits, HttpLine};
pub use upload::Upload;

/// Numbered messages over requests; made by [`super::Carrier::http_server`].
#[derive(Debug)]
pub struct HttpCarrier(HttpLine);

impl HttpCarrier {
    pub(super) fn server(limits: HttpLimits, budget: Budget) -> (HttpCarrier, HttpLine) {
        let line = HttpLine::new(limits, budget);
        (HttpCarrier(line.clone()), line)
    }

    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        deliver: impl FnMut(Received<'_>),
    ) -> Poll<io::Result<Input>> {
        self.0.poll_receive(cx, deliver)
    }

    pub(super) fn start_send(&mut self, parts: Vec<Bytes>) {
        self.0.start_send(parts);
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    pub(super) fn room(&self) -> usize {
        self.0.room()
    }

    pub(super) fn rest(&mut self) {
        self.0.rest();
    }

    pub(super) fn lift_hello_limit(&mut self) {
        self.0.lift_hello_limit();
    }

    pub(super) async fn close(self) {
        self.0.close().await;
    }
}

impl Drop for HttpCarrier {
    fn drop(&mut self) {
        self.0.drop_carrier();
    }
}
