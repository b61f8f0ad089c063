//! Where things are. Everything is derived from this package's own place, never from the current directory.

use std::path::{Path, PathBuf};

/// The checkout.
pub(crate) fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

pub(crate) fn js() -> PathBuf {
    root().join("js")
}

/// What cargo builds into, and where everything else that may be thrown away lives too.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// A tool from the locked npm packages.
pub(crate) fn npm_bin(name: &str) -> PathBuf {
    js().join("node_modules/.bin").join(name)
}

/// Files directly inside `dir` whose names end in one of `endings`, sorted; empty when there is no such directory.
pub(crate) fn files_in(dir: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            endings.iter().any(|ending| name.ends_with(ending))
        })
        .collect();
    files.sort();
    files
}

/// `path` as seen from the checkout, for messages.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
