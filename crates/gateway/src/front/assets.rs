//! Files that travel inside the program: the JavaScript module, for pages of any origin, and the gallery, in `dev` only.
//!
//! Debug builds read them from the source tree at each request, so that an edit shows after a reload.

use std::borrow::Cow;
use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    LINK, LOCATION,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use pageport_proto::Code;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::body::Body;
use super::content_type::content_type;
use super::handshake::list;
use super::respond::{Refusal, common_headers};
use crate::address::PublicAddress;

/// The module, as it is in the repository.
#[derive(RustEmbed)]
#[folder = "../../js/pageport"]
#[include = "*.js"]
struct Module;

/// The demo gallery.
#[derive(RustEmbed)]
#[folder = "../../demos"]
#[include = "*.html"]
#[include = "*.css"]
#[include = "*.js"]
#[include = "*.json"]
#[include = "*.svg"]
#[include = "*.txt"]
struct Gallery;

/// The one line of `/pageport.js`.
const ENTRY: &str = "export * from \"./pageport/index.js\";\n";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

const LANDING_POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const LANDING: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
     <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
     <title>Pageport gateway</title>\n</head>\n<body>\n<main>\n<h1>This is a Pageport gateway</h1>\n\
     <p>It lets web pages be servers: a page that may attach here gets a public address of its own.</p>\n\
     <p>What it speaks: <a href=\"/.well-known/pageport\">/.well-known/pageport</a></p>\n</main>\n</body>\n</html>\n";

/// `/pageport.js`, or a file below `/pageport/`.
///
/// # Errors
/// [`Code::ERR_NOT_FOUND`].
pub(crate) fn module(path: &str, request: &HeaderMap) -> Result<Response<Body>, Refusal> {
    let mut response = if path == "/pageport.js" {
        let mut response = whole(Cow::Borrowed(ENTRY.as_bytes()), "entry-1", request)?;
        preload(response.headers_mut());
        response
    } else {
        let name = path.strip_prefix("/pageport/").ok_or(Code::ERR_NOT_FOUND)?;
        file(Module::get(name), request)?
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    Ok(response)
}

/// A file of the gallery; a directory is its `index.html`. `address` is where listeners are, which its pages speak to.
///
/// # Errors
/// [`Code::ERR_NOT_FOUND`].
pub(crate) fn gallery(request: &Request<()>, address: &PublicAddress) -> Result<Response<Body>, Refusal> {
    let name = request.uri().path().trim_start_matches('/');
    let directory = name.is_empty() || name.ends_with('/');
    let name = if directory { format!("{name}index.html") } else { name.to_owned() };
    let Some(found) = Gallery::get(&name) else { return redirect(&name, request.uri().query()) };
    let kind = content_type(&name);
    let uses_module = contains(&found.data, b"/pageport.js");
    let mut response = file(Some(found), request.headers())?;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    if kind.starts_with("text/html") {
        page_headers(headers, &gallery_policy(address))?;
        if uses_module {
            preload(headers);
        }
    }
    Ok(response)
}

/// `/` outside `dev`.
///
/// # Errors
/// None in practice: the policy is a constant.
pub(crate) fn landing() -> Result<Response<Body>, Refusal> {
    let mut response = Response::new(Body::from(LANDING));
    let headers = response.headers_mut();
    common_headers(headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    page_headers(headers, LANDING_POLICY)?;
    Ok(response)
}

/// A directory without its slash: relative URLs would miss it.
fn redirect(name: &str, query: Option<&str>) -> Result<Response<Body>, Refusal> {
    if Gallery::get(&format!("{name}/index.html")).is_none() {
        return Err(Code::ERR_NOT_FOUND.into());
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let location = HeaderValue::from_str(&format!("/{name}/{query}")).map_err(|_| Code::ERR_NOT_FOUND)?;
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    common_headers(response.headers_mut());
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

fn file(found: Option<EmbeddedFile>, request: &HeaderMap) -> Result<Response<Body>, Refusal> {
    let found = found.ok_or(Code::ERR_NOT_FOUND)?;
    let tag = u64::from_be_bytes(found.metadata.sha256_hash()[..8].try_into().unwrap_or_default());
    whole(found.data, &format!("{tag:016x}"), request)
}

/// The content, or 304 when the browser has it already. It asks each time: a restarted gateway may have other files.
fn whole(content: Cow<'static, [u8]>, tag: &str, request: &HeaderMap) -> Result<Response<Body>, Refusal> {
    let tag = format!("\"{tag}\"");
    let known = list(request, &IF_NONE_MATCH).any(|known| known.trim_start_matches("W/") == tag);
    let mut response = if known {
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Body::from(match content {
            Cow::Borrowed(content) => Bytes::from_static(content),
            Cow::Owned(content) => Bytes::from(content),
        }))
    };
    let headers = response.headers_mut();
    common_headers(headers);
    headers.insert(ETAG, HeaderValue::from_str(&tag).map_err(|_| Code::ERR_INTERNAL)?);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Names at once what the module imports, so that the browser need not find one file after the other; parts that it loads
/// only when they are needed are not among them.
fn preload(headers: &mut HeaderMap) {
    static LINKS: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
        let links: Vec<_> =
            eager_files().iter().map(|name| format!("</pageport/{name}>; rel=modulepreload")).collect();
        HeaderValue::from_str(&links.join(", ")).ok()
    });
    if let Some(value) = &*LINKS {
        headers.insert(LINK, value.clone());
    }
}

/// The entry of the module and what it imports, directly or not; `import()` does not count.
fn eager_files() -> Vec<String> {
    let mut names = vec!["index.js".to_owned()];
    let mut at = 0;
    while let Some(file) = names.get(at).and_then(|name| Module::get(name)) {
        let text = String::from_utf8_lossy(&file.data).into_owned();
        // Comments name types by `import("./…")`, which is not of this form.
        for name in text.lines().filter_map(|line| line.split_once(" from \"./")?.1.split_once('"')) {
            if !names.iter().any(|known| known == name.0) {
                names.push(name.0.to_owned());
            }
        }
        at += 1;
    }
    names
}

/// Scripts and styles are files, never inline, and no text becomes markup; pictures may be data, as those that a VNC server sends are.
/// Pages of the gallery speak to listeners, which have origins of their own.
fn gallery_policy(address: &PublicAddress) -> String {
    let (base, ws) = (&address.base, if address.secure { "wss" } else { "ws" });
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; worker-src 'self'; \
         connect-src 'self' {ws}://{base}:* {ws}://*.{base}:* {ws}://127.0.0.1:*; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

fn page_headers(headers: &mut HeaderMap, policy: &str) -> Result<(), Code> {
    let policy = HeaderValue::from_str(policy).map_err(|_| Code::ERR_INTERNAL)?;
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin"));
    Ok(())
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
