//! Who vouches for a target: whom the system trusts, and whom a rule names besides.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pageport_link::{LinkError, Trust};
use rustls::ClientConfig;

/// Certificates to trust. The system's are read when they are first needed.
#[derive(Clone, Default)]
pub struct Authority {
    /// The file (PEM) that names more of them.
    pub file: Option<PathBuf>,
    trust: Arc<Mutex<Trust>>,
}

impl Authority {
    /// What the system trusts, and the certificates of this file.
    ///
    /// # Errors
    /// [`LinkError::Certificate`] when there is none in it.
    pub fn new(file: PathBuf, pem: &[u8]) -> Result<Authority, LinkError> {
        let mut trust = Trust::default();
        trust.add(pem)?;
        Ok(Authority { file: Some(file), trust: Arc::new(Mutex::new(trust)) })
    }

    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, LinkError> {
        self.trust.lock().unwrap_or_else(PoisonError::into_inner).config()
    }
}

impl PartialEq for Authority {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file
    }
}

impl Eq for Authority {}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authority").field(&self.file).finish()
    }
}
