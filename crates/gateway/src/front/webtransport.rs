//! `/link` over HTTP/3: where pages attach by WebTransport. One request for each QUIC connection, under the same rules of host and origin as
//! over TCP; nothing else is served here.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, Request, StatusCode, Version};
use pageport_link::{IncomingConnection, WebTransportEndpoint, WebTransportRequest};
use pageport_proto::Code;
use rustls::ServerConfig;
use serde_json::{Value, json};

use super::admission::Applicant;
use super::advice;
use super::connection::Connection;
use super::headers;
use super::host::Site;
use super::link::origin_of_claims;
use crate::address::PublicAddress;
use crate::config::{Limits, Policy};
use crate::lifetime::Slots;
use crate::sessions;
use crate::shared::Shared;
use crate::tls::{MadeCertificate, MakeError, Shown, Tls};

/// How often it is looked whether another certificate is to be shown.
const REFRESH: Duration = Duration::from_secs(10);
/// From this part of the connections on, who asks has to prove its address first.
const BUSY: u64 = 4;

/// The front door's sockets for QUIC, and the certificate that is shown there.
pub(crate) struct QuicDoor {
    endpoints: Vec<WebTransportEndpoint>,
    connections: Slots,
    base: Box<str>,
    made: MadeCertificate,
    shown: Mutex<Certificate>,
}

/// A certificate, and its hash when nobody believes it otherwise.
struct Certificate {
    config: Arc<ServerConfig>,
    hash: Option<[u8; 32]>,
}

/// Why QUIC cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// No certificate can be made.
    #[error(transparent)]
    Certificate(#[from] MakeError),
    /// A socket cannot be used, or the certificate cannot.
    #[error("cannot speak QUIC: {0}")]
    Socket(#[from] std::io::Error),
}

impl QuicDoor {
    /// Takes the sockets. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// See [`DoorError`].
    pub(crate) fn open(sockets: Vec<UdpSocket>, policy: &Policy, base: &str) -> Result<QuicDoor, DoorError> {
        let made = MadeCertificate::default();
        let shown = certificate(&made, policy, base)?;
        let open = |socket| WebTransportEndpoint::new(socket, &shown.config);
        let endpoints = sockets.into_iter().map(open).collect::<Result<_, _>>()?;
        let connections = Slots::default();
        Ok(QuicDoor { endpoints, connections, base: base.into(), made, shown: Mutex::new(shown) })
    }

    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &WebTransportEndpoint> {
        self.endpoints.iter()
    }

    /// What `/.well-known/pageport` says of it.
    pub(crate) fn describe(&self, address: &PublicAddress) -> Value {
        let mut entry = json!({ "kind": "webtransport", "url": address.link_webtransport() });
        let hash = self.shown.lock().unwrap_or_else(PoisonError::into_inner).hash;
        if let Some(hash) = hash {
            entry["hashes"] = json!([URL_SAFE_NO_PAD.encode(hash)]);
        }
        entry
    }

    /// Ends what is still open.
    pub(crate) async fn close(&self) {
        for endpoint in &self.endpoints {
            endpoint.close().await;
        }
    }

    /// Shows another certificate when the files have changed, or the own one is too old. Where `[tls]` has been taken away the old one
    /// stays: QUIC has no form without, and whoever believes it would believe no other.
    pub(crate) fn refresh(&self, policy: &Policy) -> Result<(), DoorError> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if policy.tls.is_none() && shown.hash.is_none() {
            return Ok(());
        }
        let next = certificate(&self.made, policy, &self.base)?;
        if !Arc::ptr_eq(&shown.config, &next.config) {
            for endpoint in &self.endpoints {
                endpoint.set_tls(&next.config)?;
            }
            *shown = next;
        }
        Ok(())
    }
}

/// The front door's certificate where others believe it, one of its own otherwise.
fn certificate(made: &MadeCertificate, policy: &Policy, base: &str) -> Result<Certificate, MakeError> {
    match &policy.tls {
        Some(Tls::Files(files)) => Ok(Certificate { config: files.config(), hash: None }),
        Some(Tls::Made { .. }) | None => {
            let Shown { config, sha256 } = made.shown(base, &[])?;
            Ok(Certificate { config, hash: Some(sha256) })
        }
    }
}

/// Takes connections for as long as the endpoint lives.
pub(crate) async fn run(shared: Arc<Shared>, endpoint: WebTransportEndpoint) {
    let Some(door) = &shared.webtransport else { return };
    let mut refresh = tokio::time::interval(REFRESH);
    loop {
        tokio::select! {
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => take(&shared, door, incoming),
                None => return,
            },
            _ = refresh.tick() => {
                if let Err(error) = door.refresh(&shared.policy.load()) {
                    tracing::error!(%error, "certificate for QUIC");
                }
            }
        }
    }
}

fn take(shared: &Arc<Shared>, door: &QuicDoor, incoming: IncomingConnection) {
    let limits = &shared.policy.load().limits;
    let open = u64::try_from(door.connections.open()).unwrap_or(u64::MAX);
    if open >= limits.webtransport_connections / BUSY && !incoming.is_validated() {
        return incoming.retry();
    }
    let slots =
        (shared.connections.take(limits.connections), door.connections.take(limits.webtransport_connections));
    let (Some(slot), Some(own)) = slots else {
        shared.metrics.connections_refused.increment(1);
        return incoming.refuse();
    };
    shared.metrics.quic_connections.increment(1);
    let connection = Arc::new(Connection::new(Arc::clone(shared), incoming.peer(), (slot, own)));
    shared.lifetime.spawn(serve(connection, incoming));
}

async fn serve(connection: Arc<Connection>, incoming: IncomingConnection) {
    let shared = &connection.shared;
    let limits = shared.policy.load().limits.clone();
    let request = match incoming.request(limits.tls_timeout, limits.header_timeout).await {
        Ok(request) => request,
        Err(error) => return tracing::debug!(%error, peer = %connection.peer, "no request over QUIC"),
    };
    let (applicant, origin) = match admit(&connection, &request, &limits) {
        Ok(admitted) => admitted,
        Err((code, status)) => {
            shared.metrics.refused(code);
            tracing::debug!(%code, peer = %connection.peer, "WebTransport refused");
            return request.refuse(status).await;
        }
    };
    let streams = u32::try_from(limits.webtransport_streams).unwrap_or(u32::MAX);
    match request.accept(streams, limits.hello_timeout).await {
        Ok(carrier) => sessions::arrive(shared, connection.peer, carrier, applicant, origin).await,
        Err(error) => tracing::debug!(%error, peer = %connection.peer, "no first stream"),
    }
}

/// Whose request it is, and the gateway's origin as its page knows it.
fn admit(
    connection: &Connection,
    request: &WebTransportRequest,
    limits: &Limits,
) -> Result<(Applicant, Box<str>), (Code, StatusCode)> {
    let shared = &connection.shared;
    let coded = |code| (code, advice::of(code).status);
    if shared.lifetime.is_draining() {
        return Err(coded(Code::ERR_GOING_AWAY));
    }
    let mut head = Request::new(());
    *head.uri_mut() = request.url().parse().map_err(|_| coded(Code::ERR_HOST_INVALID))?;
    *head.headers_mut() = request.headers().clone();
    *head.version_mut() = Version::HTTP_2;
    *head.method_mut() = Method::CONNECT;
    let site = Site::of(head.version(), head.uri(), head.headers(), &shared.address.base).map_err(coded)?;
    headers::check_size(&head, limits).map_err(coded)?;
    if site != Site::Gateway || head.uri().path() != "/link" {
        return Err(coded(Code::ERR_NOT_FOUND));
    }
    let applicant = Applicant::of(head.headers(), false, connection).map_err(coded)?;
    let origin = origin_of_claims(connection, &head).map_err(coded)?;
    Ok((applicant, origin))
}
