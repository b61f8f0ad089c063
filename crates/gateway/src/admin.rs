//! The admin listener: metrics and health, for operators. It has no secrets and takes no commands, and still answers only to
//! hosts that a foreign page cannot point here.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::HOST;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use pageport_proto::Code;
use tokio::net::TcpStream;

use crate::front::body::Body;
use crate::front::host::host_of;
use crate::front::respond::Refusal;
use crate::lifetime::{Slot, Slots};
use crate::shared::Shared;

/// Admin connections at once: a scraper and a few people.
const CONNECTIONS: u64 = 64;

/// The routes, made once; connections are counted apart from the front door's, which may be full when somebody looks.
#[derive(Clone)]
pub(crate) struct Admin {
    router: Router,
    shared: Arc<Shared>,
    slots: Slots,
}

impl Admin {
    pub(crate) fn new(shared: Arc<Shared>) -> Admin {
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .fallback(|headers: HeaderMap| async move { refuse(Code::ERR_NOT_FOUND, &headers) })
            .layer(middleware::from_fn(check_host))
            .with_state(Arc::clone(&shared));
        Admin { router, shared, slots: Slots::default() }
    }

    /// Serves one connection in a task of its own; one too many is closed.
    pub(crate) fn serve(&self, stream: TcpStream) {
        if let Some(slot) = self.slots.take(CONNECTIONS) {
            self.shared.lifetime.spawn(serve(self.clone(), stream, slot));
        }
    }
}

async fn serve(admin: Admin, stream: TcpStream, _slot: Slot) {
    let timeout = admin.shared.policy.load().limits.header_timeout;
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(admin.router))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "admin connection");
    }
}

/// An address in Host means that the client was given this address; a name other than `localhost` could be anybody's (DNS rebinding).
async fn check_host(request: Request, next: Next) -> Result<Response, Infallible> {
    let headers = request.headers();
    let mut values = headers.get_all(HOST).iter();
    let host = match (values.next().map(HeaderValue::to_str), values.next()) {
        (Some(Ok(value)), None) => host_of(value),
        _ => None,
    };
    let literal = |host: &str| host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    match host {
        None => Ok(refuse(Code::ERR_HOST_INVALID, headers)),
        Some(host) if host.eq_ignore_ascii_case("localhost") || literal(host) => Ok(next.run(request).await),
        Some(_) => Ok(refuse(Code::ERR_HOST_UNKNOWN, headers)),
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let text = shared.metrics.render(&shared.snapshot());
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, HeaderValue::from_static("no-store"))], text).into_response()
}

/// Not ready while draining, so that a load balancer sends nobody any more.
async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    if shared.lifetime.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

fn refuse(code: Code, headers: &HeaderMap) -> Response {
    Refusal::from(code).into_response(headers).map(|body: Body| axum::body::Body::new(body))
}
