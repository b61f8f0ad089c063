//! Where `expose` keeps the key that its names belong to.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use pageport_link::Identity;

use crate::failure::Failure;

/// The key in this file, or the user's own.
pub(crate) fn open(file: Option<&Path>) -> Result<Identity, Failure> {
    let path = match file {
        Some(file) => file.to_owned(),
        None => own()
            .map_err(|error| Failure::Identity { path: PathBuf::from("~/.local/state/pageport"), error })?,
    };
    Identity::open(&path).map_err(|error| Failure::Identity { path, error })
}

/// A key for this run only.
pub(crate) fn random() -> Result<Identity, Failure> {
    Identity::random().map_err(Failure::Runtime)
}

/// `$XDG_STATE_HOME/pageport/identity.pem`, by default below `~/.local/state` (XDG Base Directory Specification).
fn own() -> io::Result<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/state")))
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "neither XDG_STATE_HOME nor HOME is set"))?;
    let directory = state.join("pageport");
    DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
    Ok(directory.join("identity.pem"))
}
