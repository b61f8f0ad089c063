//! A certificate of the gateway's own making: for the base domain, its listeners and loopback. It is short-lived and P-256, as browsers
//! want it of one that they are told by its hash (WebTransport's `serverCertificateHashes`: at most 14 days), and made anew in time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use time::OffsetDateTime;

use super::server_config;
use crate::front::credential::sha256;

/// How long it may be used, and how long it is: clocks of visitors differ.
const USED: Duration = Duration::from_secs(10 * 86_400);
const VALID: Duration = Duration::from_secs(13 * 86_400);
const EARLIER: Duration = Duration::from_secs(12 * 3_600);

/// The newest one, made when it is first wanted.
#[derive(Default)]
pub(crate) struct MadeCertificate(Mutex<Option<Made>>);

struct Made {
    at: OffsetDateTime,
    names: Vec<String>,
    shown: Shown,
}

/// A certificate as it is shown.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) config: Arc<ServerConfig>,
    /// SHA-256 of the certificate.
    pub(crate) sha256: [u8; 32],
}

/// Why none can be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a certificate: {0}")]
pub struct MakeError(Box<dyn std::error::Error + Send + Sync>);

impl MadeCertificate {
    /// The current one, or a new one when that is too old or for other names.
    ///
    /// # Errors
    /// When a name cannot be in a certificate.
    pub(crate) fn config(&self, base: &str, names: &[String]) -> Result<Arc<ServerConfig>, MakeError> {
        self.shown(base, names).map(|shown| shown.config)
    }

    /// The same with its hash.
    ///
    /// # Errors
    /// When a name cannot be in a certificate.
    pub(crate) fn shown(&self, base: &str, names: &[String]) -> Result<Shown, MakeError> {
        let now = OffsetDateTime::now_utc();
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some(made) if made.names == names && (made.at..made.at + USED).contains(&now) => {
                Ok(made.shown.clone())
            }
            _ => {
                let shown = make(base, names, now)?;
                *made = Some(Made { at: now, names: names.to_vec(), shown: shown.clone() });
                Ok(shown)
            }
        }
    }
}

fn make(base: &str, names: &[String], now: OffsetDateTime) -> Result<Shown, MakeError> {
    let mut all = vec![base.to_owned(), format!("*.{base}")];
    all.extend(["localhost", "*.localhost", "127.0.0.1", "::1"].map(str::to_owned));
    all.extend_from_slice(names);
    all.sort_unstable();
    all.dedup();
    let wrong = |error: rcgen::Error| MakeError(error.into());
    let mut params = CertificateParams::new(all).map_err(wrong)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Pageport development");
    params.not_before = now - EARLIER;
    params.not_after = now + VALID;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(wrong)?;
    let certificate = params.self_signed(&key).map_err(wrong)?;
    let sha256 = sha256(certificate.der());
    let hash = sha256.map(|byte| format!("{byte:02x}")).concat();
    tracing::info!(sha256 = hash, "certificate made; browsers have to be told to trust it");
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| MakeError(error.into()))?;
    let config = server_config(vec![certificate.der().clone()], key);
    Ok(Shown { config: config.map_err(|error| MakeError(error.into()))?, sha256 })
}
