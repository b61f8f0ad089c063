//! Notices that a file has changed. It asks for what is known of a few files, once a second: that works on every file system, through
//! links, and for files that are replaced as well as for those that are written to.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

const PAUSE: Duration = Duration::from_secs(1);

/// Some files, and what they were like.
#[derive(Debug)]
pub(crate) struct Watch {
    files: Vec<PathBuf>,
    seen: Vec<Mark>,
}

/// Changes whenever a file does; `None` for one that is not there.
type Mark = Option<(u64, u64, SystemTime)>;

impl Watch {
    pub(crate) fn new(files: Vec<PathBuf>) -> Watch {
        let seen = look(&files);
        Watch { files, seen }
    }

    /// Resolves when one has changed and then none for a second: whoever writes two files is let finish.
    pub(crate) async fn changed(&mut self) {
        if self.files.is_empty() {
            return std::future::pending().await;
        }
        let mut changed = false;
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = look(&self.files);
            if now == self.seen && changed {
                return;
            }
            changed |= now != self.seen;
            self.seen = now;
        }
    }
}

fn look(files: &[PathBuf]) -> Vec<Mark> {
    files
        .iter()
        .map(|file| {
            let found = fs::metadata(file).ok()?;
            Some((found.ino(), found.len(), found.modified().ok()?))
        })
        .collect()
}
