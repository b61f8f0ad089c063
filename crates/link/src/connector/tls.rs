//! TLS to a gateway, or to another server: the system's trusted certificates, and those that are added. HTTP/1.1 by ALPN, since a carrier, or a
//! WebSocket, is the whole connection.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::LinkError;
use crate::carrier::SharedTcp;

/// Whom to believe who somebody is: the system's certificates (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others), and those that are added.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    added: Vec<CertificateDer<'static>>,
    /// Made at the first connection; the system's certificates are many.
    config: Option<Arc<ClientConfig>>,
}

impl Trust {
    /// Trusts these certificates (PEM), too.
    ///
    /// # Errors
    /// [`LinkError::Certificate`] when there is none in it.
    pub fn add(&mut self, pem: &[u8]) -> Result<(), LinkError> {
        let wrong = |error: &dyn std::fmt::Display| LinkError::Certificate(error.to_string());
        let before = self.added.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            self.added.push(certificate.map_err(|error| wrong(&error))?);
        }
        if self.added.len() == before {
            return Err(wrong(&"no PEM block of a certificate in it"));
        }
        self.config = None;
        Ok(())
    }

    /// Reads what is trusted, once for all connections to come, if TLS is spoken at all.
    pub(crate) fn prepare(&mut self, secure: bool) -> Result<(), LinkError> {
        if secure { self.config().map(drop) } else { Ok(()) }
    }

    pub(crate) async fn connect(
        &mut self,
        host: &str,
        tcp: SharedTcp,
    ) -> Result<TlsStream<SharedTcp>, LinkError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| LinkError::Address(host.to_owned()))?;
        let connector = TlsConnector::from(self.config()?);
        Ok(connector.connect(name, tcp).await?)
    }

    /// For connecting with it. The first call reads what the system trusts.
    ///
    /// # Errors
    /// [`LinkError::Certificate`] for one that cannot be used.
    pub fn config(&mut self) -> Result<Arc<ClientConfig>, LinkError> {
        if let Some(config) = &self.config {
            return Ok(Arc::clone(config));
        }
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!(%error, "trusted certificates of the system");
        }
        // What the system trusts and this library cannot read is nothing to fail for.
        roots.add_parsable_certificates(system.certs);
        for certificate in &self.added {
            roots.add(certificate.clone()).map_err(|error| LinkError::Certificate(error.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| LinkError::Certificate(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let config = Arc::new(config);
        self.config = Some(Arc::clone(&config));
        Ok(config)
    }
}
