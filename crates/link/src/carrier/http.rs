//! The carrier `http`: numbered carrier messages over plain requests (§9).
//!
//! No connection belongs to it: whoever serves or makes requests feeds it. It has no offsets and no credit of its own, so what it keeps
//! is bounded by numbers: two messages up, and the last so many bytes down, for requests that are made again.
//!
//! | module | what |
//! |---|---|
//! | `line` | the gateway's end, shared by the carrier and the requests that belong to it |
//! | `upload`, `download` | one request of either kind, at the gateway |
//! | `client` | a native program's end |
//! | `kept` | messages on their way down, until they are confirmed |

mod client;
mod download;
mod kept;
mod line;
mod upload;

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::{Input, Received};
use crate::budget::Meter;
use crate::connector::http1::Requests;
use crate::{Budget, LinkError};
use client::Client;

pub use client::HttpMode;
pub(crate) use client::Polling;
pub use download::{Cut, Download};
pub use line::{HttpLimits, HttpLine};
pub use upload::Upload;

/// Numbered messages over requests; made by [`super::Carrier::http_server`], or by a connector.
#[derive(Debug)]
pub struct HttpCarrier(End);

#[derive(Debug)]
enum End {
    Gateway(HttpLine),
    Page(Box<Client>),
}

impl HttpCarrier {
    pub(super) fn server(limits: HttpLimits, budget: Budget) -> (HttpCarrier, HttpLine) {
        let line = HttpLine::new(limits, budget);
        (HttpCarrier(End::Gateway(line.clone())), line)
    }

    /// Begins a carrier. `polling` remembers when something on the way turns out to hold answers back.
    ///
    /// # Errors
    /// When the gateway refuses, or cannot be reached.
    pub(super) async fn client(requests: Requests, polling: Arc<Polling>) -> Result<HttpCarrier, LinkError> {
        Ok(HttpCarrier(End::Page(Box::new(Client::open(requests, polling).await?))))
    }

    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        deliver: impl FnMut(Received<'_>),
    ) -> Poll<io::Result<Input>> {
        match &mut self.0 {
            End::Gateway(line) => line.poll_receive(cx, deliver),
            End::Page(client) => client.poll_receive(cx, deliver),
        }
    }

    pub(super) fn start_send(&mut self, parts: Vec<Bytes>) {
        match &mut self.0 {
            End::Gateway(line) => line.start_send(parts),
            End::Page(client) => client.start_send(parts),
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            End::Gateway(line) => line.poll_flush(cx),
            End::Page(client) => client.poll_flush(cx),
        }
    }

    pub(super) fn room(&self) -> usize {
        match &self.0 {
            End::Gateway(line) => line.room(),
            End::Page(client) => client.room(),
        }
    }

    pub(super) fn rest(&mut self) {
        if let End::Gateway(line) = &self.0 {
            line.rest();
        }
    }

    /// What it holds for its page's sake, at a gateway.
    pub(super) fn meter(&self) -> Option<&Meter> {
        match &self.0 {
            End::Gateway(line) => Some(line.meter()),
            End::Page(_) => None,
        }
    }

    pub(super) fn lift_hello_limit(&mut self) {
        if let End::Gateway(line) = &self.0 {
            line.lift_hello_limit();
        }
    }

    pub(super) async fn close(mut self) {
        match &mut self.0 {
            End::Gateway(line) => line.close().await,
            End::Page(client) => client.close().await,
        }
    }
}

impl Drop for HttpCarrier {
    fn drop(&mut self) {
        if let End::Gateway(line) = &self.0 {
            line.drop_carrier();
        }
    }
}
