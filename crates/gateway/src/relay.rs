//! A visitor's socket and its page's stream, joined and counted.

use bytes::Bytes;
use metrics::Gauge;
use pageport_link::relay::{self, Moved};
use pageport_link::{Socket, Stream};
use pageport_proto::Code;

use crate::metrics::Metrics;

pub(crate) use pageport_link::relay::{Unfinished, broken, tear};

/// Relays until both directions have ended, or one side broke.
pub(crate) async fn run(socket: impl Into<Socket>, read_ahead: Bytes, stream: Stream, metrics: &Metrics) {
    let _open = Open::new(&metrics.visitors_open);
    let count = |moved| match moved {
        Moved::In(bytes) => metrics.bytes_in.increment(bytes),
        Moved::Out(bytes) => metrics.bytes_out.increment(bytes),
    };
    if let Err(broken) = relay::run(socket, read_ahead, stream, Code::ERR_VISITOR_GONE, count).await {
        tracing::debug!(%broken, "a visitor was cut short");
    }
}

/// Counts what is open.
pub(crate) struct Open<'m>(&'m Gauge);

impl Open<'_> {
    pub(crate) fn new(gauge: &Gauge) -> Open<'_> {
        gauge.increment(1.0);
        Open(gauge)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
