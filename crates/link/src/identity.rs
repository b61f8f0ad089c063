//! A key that names and ports belong to, in memory or in a file that only its user can read.
//!
//! Whoever has the key has the names; it never leaves this process, signatures do.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use pageport_proto::claim::{Key, PrivateKey, Seed, Slot, Statement, Subject, derive};
use pageport_proto::head::{Kind, Listen};
use pageport_proto::name::Name;

use crate::{Session, key_file};

/// Proves to gateways that a name or port is its own.
#[derive(Clone)]
pub struct Identity {
    key: Arc<PrivateKey>,
    /// The random name of this key, and what it is derived from.
    random: (Name, Slot),
}

impl Identity {
    /// A new key that lives as long as this process: a listener keeps its random name and its port through every new session.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn random() -> io::Result<Identity> {
        Identity::new(&Seed::new(draw()?)).ok_or_else(|| io::Error::other("no random name for this key"))
    }

    /// The key in a file, see [`key_file`]; a new one is made when there is no such file.
    ///
    /// # Errors
    /// The file cannot be read or made, others may read it, or there is something else in it.
    pub fn open(path: &Path) -> io::Result<Identity> {
        let seed = match key_file::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path)?,
            read => read?,
        };
        Identity::new(&seed).ok_or_else(|| io::Error::other("no random name for this key"))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> Key {
        self.key.public()
    }

    fn new(seed: &Seed) -> Option<Identity> {
        let key = PrivateKey::new(seed);
        let public = key.public();
        // One slot in a hundred gives no name, so the first few always do.
        let mut slots = (0..=u8::MAX).map(|byte| Slot::new([byte; 16]));
        let random = slots.find_map(|slot| Some((derive(&public, &slot)?, slot)))?;
        Some(Identity { key: Arc::new(key), random })
    }

    /// The wish with a claim for it. Without a name it is for the random name of this key.
    pub(crate) fn sign(&self, wish: &Listen, origin: &str, session: &Session) -> Listen {
        let (subject, slot) = match (wish.port, &wish.name) {
            (Some(port), _) => (Some(Subject::Port(port)), None),
            (None, None) if wish.kind == Kind::Tcp => (Some(Subject::Port(0)), None),
            (None, None) => (Some(Subject::Name(self.random.0.clone())), Some(self.random.1.clone())),
            // What is no name is for the gateway to refuse.
            (None, Some(name)) => (Subject::parse(name), None),
        };
        let (Some(subject), Some((session, nonce))) = (subject, session.claimant()) else {
            return wish.clone();
        };
        let name = match &subject {
            Subject::Name(name) => Some(name.to_string()),
            Subject::Port(_) => None,
        };
        let statement = Statement { origin, session: &session, nonce: &nonce, subject: &subject };
        Listen { name, claim: Some(self.key.claim(&statement, slot)), ..wish.clone() }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.public()).finish()
    }
}

fn draw<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Whole or not at all: two programs that start together must not have half a key, or two.
fn create(path: &Path) -> io::Result<Seed> {
    let own = path.with_extension(format!("{}.new", std::process::id()));
    key_file::write(&own, &Seed::new(draw()?))?;
    let linked = fs::hard_link(&own, path);
    fs::remove_file(&own)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => key_file::read(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    #[test]
    fn a_key_is_made_once_kept_and_its_users_alone() {
        let directory = std::env::temp_dir().join(format!("pageport-identity-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let path = directory.join("a.pem");
        let made = Identity::open(&path).unwrap();
        assert_eq!(Identity::open(&path).unwrap().public(), made.public());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "nothing else is left");
        assert!(!format!("{made:?}").contains("PRIVATE"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Identity::open(&path).unwrap_err().to_string().contains("others may read it"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for text in ["", "abc", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            fs::write(&path, text).unwrap();
            assert!(
                Identity::open(&path).unwrap_err().to_string().contains("not an Ed25519 private key"),
                "{text}"
            );
        }
        fs::remove_dir_all(&directory).unwrap();
    }
}
