//! The server that every way leads to, on loopback, and who vouches for it where TLS is wanted.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::facts::Outcome;

pub(super) struct Target {
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    /// Who vouches for it, as PEM.
    pub(super) authority: String,
}

/// The target's end of a lane.
pub(super) struct Served {
    pub(super) reader: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) writer: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Target {
    pub(super) async fn listen(is_tls: bool) -> Outcome<Target> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (acceptor, authority) = certified()?;
        Ok(Target { listener, acceptor: is_tls.then_some(acceptor), authority })
    }

    pub(super) fn port(&self) -> u16 {
        self.listener.local_addr().map_or(0, |address| address.port())
    }

    /// The next client.
    pub(super) async fn accept(&self) -> Outcome<Served> {
        let socket = self.socket().await?;
        self.serve(socket).await
    }

    /// The same, before anything was said.
    pub(super) async fn socket(&self) -> Outcome<TcpStream> {
        let (socket, _) = self.listener.accept().await?;
        socket.set_nodelay(true)?;
        Ok(socket)
    }

    pub(super) async fn serve(&self, socket: TcpStream) -> Outcome<Served> {
        let Some(acceptor) = &self.acceptor else {
            let (reader, writer) = socket.into_split();
            return Ok(Served { reader: Box::new(reader), writer: Box::new(writer) });
        };
        let (reader, writer) = tokio::io::split(acceptor.accept(socket).await?);
        Ok(Served { reader: Box::new(reader), writer: Box::new(writer) })
    }
}

/// A server of an authority of its own.
fn certified() -> Outcome<(TlsAcceptor, String)> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let authority = STANDARD.encode(params.self_signed(&key)?.der());
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    let pem = format!("-----BEGIN CERTIFICATE-----\n{authority}\n-----END CERTIFICATE-----\n");
    Ok((TlsAcceptor::from(Arc::new(config)), pem))
}
