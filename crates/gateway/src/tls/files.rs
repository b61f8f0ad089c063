//! Certificate and key from PEM files. They are read once and checked to belong together: what is wrong shows before anybody connects.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::server_config;
use crate::front::credential::sha256;

/// A certificate with its key, as it was in its files when they were read.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// The chain, the gateway's own certificate first.
    pub cert: PathBuf,
    /// The key of the first certificate: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
    /// Of the first certificate, as `openssl x509 -fingerprint -sha256` shows it.
    pub sha256: [u8; 32],
    config: Arc<ServerConfig>,
}

impl PartialEq for CertificateFiles {
    fn eq(&self, other: &Self) -> bool {
        (&self.cert, &self.key, self.sha256) == (&other.cert, &other.key, other.sha256)
    }
}

impl Eq for CertificateFiles {}

/// A certificate or key that cannot be used: `ERR_TLS_INVALID`.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file has no PEM block of the kind that it should have, or a broken one.
    #[error("{} has no {what} in PEM: {error}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Certificate or key.
        what: &'static str,
        /// What is wrong.
        error: pem::Error,
    },
    /// Both are what they should be, but cannot be used together.
    #[error("{}: {error}", cert.display())]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// What is wrong, such as a key of another certificate.
        error: rustls::Error,
    },
}

impl CertificateFiles {
    /// Reads both files.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn read(cert: &Path, key: &Path) -> Result<CertificateFiles, TlsError> {
        let broken = |path: &Path, what| {
            let path = path.to_owned();
            move |error| TlsError::Pem { path, what, error }
        };
        let chain = CertificateDer::pem_slice_iter(&read(cert)?)
            .collect::<Result<Vec<_>, _>>()
            .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
            .map_err(broken(cert, "certificate"))?;
        let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(broken(key, "private key"))?;
        let first = chain.first().map_or([0; 32], |first| sha256(first));
        let config = server_config(chain, private)
            .map_err(|error| TlsError::Unusable { cert: cert.to_owned(), error })?;
        Ok(CertificateFiles { cert: cert.to_owned(), key: key.to_owned(), sha256: first, config })
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

impl TlsError {
    /// Whether it is about the file of the key.
    #[must_use]
    pub fn concerns(&self, key: &Path) -> bool {
        match self {
            TlsError::Unreadable { path, .. } | TlsError::Pem { path, .. } => path == key,
            TlsError::Unusable { .. } => false,
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| TlsError::Unreadable { path: path.to_owned(), error })
}
