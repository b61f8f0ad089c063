//! TLS at the front door: with which certificate, and who may speak what inside it. Keys stay here; they reach no log.
//!
//! | module | what |
//! |---|---|
//! | `files` | certificate and key from files, checked to belong together |
//! | `made` | a certificate of the gateway's own making, for development |

mod files;
mod made;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub use files::{CertificateFiles, TlsError};
pub use made::MakeError;
pub(crate) use made::{MadeCertificate, Shown};

/// RFC 9113 §3.2; RFC 7301 §6.
pub(crate) const ALPN_H2: &[u8] = b"h2";
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// What the front door shows to prove whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// A certificate from files.
    Files(CertificateFiles),
    /// A certificate that the gateway makes itself, which browsers believe only when they are told to.
    Made {
        /// Names and addresses that it is for, beside the base domain, its listeners and loopback.
        names: Vec<String>,
    },
}

impl Tls {
    /// The files that it was read from.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Tls::Files(files) => vec![files.cert.clone(), files.key.clone()],
            Tls::Made { .. } => Vec::new(),
        }
    }
}

/// TLS 1.3 and 1.2 by ring. No early data: a request could be replayed. HTTP/2 is preferred, as browsers do.
fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![ALPN_H2.to_vec(), ALPN_HTTP1.to_vec()];
    Ok(Arc::new(config))
}
