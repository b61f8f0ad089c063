//! The file of bindings: appended to and synced before anything is acknowledged, rewritten when most of it is old.
//!
//! One thread owns the file, so that nothing asynchronous ever waits for a disk. A last line without its end was never acknowledged
//! and is dropped; any other line that is wrong is damage, and stops the start.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use pageport_proto::Code;
use tokio::sync::{mpsc, oneshot};

use super::bindings::Bindings;
use super::lock;
use super::record::Record;

/// The first line of the file.
const HEADER: &str = "pageport names 1\n";
/// Appends that wait for the disk; whoever comes then waits for a place.
const QUEUE: usize = 1_024;
/// The file is rewritten when it has this many lines more than four for each name.
const SLACK: usize = 10_000;

/// A directory for what lasts that cannot be used: `ERR_DATA_INVALID`.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The system says no.
    #[error("cannot use {path}: {error}")]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another gateway has it.
    #[error("{path} belongs to another gateway that runs")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The file is not what this program wrote.
    #[error("{path}, line {line}: damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first wrong line, from 1.
        line: usize,
    },
}

impl DataError {
    /// The code of this error.
    #[must_use]
    pub fn code(&self) -> Code {
        Code::ERR_DATA_INVALID
    }
}

/// The way to the thread that owns the file.
pub(crate) struct Journal {
    appends: Mutex<Option<mpsc::Sender<Append>>>,
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

struct Append {
    line: String,
    done: oneshot::Sender<bool>,
}

/// What the thread owns.
struct Writer {
    file: File,
    /// Up to here everything is whole.
    length: u64,
    lines: usize,
    directory: Arc<Directory>,
    bindings: Arc<Mutex<Bindings>>,
    /// Half a line may be at the end.
    broken: bool,
    /// The file has its name on disk, too: what is appended will be found after a crash.
    settled: bool,
}

/// Open from the start, so that a file which has got its name can be made to keep it.
struct Directory {
    path: PathBuf,
    handle: File,
}

impl Journal {
    /// Reads the directory's file into `bindings`, or begins one.
    pub(crate) fn open(
        directory: &Path,
        bindings: &Arc<Mutex<Bindings>>,
        now: u64,
    ) -> Result<Journal, DataError> {
        let held = hold(directory)?;
        *lock(bindings) = Bindings::load(read(&directory.join("names"))?, now);
        let mut writer = Writer::first(directory, bindings).map_err(|error| at(directory, error))?;
        let (appends, mut waiting) = mpsc::channel::<Append>(QUEUE);
        let (end, ended) = oneshot::channel();
        thread::spawn(move || {
            while let Some(first) = waiting.blocking_recv() {
                let mut batch = vec![first];
                while let Ok(next) = waiting.try_recv() {
                    batch.push(next);
                }
                writer.append(batch);
            }
            // Unlocked by the system when the process ends in another way.
            drop((writer, held));
            let _ = end.send(());
        });
        Ok(Journal { appends: Mutex::new(Some(appends)), ended: Mutex::new(Some(ended)) })
    }

    /// Returns when the record is on disk: true, or cannot get there: false.
    pub(crate) async fn append(&self, record: &Record) -> bool {
        let appends = self.appends.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (done, is_done) = oneshot::channel();
        let append = Append { line: record.to_line(), done };
        match appends {
            Some(appends) if appends.send(append).await.is_ok() => is_done.await.unwrap_or(false),
            _ => false,
        }
    }

    /// Returns when the file is closed and the directory free.
    pub(crate) async fn close(&self) {
        drop(self.appends.lock().unwrap_or_else(PoisonError::into_inner).take());
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ended) = ended {
            let _ = ended.await;
        }
    }
}

impl Writer {
    fn first(path: &Path, bindings: &Arc<Mutex<Bindings>>) -> io::Result<Writer> {
        let directory = Directory { path: path.to_owned(), handle: File::open(path)? };
        let mut writer = Writer::begin(&Arc::new(directory), bindings)?;
        writer.settle()?;
        Ok(writer)
    }

    /// Writes what is known as a new file, which then takes the place of the old one. An error leaves the old one where it was; without
    /// one the old one is gone, and the new one must settle.
    fn begin(directory: &Arc<Directory>, bindings: &Arc<Mutex<Bindings>>) -> io::Result<Writer> {
        let records = lock(bindings).records();
        let text: String = records.iter().map(Record::to_line).collect();
        let (old, new) = (directory.path.join("names"), directory.path.join("names.new"));
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().append(true).create_new(true).open(&new)?;
        file.write_all(HEADER.as_bytes())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, &old)?;
        let length = u64::try_from(HEADER.len() + text.len()).unwrap_or(u64::MAX);
        let (directory, bindings) = (Arc::clone(directory), Arc::clone(bindings));
        let lines = records.len();
        Ok(Writer { file, length, lines, directory, bindings, broken: false, settled: false })
    }

    /// The new name is as durable as the content only when the directory is.
    fn settle(&mut self) -> io::Result<()> {
        self.directory.handle.sync_all()?;
        self.settled = true;
        Ok(())
    }

    /// One sync for all that wait.
    fn append(&mut self, batch: Vec<Append>) {
        let text: String = batch.iter().map(|append| append.line.as_str()).collect();
        let written = if self.broken || !self.settled { self.start_over() } else { self.write(&text) };
        for append in batch {
            self.lines += 1;
            // Whoever asked may be gone.
            let _ = append.done.send(written);
        }
        if self.lines > 4 * lock(&self.bindings).len() + SLACK {
            self.start_over();
        }
    }

    fn write(&mut self, text: &str) -> bool {
        let result = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        match result {
            Ok(()) => {
                self.length += u64::try_from(text.len()).unwrap_or(0);
                true
            }
            Err(error) => {
                tracing::error!(%error, "names cannot be written");
                self.broken = true;
                self.start_over()
            }
        }
    }

    /// A new file: because the old one has too much in it, or because nobody knows what is on disk after a failure. True when
    /// everything that is known is on disk.
    fn start_over(&mut self) -> bool {
        match Writer::begin(&self.directory, &self.bindings) {
            Ok(writer) => {
                *self = writer;
                let settled = self.settle();
                if let Err(error) = &settled {
                    tracing::error!(%error, "the file of names is not sure to keep its name");
                }
                settled.is_ok()
            }
            Err(error) => {
                tracing::error!(%error, "the file of names cannot be written anew");
                self.lines = 0;
                // Half a line must not stand before a whole one.
                self.broken &= self.file.set_len(self.length).and_then(|()| self.file.sync_all()).is_err();
                false
            }
        }
    }
}

/// Makes the directory if need be, and makes sure that nobody else uses it.
fn hold(directory: &Path) -> Result<File, DataError> {
    match private(&mut DirBuilder::new()).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(directory, error)),
        _ => {}
    }
    let path = directory.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|error| at(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(DataError::InUse { path: directory.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(at(&path, error)),
    }
}

#[cfg(unix)]
fn private(builder: &mut DirBuilder) -> &mut DirBuilder {
    use std::os::unix::fs::DirBuilderExt as _;
    builder.mode(0o700)
}

#[cfg(not(unix))]
fn private(builder: &mut DirBuilder) -> &mut DirBuilder {
    builder
}

/// All records of a file, in order.
fn read(path: &Path) -> Result<Vec<Record>, DataError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at(path, error)),
    };
    let damaged = |line| DataError::Damaged { path: path.to_owned(), line };
    let lines = bytes.strip_prefix(HEADER.as_bytes()).ok_or_else(|| damaged(1))?;
    // What is behind the last newline was never written whole, unless only that newline is missing.
    let whole = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let (whole, rest) = lines.split_at(whole);
    let mut records = Vec::new();
    for (at, line) in whole.split_inclusive(|byte| *byte == b'\n').enumerate() {
        records.push(Record::parse(&line[..line.len() - 1]).ok_or_else(|| damaged(at + 2))?);
    }
    match Record::parse(rest) {
        Some(record) => records.push(record),
        None if rest.is_empty() => {}
        None => {
            let bytes = rest.len();
            tracing::warn!(path = %path.display(), bytes, "the end of the file was not written whole, and is dropped");
        }
    }
    Ok(records)
}

fn at(path: &Path, error: io::Error) -> DataError {
    DataError::Io { path: path.to_owned(), error }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::names::lock;
    use pageport_proto::claim::Key;
    use pageport_proto::name::Name;

    fn append(writer: &mut Writer, name: &str) -> bool {
        let name = Name::parse(name).expect(name);
        let record = lock(&writer.bindings).bind(&name, &Key::new([1; 32]), &Limits::default(), 1 << 40);
        let line = record.expect("free").expect("to be written").to_line();
        let (done, mut is_done) = oneshot::channel();
        writer.append(vec![Append { line, done }]);
        is_done.try_recv().expect("an answer")
    }

    #[test]
    fn nothing_is_acknowledged_while_the_file_may_lose_its_name() {
        let path = std::env::temp_dir().join(format!("pageport-unsettled-{}", std::process::id()));
        let _held = hold(&path).expect("a directory");
        let mut writer = Writer::first(&path, &Arc::default()).expect("begins");
        assert!(append(&mut writer, "one"));
        let directory = |handle| Arc::new(Directory { path: path.clone(), handle });
        // A device that cannot be synced stands for a directory that cannot.
        writer.directory = directory(File::open("/dev/null").expect("a device"));
        assert!(!writer.start_over());
        assert!(!append(&mut writer, "two"));
        writer.directory = directory(File::open(&path).expect("the directory"));
        assert!(append(&mut writer, "three"));
        assert!(append(&mut writer, "four"));
        let names: Vec<String> =
            read(&path.join("names")).expect("whole").iter().map(|record| record.name.to_string()).collect();
        assert!(
            ["one", "three", "four"].iter().all(|name| names.iter().any(|other| other == name)),
            "{names:?}"
        );
        std::fs::remove_dir_all(&path).expect("removed");
    }
}
