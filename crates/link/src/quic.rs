//! WebTransport over HTTP/3 (draft-ietf-webtrans-http3), both ends: sockets, windows, and the CONNECT request. What a session carries is for
//! [`crate::carrier`].
//!
//! Before somebody is let in, a connection may have a few streams and little on its way; what it may have then is what its
//! session pays for.

use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use rustls::ServerConfig;
use tokio::time::timeout;
use web_transport_quinn::Request;
use web_transport_quinn::quinn;
use web_transport_quinn::quinn::crypto::rustls::QuicServerConfig;
use web_transport_quinn::quinn::{
    Endpoint, EndpointConfig, IdleTimeout, TokioRuntime, TransportConfig, VarInt,
};

use crate::{Carrier, LinkError};

pub(crate) use client::{Pinned, connect};

mod client;

/// A connection that says nothing at all is gone; a session's PING comes twice as often.
const IDLE: u32 = 30_000;
/// Bytes of all streams on their way before a connection carries a session: HTTP/3's settings, a request, HELLO, RESUME.
pub(crate) const WINDOW_BEFORE: u32 = 64 * 1024;
/// Unidirectional streams before that: HTTP/3 has three, some clients one more.
const STREAMS_BEFORE: u32 = 8;
/// Bidirectional streams, ever: the CONNECT request and the one that has the frames.
const BIDIRECTIONAL: u32 = 2;
/// Bytes of one stream on their way: no window of a session's stream is larger.
pub(crate) const STREAM_WINDOW: u32 = 4 << 20;
/// What may leave at a time and be neither acknowledged nor lost: 1 Gbit/s over 32 ms.
const SEND_WINDOW: u64 = 4 << 20;
/// Datagrams that wait in QUIC, in bytes: as many as wait in a session.
const DATAGRAMS: usize = 64 * 1_280;
/// How long an answer that refuses may take to arrive.
const FAREWELL: Duration = Duration::from_secs(2);

/// A gateway's end of a UDP port.
#[derive(Debug, Clone)]
pub struct WebTransportEndpoint(Endpoint);

/// A connection that nothing has been done for yet.
pub struct IncomingConnection(quinn::Incoming);

/// A request for a WebTransport session.
pub struct WebTransportRequest(Request);

impl WebTransportEndpoint {
    /// Takes connections at this socket. ALPN is set here; the certificate is the configuration's.
    ///
    /// # Errors
    /// When the socket cannot be used, or the configuration speaks no TLS 1.3.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(socket: UdpSocket, tls: &ServerConfig) -> io::Result<WebTransportEndpoint> {
        let config = server_config(tls)?;
        Endpoint::new(EndpointConfig::default(), Some(config), socket, Arc::new(TokioRuntime))
            .map(WebTransportEndpoint)
    }

    /// From now on new connections are shown this certificate.
    ///
    /// # Errors
    /// When the configuration speaks no TLS 1.3.
    pub fn set_tls(&self, tls: &ServerConfig) -> io::Result<()> {
        self.0.set_server_config(Some(server_config(tls)?));
        Ok(())
    }

    /// The next connection; `None` once this is closed.
    pub async fn accept(&self) -> Option<IncomingConnection> {
        self.0.accept().await.map(IncomingConnection)
    }

    /// What it listens on.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Ends all connections, and waits until their peers have been told, if they can be.
    pub async fn close(&self) {
        self.0.close(VarInt::from_u32(0), b"");
        let _ = timeout(FAREWELL, self.0.wait_idle()).await;
    }
}

impl IncomingConnection {
    /// Who asks; perhaps somebody else's address, as long as it is not [validated](Self::is_validated).
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.0.remote_address()
    }

    /// Whether whoever asks receives what is sent to its address.
    #[must_use]
    pub fn is_validated(&self) -> bool {
        self.0.remote_address_validated()
    }

    /// Makes it prove that, at the price of a round trip (RFC 9000 §8.1.2).
    pub fn retry(self) {
        let _ = self.0.retry();
    }

    /// Turns it away.
    pub fn refuse(self) {
        self.0.refuse();
    }

    /// The handshake of QUIC, and the request.
    ///
    /// # Errors
    /// [`LinkError::Timeout`] when either takes longer than its limit; [`LinkError::WebTransport`] for what is neither.
    pub async fn request(
        self,
        handshake: Duration,
        request: Duration,
    ) -> Result<WebTransportRequest, LinkError> {
        let connecting = self.0.accept().map_err(LinkError::broken)?;
        let connection = timeout(handshake, connecting)
            .await
            .map_err(|_| LinkError::Timeout)?
            .map_err(LinkError::broken)?;
        let asked = timeout(request, Request::accept(connection)).await.map_err(|_| LinkError::Timeout)?;
        asked.map(WebTransportRequest).map_err(LinkError::broken)
    }
}

impl WebTransportRequest {
    /// Scheme, host, port, path and query, as the client knows them.
    #[must_use]
    pub fn url(&self) -> &str {
        self.0.url.as_str()
    }

    /// Header fields, without those that begin with a colon.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// Begins the session, and waits for the stream that has the frames; both within `limit`, since how fast the answer leaves is for the
    /// client to say. `streams` is how many native streams the peer may have at once.
    ///
    /// # Errors
    /// [`LinkError::Timeout`], [`LinkError::WebTransport`]. The connection has ended then.
    pub async fn accept(self, streams: u32, limit: Duration) -> Result<Carrier, LinkError> {
        let begun = async {
            let session = self.0.ok().await.map_err(LinkError::broken)?;
            Carrier::webtransport_server(session, streams).await
        };
        timeout(limit, begun).await.map_err(|_| LinkError::Timeout)?
    }

    /// Answers with a status in place of a session.
    pub async fn refuse(self, status: StatusCode) {
        let connection = self.0.conn().clone();
        let told = async {
            if self.0.reject(status).await.is_ok() {
                connection.closed().await;
            }
        };
        let _ = timeout(FAREWELL, told).await;
        connection.close(VarInt::from_u32(0), b"");
    }
}

impl fmt::Debug for IncomingConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IncomingConnection")
    }
}

impl fmt::Debug for WebTransportRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebTransportRequest")
    }
}

fn server_config(tls: &ServerConfig) -> io::Result<quinn::ServerConfig> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![web_transport_quinn::ALPN.as_bytes().to_vec()];
    let crypto = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    let mut transport = transport();
    transport
        .receive_window(VarInt::from_u32(WINDOW_BEFORE))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS_BEFORE))
        .max_concurrent_bidi_streams(VarInt::from_u32(BIDIRECTIONAL));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// What both ends have in common.
fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE))))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(Some(DATAGRAMS))
        .datagram_send_buffer_size(DATAGRAMS);
    transport
}
