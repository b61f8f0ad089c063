//! A directory of the operator's, served as the gateway's own site: files as they are, and nothing else of the machine.
//!
//! Must never serve what lies outside of the directory, by whatever name or link, nor a name that begins with a dot; nor keep a file open
//! while a client takes its time: who needs no credential could use up the descriptors of the process.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION,
};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Frame;
use pageport_proto::Code;
use tokio::task::{JoinHandle, spawn_blocking};

use super::body::Body;
use super::content_type::content_type;
use super::handshake::list;
use super::percent::decoded;
use super::respond::{Refusal, common_headers};
use crate::visitor::download::Aborted;

/// What is read at once.
const PIECE: u64 = 64 * 1024;

/// Its pages lead to targets: a page of somebody else's must not show them as its own (CSP3 §6.4.2).
const POLICY: HeaderValue = HeaderValue::from_static("frame-ancestors 'self'");

/// A file on its way, piece by piece, each read where waiting for a disk holds nobody up. It is open for no longer than that.
pub(crate) struct SiteFile {
    path: PathBuf,
    version: Version,
    /// What has been read.
    done: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

/// Which of the contents that a file has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    /// In nanoseconds since 1970.
    changed: u128,
    length: u64,
}

/// What was found.
enum Found {
    File {
        path: PathBuf,
        version: Version,
        kind: &'static str,
    },
    /// Its name lacks the slash.
    Directory,
}

/// A file below `directory`; one that is a directory is its `index.html`.
///
/// # Errors
/// [`Code::ERR_NOT_FOUND`] for everything that is not there, or is not to be had.
pub(crate) async fn serve(directory: &Path, request: &Request<()>) -> Result<Response<Body>, Refusal> {
    let path = request.uri().path();
    let mut name = name(path).ok_or(Code::ERR_NOT_FOUND)?;
    if path.ends_with('/') {
        name.push("index.html");
    }
    let directory = directory.to_owned();
    let finding = spawn_blocking(move || find(&directory, &name));
    match finding.await.map_err(|_| Code::ERR_INTERNAL)?.ok_or(Code::ERR_NOT_FOUND)? {
        Found::Directory => redirect(request),
        Found::File { path, version, kind } => {
            let tag = version.tag();
            let known =
                list(request.headers(), &IF_NONE_MATCH).any(|known| known.trim_start_matches("W/") == tag);
            let file = (!known).then_some(SiteFile { path, version, done: 0, reading: None });
            answer(file, &tag, kind)
        }
    }
}

/// The path as a name below a directory: percent signs are decoded once, and what would lead elsewhere then is no name.
fn name(path: &str) -> Option<PathBuf> {
    let mut name = PathBuf::new();
    let path = path.strip_prefix('/')?;
    if path.is_empty() {
        return Some(name);
    }
    for segment in path.strip_suffix('/').unwrap_or(path).split('/') {
        let segment = decoded(segment)?;
        let is_plain = !segment.is_empty() && !segment.starts_with('.');
        if !is_plain || segment.contains(['/', '\\', '\0']) {
            return None;
        }
        name.push(segment);
    }
    Some(name)
}

/// What a name leads to, behind all links; `None` when that is not here, or not to be had.
fn find(directory: &Path, name: &Path) -> Option<Found> {
    let root = fs::canonicalize(directory).ok()?;
    let found = fs::canonicalize(root.join(name)).ok()?;
    let is_hidden = |part: Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
    if found.strip_prefix(&root).ok()?.components().any(is_hidden) {
        return None;
    }
    if fs::metadata(&found).ok()?.is_dir() {
        return Some(Found::Directory);
    }
    let (_, version) = open(&found).ok()?;
    // Of the name that was asked for: a link may be called what it is, and lead to what is not.
    let kind = content_type(name.to_str().unwrap_or_default());
    Some(Found::File { path: found, version, kind })
}

/// A file, and no pipe or device: to open one of those could keep whoever does it waiting.
fn open(path: &Path) -> io::Result<(File, Version)> {
    let check = |about: &fs::Metadata| about.is_file().then_some(()).ok_or(io::ErrorKind::InvalidInput);
    check(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    let about = file.metadata()?;
    check(&about)?;
    let changed = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Ok((file, Version { changed, length: about.len() }))
}

impl Version {
    /// For ETag.
    fn tag(self) -> String {
        format!("\"{:x}-{:x}\"", self.changed, self.length)
    }
}

/// Without a file: whoever asked has it.
fn answer(file: Option<SiteFile>, tag: &str, kind: &'static str) -> Result<Response<Body>, Refusal> {
    let mut response = match file {
        None => {
            let mut response = Response::new(Body::default());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        Some(file) => {
            let length = file.left();
            let mut response = Response::new(Body::File(Box::new(file)));
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            response
        }
    };
    let headers = response.headers_mut();
    common_headers(headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(ETAG, HeaderValue::from_str(tag).map_err(|_| Code::ERR_INTERNAL)?);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    Ok(response)
}

/// A directory without its slash: relative URLs would miss it.
fn redirect(request: &Request<()>) -> Result<Response<Body>, Refusal> {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    // A second slash in front would make a host of what is a path here.
    let location = format!("/{}/{query}", request.uri().path().trim_start_matches('/'));
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    common_headers(response.headers_mut());
    let location = HeaderValue::from_str(&location).map_err(|_| Code::ERR_NOT_FOUND)?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

impl SiteFile {
    /// How much is still to come.
    pub(crate) fn left(&self) -> u64 {
        self.version.length - self.done
    }

    /// The next piece.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        if self.left() == 0 {
            return Poll::Ready(None);
        }
        let (version, done) = (self.version, self.done);
        let reading = self.reading.get_or_insert_with(|| {
            let path = self.path.clone();
            spawn_blocking(move || read(&path, version, done))
        });
        let read = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        match read {
            // What was announced will not come when the file is another one by now, or cannot be read.
            Ok(Ok(piece)) if !piece.is_empty() => {
                self.done += piece.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            _ => Poll::Ready(Some(Err(Aborted(Code::ERR_INTERNAL)))),
        }
    }
}

/// What follows on `done` bytes of this version: pieces of two of them are no file.
fn read(path: &Path, version: Version, done: u64) -> io::Result<Bytes> {
    let (mut file, found) = open(path)?;
    if found != version {
        return Err(io::ErrorKind::InvalidData.into());
    }
    file.seek(SeekFrom::Start(done))?;
    let mut piece = Vec::new();
    file.take(PIECE.min(version.length - done)).read_to_end(&mut piece)?;
    Ok(piece.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_lead_anywhere() {
        for (path, found) in [
            ("/", ""),
            ("/a", "a"),
            ("/a/", "a"),
            ("/a/b.js", "a/b.js"),
            ("/a%20b", "a b"),
            ("/%61", "a"),
            ("/a..b", "a..b"),
            ("/%2561", "%61"),
        ] {
            assert_eq!(name(path), Some(PathBuf::from(found)), "{path}");
        }
        for path in [
            "/..",
            "/../a",
            "/a/../b",
            "/a/..",
            "/%2e%2e/a",
            "/.%2e/a",
            "/%2e/a",
            "/./a",
            "/.git/config",
            "/a/.htpasswd",
            "//a",
            "/a//b",
            "/a%2f..%2fb",
            "/a%2fb",
            "/..%5ca",
            "/a\\b",
            "/a%00",
            "/a%",
            "/a%zz",
            "/%ff",
            "a",
            "//",
        ] {
            assert_eq!(name(path), None, "{path}");
        }
    }
}
