//! Pages made of QUIC streams, which can break every rule, and the door that they knock at.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use pageport_link::{WebTransportEndpoint, WebTransportRequest};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use url::Url;
use web_transport_quinn::proto::{ConnectRequest, Settings};
use web_transport_quinn::quinn::crypto::rustls::QuicClientConfig;
use web_transport_quinn::quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, TransportConfig, VarInt,
};

/// A gateway's UDP port, and its certificate.
pub(crate) struct QuicDoor {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) endpoint: WebTransportEndpoint,
}

impl QuicDoor {
    pub(crate) fn open(address: SocketAddr) -> QuicDoor {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let tls = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let socket = std::net::UdpSocket::bind(address).unwrap();
        let address = socket.local_addr().unwrap();
        let endpoint = WebTransportEndpoint::new(socket, &tls).unwrap();
        QuicDoor { address, certificate: made.cert.der().clone(), endpoint }
    }

    /// The next request for a session.
    pub(crate) async fn request(&self) -> WebTransportRequest {
        const LIMIT: Duration = Duration::from_secs(10);
        self.endpoint.accept().await.unwrap().request(LIMIT, LIMIT).await.unwrap()
    }
}

/// The page's end of a connection.
pub(crate) struct RawQuic(pub(crate) Connection);

impl RawQuic {
    /// With these limits for what the gateway may send.
    pub(crate) async fn connect(
        gateway: SocketAddr,
        certificate: &CertificateDer<'static>,
        limits: TransportConfig,
    ) -> RawQuic {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let mut tls = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![web_transport_quinn::ALPN.as_bytes().to_vec()];
        let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        config.transport_config(Arc::new(limits));
        let endpoint = Endpoint::client((Ipv4Addr::UNSPECIFIED, 0).into()).unwrap();
        RawQuic(endpoint.connect_with(config, gateway, "localhost").unwrap().await.unwrap())
    }

    /// Asks for a session, and then does nothing any more until the gateway ends the connection.
    pub(crate) async fn ask_only(door: &QuicDoor, limits: TransportConfig) -> ConnectionError {
        let RawQuic(connection) = RawQuic::connect(door.address, &door.certificate, limits).await;
        let mut control = connection.open_uni().await.unwrap();
        control.write_all(&settings()).await.unwrap();
        let ((mut request, _answer), mut bytes) = (connection.open_bi().await.unwrap(), Vec::new());
        connect_request().encode(&mut bytes).unwrap();
        request.write_all(&bytes).await.unwrap();
        connection.closed().await
    }

    /// The limits of one that takes HTTP/3's settings, which are the first that a gateway says, and not a byte of what it answers.
    pub(crate) fn deaf() -> TransportConfig {
        let mut limits = TransportConfig::default();
        limits.receive_window(VarInt::from_u32(settings().len() as u32));
        limits
    }

    /// A session of WebTransport.
    pub(crate) async fn session(&self) -> web_transport_quinn::Session {
        web_transport_quinn::Session::connect(self.0.clone(), connect_request()).await.unwrap()
    }
}

fn connect_request() -> ConnectRequest {
    ConnectRequest::new(Url::parse("https://localhost/link").unwrap())
}

/// As both ends write them.
fn settings() -> Vec<u8> {
    let (mut settings, mut bytes) = (Settings::default(), Vec::new());
    settings.enable_webtransport(1);
    settings.encode(&mut bytes);
    bytes
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
