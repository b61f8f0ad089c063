//! A key that names and ports belong to, in memory or in a file that only its user can read.
//!
//! Whoever has the key has the names; it never leaves this process, signatures do.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use pageport_proto::claim::{Key, PrivateKey, Seed, Slot, Statement, Subject, derive};
use pageport_proto::head::{Kind, Listen};
use pageport_proto::name::Name;

use crate::Session;

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

    /// The key in a file; a new one is made when there is no such file, for its user alone.
    ///
    /// # Errors
    /// The file cannot be read or made, others can read it, or there is something else in it.
    pub fn open(path: &Path) -> io::Result<Identity> {
        let seed = match OpenOptions::new().read(true).open(path) {
            Ok(file) => read(file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path)?,
            Err(error) => return Err(error),
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

fn read(file: fs::File) -> io::Result<Seed> {
    if file.metadata()?.mode() & 0o077 != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "others can read this key"));
    }
    let mut text = String::new();
    file.take(128).read_to_string(&mut text)?;
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "not a key");
    let digits: Option<Vec<u8>> = text.trim().bytes().map(hex).collect();
    let digits = digits.filter(|digits| digits.len() == 64).ok_or_else(wrong)?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    Ok(Seed::new(bytes.try_into().map_err(|_| wrong())?))
}

/// Whole or not at all: two programs that start together must not have half a key, or two.
fn create(path: &Path) -> io::Result<Seed> {
    let bytes: [u8; 32] = draw()?;
    let text = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
    let own = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&own)?;
    let linked = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&own, path));
    fs::remove_file(&own)?;
    match linked {
        Ok(()) => Ok(Seed::new(bytes)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(OpenOptions::new().read(true).open(path)?)
        }
        Err(error) => Err(error),
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_key_is_made_once_kept_and_its_users_alone() {
        let directory = std::env::temp_dir().join(format!("pageport-identity-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let path = directory.join("a.key");
        let made = Identity::open(&path).unwrap();
        assert_eq!(Identity::open(&path).unwrap().public(), made.public());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "nothing else is left");
        assert!(!format!("{made:?}").contains(fs::read_to_string(&path).unwrap().trim()));

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(Identity::open(&path).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for text in ["", "abc", &"g".repeat(64), &"0".repeat(66)] {
            fs::write(&path, text).unwrap();
            assert_eq!(Identity::open(&path).unwrap_err().kind(), io::ErrorKind::InvalidData, "{text}");
        }
        fs::remove_dir_all(&directory).unwrap();
    }
}
