//! The head of a request as the service gets it: its own Host unless it is to be another, and what it needs to know of the visitor's
//! side in the `X-Forwarded` fields, of which the visitor can send none.

use std::io;

use ::http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, ORIGIN, TRANSFER_ENCODING};
use ::http::{Method, Request, Uri};
use pageport_link::head::HttpVisit;

use crate::expose::{HostHeader, Target};

/// How the service learns where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    Nothing,
    /// After so many bytes.
    Length(u64),
    /// In chunks (RFC 9112 §7.1).
    Chunked,
}

/// Where the service is, as it shows itself and as visitors see it.
#[derive(Debug)]
pub(super) struct Site {
    /// `host:port` of the service.
    authority: String,
    host: HostHeader,
}

/// The two halves of a listener's URL.
struct Public<'a> {
    scheme: &'a str,
    authority: &'a str,
}

impl Site {
    pub(super) fn new(target: &Target, host: HostHeader) -> Site {
        Site { authority: target.to_string(), host }
    }

    pub(super) fn request(&self, visit: &HttpVisit, framing: Framing) -> io::Result<Request<()>> {
        let public = Public::of(&visit.url)?;
        let rest = &visit.url[public.scheme.len() + 3 + public.authority.len()..];
        let uri: Uri = format!("http://{}{rest}", self.authority).parse().map_err(io::Error::other)?;
        let method = Method::from_bytes(visit.method.as_bytes()).map_err(io::Error::other)?;
        let mut request = Request::new(());
        *request.uri_mut() = uri;
        *request.method_mut() = method;
        let headers = request.headers_mut();
        for (name, text) in visit.headers.iter() {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?;
            headers.append(name, value(text)?);
        }
        let host = match &self.host {
            HostHeader::Target => &self.authority,
            HostHeader::Visitor => public.authority,
            HostHeader::Fixed(host) => host,
        };
        headers.insert(HOST, value(host)?);
        let own = format!("{}://{}", public.scheme, public.authority);
        if headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes() == own.as_bytes()) {
            // What is the same origin for the visitor's browser is so for a service that compares Origin with Host.
            let scheme = if self.host == HostHeader::Visitor { public.scheme } else { "http" };
            headers.insert(ORIGIN, value(&format!("{scheme}://{host}"))?);
        }
        headers.insert("x-forwarded-host", value(public.authority)?);
        headers.insert("x-forwarded-proto", HeaderValue::from_str(public.scheme).map_err(io::Error::other)?);
        headers.remove(CONTENT_LENGTH);
        match framing {
            Framing::Nothing => {}
            Framing::Length(length) => drop(headers.insert(CONTENT_LENGTH, length.into())),
            Framing::Chunked => {
                drop(headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked")));
            }
        }
        Ok(request)
    }

    /// A redirect to the service's own address would lead visitors nowhere.
    pub(super) fn location(&self, location: &str, visit: &HttpVisit) -> Option<String> {
        let rest = location.strip_prefix("http://")?.strip_prefix(&self.authority)?;
        let public = Public::of(&visit.url).ok()?;
        let at_border = rest.is_empty() || rest.starts_with(['/', '?', '#']);
        at_border.then(|| format!("{}://{}{rest}", public.scheme, public.authority))
    }
}

impl Public<'_> {
    /// A WebSocket's scheme counts as that of the page that opened it.
    fn of(url: &str) -> io::Result<Public<'_>> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| io::Error::other("not a URL"))?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        Ok(Public { scheme, authority: &rest[..end] })
    }
}

/// A character stands for a byte, see [`pageport_link::head::Headers`].
fn value(text: &str) -> io::Result<HeaderValue> {
    let bytes: Option<Vec<u8>> = text.chars().map(|char| u8::try_from(char).ok()).collect();
    HeaderValue::from_bytes(&bytes.unwrap_or_default()).map_err(io::Error::other)
}
