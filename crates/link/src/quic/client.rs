//! A native program's end of WebTransport: whom to believe, and the request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use sha2::{Digest as _, Sha256};
use url::Url;
use web_transport_quinn::proto::{self, ConnectRequest};
use web_transport_quinn::quinn::crypto::rustls::QuicClientConfig;
use web_transport_quinn::quinn::{self, Endpoint, VarInt};
use web_transport_quinn::{ClientError, ConnectError, Session};

use super::transport;
use crate::{Carrier, LinkError};

/// Bytes of all streams on their way from the gateway: its session's budget and what that retains, and the frames.
const WINDOW: u32 = 17 << 20;
/// Native streams that a gateway may have at once, and those of HTTP/3.
const STREAMS: u32 = 1_028;

/// Connects to `https://authority path` at this address.
pub(crate) async fn connect(
    address: SocketAddr,
    host: &str,
    url: &str,
    credential: Option<&str>,
    mut tls: ClientConfig,
) -> Result<Carrier, LinkError> {
    tls.alpn_protocols = vec![web_transport_quinn::ALPN.as_bytes().to_vec()];
    let crypto = QuicClientConfig::try_from(tls).map_err(LinkError::broken)?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    let mut transport = transport();
    transport
        .receive_window(VarInt::from_u32(WINDOW))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_bidi_streams(VarInt::from_u32(0));
    config.transport_config(Arc::new(transport));
    let any: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let endpoint = Endpoint::client((any, 0).into())?;
    let connecting = endpoint.connect_with(config, address, host).map_err(LinkError::broken)?;
    let connection = connecting.await.map_err(LinkError::broken)?;
    let url = Url::parse(url).map_err(|_| LinkError::Address(url.to_owned()))?;
    let mut headers = HeaderMap::new();
    if let Some(token) = credential {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| LinkError::Code(pageport_proto::Code::ERR_CREDENTIAL_INVALID))?;
        // It is not printed, and does not enter QPACK's table.
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let request = ConnectRequest::new(url).with_headers(headers);
    let session = Session::connect(connection, request).await.map_err(refusal)?;
    Carrier::webtransport_client(session).await
}

/// What a gateway that does not want a session answers.
fn refusal(error: ClientError) -> LinkError {
    match error {
        ClientError::HttpError(
            ConnectError::ErrorStatus(status)
            | ConnectError::ProtoError(
                proto::ConnectError::ErrorStatus(status) | proto::ConnectError::WrongStatus(Some(status)),
            ),
        ) => LinkError::Refused { status: status.as_u16(), code: None },
        error => LinkError::broken(error),
    }
}

/// Believes certificates with these hashes (SHA-256) and no others, as browsers do with `serverCertificateHashes`.
#[derive(Debug)]
pub(crate) struct Pinned {
    hashes: Vec<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    /// A configuration of TLS 1.3 that believes them.
    ///
    /// # Errors
    /// When ring speaks no TLS 1.3.
    pub(crate) fn config(hashes: &[[u8; 32]]) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let pinned = Pinned { hashes: hashes.to_vec(), provider: Arc::clone(&provider) };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(pinned));
        Ok(builder.with_no_client_auth())
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let hash: [u8; 32] = Sha256::digest(certificate).into();
        if self.hashes.contains(&hash) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
