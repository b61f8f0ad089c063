//! The token of `dev`: random, in a file that only its user can read, gone when `dev` ends. Programs on the same machine read it
//! there; being on the machine alone gives no rights.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A token in its file; removed when dropped.
#[derive(Debug)]
pub(crate) struct TokenFile {
    path: PathBuf,
}

/// 256 random bits in hexadecimal.
pub(crate) fn random() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The token of a `dev` of this user on this port. Nothing is taken from a directory that others could have written to.
pub(crate) fn read(port: u16) -> Option<String> {
    let directory = directory();
    is_private(&directory).ok().filter(|private| *private)?;
    fs::read_to_string(directory.join(format!("dev-{port}.token"))).ok()
}

impl TokenFile {
    /// Writes the token of the gateway on this port.
    pub(crate) fn write(port: u16, token: &str) -> Result<TokenFile, Failure> {
        let directory = directory();
        let path = directory.join(format!("dev-{port}.token"));
        let written = prepare(&directory).and_then(|()| replace(&path, token));
        match written {
            Ok(()) => Ok(TokenFile { path }),
            Err(error) => Err(Failure::Token { path, error }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// `$XDG_RUNTIME_DIR/pageport`, or `/tmp/pageport-UID`.
fn directory() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|path| Path::new(path).is_absolute()) {
        Some(runtime) => Path::new(&runtime).join("pageport"),
        None => PathBuf::from(format!("/tmp/pageport-{}", own_uid().unwrap_or(0))),
    }
}

/// Makes the directory, or makes sure that nobody else made it: in `/tmp` anybody could have.
fn prepare(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if is_private(directory)? { Ok(()) } else { Err(io::Error::other("its directory is not yours alone")) }
}

fn is_private(directory: &Path) -> io::Result<bool> {
    let found = fs::symlink_metadata(directory)?;
    Ok(found.is_dir() && found.mode() & 0o077 == 0 && Some(found.uid()) == own_uid())
}

/// A file of an earlier run that was killed makes room; it is never written through.
fn replace(path: &Path, token: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(token.as_bytes())
}

/// The user that this process runs as: the owner of its own entry in /proc.
fn own_uid() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|entry| entry.uid())
}
