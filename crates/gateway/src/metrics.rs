//! What is counted. One recorder for each gateway, never a process-wide one; labels come from closed lists only.

use std::collections::BTreeMap;

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use pageport_link::CarrierKind;
use pageport_proto::Code;

/// Handles that are used often, and the recorder that they belong to.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    /// Connections taken by the front door.
    pub(crate) connections: Counter,
    /// Connections turned away because there are too many.
    pub(crate) connections_refused: Counter,
    /// Connections that speak HTTP/2.
    pub(crate) h2_connections: Counter,
    /// WebSockets, of visitors and pages, that are a stream of an HTTP/2 connection.
    pub(crate) h2_websockets: Counter,
    /// TLS handshakes that failed or took too long.
    pub(crate) tls_failed: Counter,
    /// QUIC connections that were taken.
    pub(crate) quic_connections: Counter,
    /// Sessions that were begun.
    pub(crate) sessions: Counter,
    /// Visitors whose handshake was completed.
    pub(crate) visitors: Counter,
    /// Visitors that are connected now.
    pub(crate) visitors_open: Gauge,
    /// Bytes from visitors to pages.
    pub(crate) bytes_in: Counter,
    /// Bytes from pages to visitors.
    pub(crate) bytes_out: Counter,
    /// Connections of callers to servers and to other pages, now.
    pub(crate) connects_open: Gauge,
    /// Bytes from servers to callers.
    pub(crate) connect_in: Counter,
    /// Bytes from callers to servers.
    pub(crate) connect_out: Counter,
    /// Bytes between callers and other pages, both ways.
    pub(crate) connect_pages: Counter,
}

/// Why a datagram was not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// Others came faster than they could leave.
    Queue,
    /// Its flow is no stream's.
    Unknown,
    /// It came from elsewhere than from the target.
    Unsolicited,
    /// The target's was longer than the wire takes.
    Oversize,
}

/// What is read off when somebody asks.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) connections: usize,
    pub(crate) sessions_attached: usize,
    pub(crate) sessions_parked: usize,
    /// Sessions that are attached, by kind of carrier.
    pub(crate) carriers: BTreeMap<&'static str, u64>,
    pub(crate) listeners: usize,
    pub(crate) streams: u64,
    pub(crate) memory: u64,
    pub(crate) memory_limit: u64,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let recorder = PrometheusBuilder::new().build_recorder();
        with_local_recorder(&recorder, describe);
        let counter = |name: &'static str| with_local_recorder(&recorder, || counter!(name));
        let visitors_open = with_local_recorder(&recorder, || gauge!("pageport_visitors"));
        let connects_open = with_local_recorder(&recorder, || gauge!("pageport_connects"));
        Metrics {
            connections: counter("pageport_connections_total"),
            connections_refused: counter("pageport_connections_refused_total"),
            h2_connections: counter("pageport_http2_connections_total"),
            h2_websockets: counter("pageport_http2_websockets_total"),
            tls_failed: counter("pageport_tls_failures_total"),
            quic_connections: counter("pageport_quic_connections_total"),
            sessions: counter("pageport_sessions_total"),
            visitors: counter("pageport_visitors_total"),
            bytes_in: counter("pageport_visitor_received_bytes_total"),
            bytes_out: counter("pageport_visitor_sent_bytes_total"),
            connect_in: counter("pageport_connect_received_bytes_total"),
            connect_out: counter("pageport_connect_sent_bytes_total"),
            connect_pages: counter("pageport_connect_page_bytes_total"),
            visitors_open,
            connects_open,
            recorder,
        }
    }

    /// A request, attach or stream that was refused.
    pub(crate) fn refused(&self, code: Code) {
        self.coded("pageport_refusals_total", code);
    }

    /// A carrier that was let into a session, the first one included.
    pub(crate) fn attached(&self, kind: CarrierKind) {
        with_local_recorder(&self.recorder, || {
            counter!("pageport_attaches_total", "carrier" => kind.name()).increment(1);
        });
    }

    /// A session that ended.
    pub(crate) fn session_ended(&self, code: Code) {
        self.coded("pageport_sessions_ended_total", code);
    }

    /// A request to a page that was answered, or ended for this reason.
    pub(crate) fn request_ended(&self, reason: Option<Code>) {
        let outcome = reason.map_or("complete", |code| code.name().unwrap_or("other"));
        with_local_recorder(&self.recorder, || {
            counter!("pageport_requests_total", "outcome" => outcome).increment(1);
        });
    }

    /// A connection that a caller asked for: made, or why not. `kind` is one of the wire's words.
    pub(crate) fn connected(&self, kind: &'static str, refused: Option<Code>) {
        let outcome = refused.map_or("connected", |code| code.name().unwrap_or("other"));
        with_local_recorder(&self.recorder, || {
            counter!("pageport_connects_total", "kind" => kind, "outcome" => outcome).increment(1);
        });
    }

    /// A connection that a client of a dialect asked for: made, or why not.
    pub(crate) fn dialect_connected(&self, dialect: &'static str, refused: Option<Code>) {
        let outcome = refused.map_or("connected", |code| code.name().unwrap_or("other"));
        with_local_recorder(&self.recorder, || {
            counter!("pageport_dialect_connects_total", "dialect" => dialect, "outcome" => outcome)
                .increment(1);
        });
    }

    /// So many datagrams that were dropped.
    pub(crate) fn undelivered(&self, why: Undelivered, datagrams: u64) {
        if datagrams == 0 {
            return;
        }
        let reason = match why {
            Undelivered::Queue => "queue",
            Undelivered::Unknown => "unknown",
            Undelivered::Unsolicited => "unsolicited",
            Undelivered::Oversize => "oversize",
        };
        with_local_recorder(&self.recorder, || {
            counter!("pageport_datagrams_dropped_total", "reason" => reason).increment(datagrams);
        });
    }

    /// The text that Prometheus reads.
    #[expect(clippy::cast_precision_loss, reason = "metrics are floats")]
    pub(crate) fn render(&self, now: &Snapshot) -> String {
        with_local_recorder(&self.recorder, || {
            gauge!("pageport_connections").set(now.connections as f64);
            gauge!("pageport_sessions", "state" => "attached").set(now.sessions_attached as f64);
            gauge!("pageport_sessions", "state" => "parked").set(now.sessions_parked as f64);
            for kind in CarrierKind::ALL {
                let count = now.carriers.get(kind.name()).copied().unwrap_or_default();
                gauge!("pageport_carriers", "carrier" => kind.name()).set(count as f64);
            }
            gauge!("pageport_listeners").set(now.listeners as f64);
            gauge!("pageport_streams").set(now.streams as f64);
            gauge!("pageport_memory_bytes").set(now.memory as f64);
            gauge!("pageport_memory_limit_bytes").set(now.memory_limit as f64);
        });
        self.recorder.handle().render()
    }

    fn coded(&self, name: &'static str, code: Code) {
        let code = code.name().unwrap_or("other");
        with_local_recorder(&self.recorder, || counter!(name, "code" => code).increment(1));
    }
}

fn describe() {
    describe_counter!("pageport_connections_total", "Connections taken by the front door.");
    describe_counter!("pageport_connections_refused_total", "Connections over the limit.");
    describe_counter!("pageport_http2_connections_total", "Connections that speak HTTP/2.");
    describe_counter!("pageport_http2_websockets_total", "WebSockets over HTTP/2, of visitors and pages.");
    describe_counter!("pageport_tls_failures_total", "TLS handshakes that failed or took too long.");
    describe_counter!("pageport_quic_connections_total", "QUIC connections taken, for WebTransport.");
    describe_counter!("pageport_sessions_total", "Sessions that were begun.");
    describe_counter!("pageport_sessions_ended_total", "Sessions that ended, by code.");
    describe_counter!("pageport_attaches_total", "Carriers that were let into a session, by kind.");
    describe_counter!(
        "pageport_refusals_total",
        "Requests, attaches and streams that were refused, by code."
    );
    describe_counter!(
        "pageport_requests_total",
        "Requests to pages that have ended: complete, or the code that says why not."
    );
    describe_counter!("pageport_visitors_total", "Visitors whose handshake was completed.");
    describe_counter!("pageport_visitor_received_bytes_total", "Bytes from visitors to pages.");
    describe_counter!("pageport_visitor_sent_bytes_total", "Bytes from pages to visitors.");
    describe_counter!(
        "pageport_connects_total",
        "Connections that callers asked for, by kind: connected, or the code that says why not."
    );
    describe_counter!(
        "pageport_dialect_connects_total",
        "Connections that clients of the dialects asked for, by dialect: connected, or the code that says why not."
    );
    describe_counter!("pageport_connect_received_bytes_total", "Bytes from servers to callers.");
    describe_counter!("pageport_connect_sent_bytes_total", "Bytes from callers to servers.");
    describe_counter!(
        "pageport_datagrams_dropped_total",
        "Datagrams of callers and targets that were not passed on, by reason."
    );
    describe_counter!(
        "pageport_connect_page_bytes_total",
        "Bytes between callers and other pages, both ways."
    );
    describe_gauge!("pageport_connects", "Connections of callers to servers and other pages now.");
    describe_gauge!("pageport_connections", "Connections to the front door now.");
    describe_gauge!("pageport_sessions", "Sessions now, by state.");
    describe_gauge!("pageport_carriers", "Sessions that are attached now, by kind of carrier.");
    describe_gauge!("pageport_listeners", "Names that are listened to now.");
    describe_gauge!("pageport_visitors", "Visitors that are connected now.");
    describe_gauge!("pageport_streams", "Streams now, over all sessions.");
    describe_gauge!("pageport_memory_bytes", "Bytes kept for all sessions now.");
    describe_gauge!("pageport_memory_limit_bytes", "The limit of that.");
}
