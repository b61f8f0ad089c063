//! Certificates of a test's own authority, and TLS clients that trust it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pageport_gateway::front::credential::sha256;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::client::soon;

/// An authority, and a directory with what it signed.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    directory: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("pageport-tls-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("an authority").der().clone();
        Authority { issuer: Issuer::new(params, key), certificate, directory }
    }

    /// Writes a certificate and its key for these names, and says where: `[tls]` of a configuration.
    pub(crate) fn sign(&self, file: &str, names: &[&str]) -> String {
        self.sign_as(file, names, |_| {})
    }

    /// The same for a certificate that has expired.
    pub(crate) fn sign_expired(&self, file: &str, names: &[&str]) -> String {
        self.sign_as(file, names, |params| params.not_after = date_time_ymd(2001, 1, 1))
    }

    fn sign_as(&self, file: &str, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(names).expect("names");
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        self.write(&format!("{file}.pem"), &pem("CERTIFICATE", certificate.der()));
        self.write(&format!("{file}.key"), &pem("PRIVATE KEY", &key.serialize_der()));
        self.section(file, file)
    }

    /// A server for these names that speaks one of these protocols, and the SHA-256 of its certificate.
    pub(crate) fn server(&self, names: &[&str], alpn: &[&str]) -> (TlsAcceptor, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("names");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        let hash = sha256(&certificate).iter().map(|byte| format!("{byte:02x}")).collect();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a certificate");
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        (TlsAcceptor::from(Arc::new(config)), hash)
    }

    /// `ca` of a rule that trusts this authority.
    pub(crate) fn ca(&self) -> String {
        format!("ca = {:?}\n", self.file("ca.pem", &self.certificate()))
    }

    pub(crate) fn section(&self, cert: &str, key: &str) -> String {
        let path = |name: String| self.directory.join(name).display().to_string();
        format!("[tls]\ncert = {:?}\nkey = {:?}\n", path(format!("{cert}.pem")), path(format!("{key}.key")))
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.directory.join(file), text).expect("is written");
    }

    /// Writes a file into the directory of this authority, and says where.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        self.write(name, text);
        self.directory.join(name).display().to_string()
    }

    /// In PEM.
    pub(crate) fn certificate(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// A TLS connection that offers these protocols.
    pub(crate) async fn connect(&self, address: SocketAddr, alpn: &[&str]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let tcp = soon(TcpStream::connect(address)).await.expect("connects");
        let name = ServerName::try_from("localhost").expect("a name");
        soon(TlsConnector::from(Arc::new(config)).connect(name, tcp)).await.expect("a trusted certificate")
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A connection to whoever is there, whatever its certificate.
pub(crate) async fn connect_blindly(address: SocketAddr) -> TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Blind))
        .with_no_client_auth();
    let tcp = soon(TcpStream::connect(address)).await.expect("connects");
    let name = ServerName::try_from("localhost").expect("a name");
    soon(TlsConnector::from(Arc::new(config)).connect(name, tcp)).await.expect("a handshake")
}

#[derive(Debug)]
struct Blind;

impl ServerCertVerifier for Blind {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// The first certificate that the other end showed.
pub(crate) fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().expect("certificates")[0].to_vec()
}

fn pem(kind: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}
