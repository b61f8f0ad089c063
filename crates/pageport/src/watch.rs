//! Notices that a file has changed. It asks for what is known of a few files, again and again: that works on every file system, through
//! links, and for files that are replaced as well as for those that are written to.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Together less than a second: what a file forbids ends within one from when it was written.
const PAUSE: Duration = Duration::from_millis(400);
/// Whoever writes two files is let finish.
const QUIET: Duration = Duration::from_millis(200);

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

    /// What changes from now on counts: to be called before the files are read, or a change meanwhile would be missed.
    pub(crate) fn look(&mut self) {
        self.seen = look(&self.files);
    }

    /// Watches these files; of those that were watched already, against what they were like at the last look.
    pub(crate) fn turn_to(&mut self, files: Vec<PathBuf>) {
        let mark = |file: &PathBuf| {
            let known = self.files.iter().position(|known| known == file);
            known.map_or_else(|| look(std::slice::from_ref(file))[0], |at| self.seen[at])
        };
        self.seen = files.iter().map(mark).collect();
        self.files = files;
    }

    /// Resolves when one has changed and then none for a moment.
    pub(crate) async fn changed(&mut self) {
        if self.files.is_empty() {
            return std::future::pending().await;
        }
        let mut changed = false;
        loop {
            tokio::time::sleep(if changed { QUIET } else { PAUSE }).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_changes_while_the_files_are_read_is_noticed() {
        let place = std::env::temp_dir().join(format!("pageport-watch-{}", std::process::id()));
        fs::create_dir_all(&place).expect("a directory");
        let (one, two) = (place.join("one"), place.join("two"));
        fs::write(&one, "1").expect("written");
        fs::write(&two, "1").expect("written");
        let mut watch = Watch::new(vec![one.clone()]);
        fs::write(&one, "22").expect("written");
        watch.look();
        // It was read here, and changes before its content has been understood.
        fs::write(&one, "333").expect("written");
        watch.turn_to(vec![one, two]);
        tokio::time::timeout(PAUSE * 10, watch.changed()).await.expect("is noticed");
        fs::remove_dir_all(&place).expect("removed");
    }
}
