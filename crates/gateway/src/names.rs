//! Whose names are: claims that sessions make, and the keys that chosen names belong to.
//!
//! | module | what |
//! |---|---|
//! | `claims` | which claims a session may make: its nonces, each good for a name once |
//! | `bindings` | chosen names and their keys, in memory: who may have what, and until when |
//! | `journal` | the same in a file: what was acknowledged survives a crash |
//! | `record` | a line of that file |
//!
//! Who listens at the moment is in [`crate::listeners`]. A binding is never acknowledged before it is on disk.

mod bindings;
mod claims;
mod journal;
mod record;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use pageport_proto::Code;
use pageport_proto::claim::Key;
use pageport_proto::name::Name;

pub(crate) use claims::{Claims, Proven};
pub use journal::DataError;

use crate::config::Limits;
use bindings::Bindings;
use journal::Journal;

/// The chosen names of a gateway and their keys.
pub(crate) struct Names {
    bindings: Arc<Mutex<Bindings>>,
    /// `None`: memory only, gone with the process.
    journal: Option<Journal>,
}

impl Names {
    /// Opens the directory for what lasts, or starts with nothing.
    ///
    /// # Errors
    /// [`DataError`] when the directory cannot be used, or belongs to another gateway.
    pub(crate) fn open(directory: Option<&Path>) -> Result<Names, DataError> {
        let bindings = Arc::new(Mutex::new(Bindings::default()));
        let journal =
            directory.map(|directory| Journal::open(directory, &bindings, seconds_now())).transpose()?;
        Ok(Names { bindings, journal })
    }

    /// Gives a chosen name to a key, or finds that it has it; returns when that will survive a crash.
    ///
    /// # Errors
    /// [`Code::ERR_NAME_TAKEN`], [`Code::ERR_NAME_LIMIT`]; [`Code::ERR_INTERNAL`] when it cannot be written.
    pub(crate) async fn bind(&self, name: &Name, key: &Key, limits: &Limits) -> Result<(), Code> {
        let record = self.lock().bind(name, key, limits, seconds_now())?;
        let (Some(journal), Some(record)) = (&self.journal, record) else { return Ok(()) };
        let written = journal.append(&record).await;
        if self.lock().written(&record, written) { Ok(()) } else { Err(Code::ERR_INTERNAL) }
    }

    /// These names are in use now, so they stay with their keys.
    pub(crate) async fn touch(&self, names: &[Name]) {
        let records = self.lock().touch(names, seconds_now());
        let Some(journal) = &self.journal else { return };
        for record in records {
            let written = journal.append(&record).await;
            self.lock().written(&record, written);
        }
    }

    /// Lets go of the directory.
    pub(crate) async fn close(&self) {
        if let Some(journal) = &self.journal {
            journal.close().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Bindings> {
        lock(&self.bindings)
    }
}

fn lock(bindings: &Mutex<Bindings>) -> MutexGuard<'_, Bindings> {
    bindings.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds of Unix time.
fn seconds_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
