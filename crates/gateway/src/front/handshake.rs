//! The server's half of a WebSocket handshake, over HTTP/1.1 (RFC 6455 §4.2) and HTTP/2 (RFC 8441). Only HTTP: no frame is ever read
//! here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, Method, Request, Version};
use hyper::ext::Protocol;
use pageport_proto::{Code, limits};

/// RFC 6455 §1.3
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A handshake that may be completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The value of `Sec-WebSocket-Accept`; `None` over HTTP/2, which has neither key nor accept (RFC 8441 §5).
    pub accept: Option<String>,
    /// The subprotocols on offer, in the client's order.
    pub protocols: Vec<String>,
}

/// What a request wants its connection to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing else.
    Http,
    /// A WebSocket.
    WebSocket,
    /// Frames of this protocol, without RFC 6455.
    Pageport,
    /// Something that is not spoken here.
    Unknown,
}

/// Why a handshake cannot be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeError {
    /// It breaks RFC 6455.
    Invalid(&'static str),
    /// Another version than 13; the answer names 13 (§4.4).
    Version,
}

impl HandshakeError {
    /// The code for the answer.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            HandshakeError::Invalid(_) => Code::ERR_HANDSHAKE_INVALID,
            HandshakeError::Version => Code::ERR_UPGRADE_REQUIRED,
        }
    }
}

impl Wanted {
    /// Reads `Upgrade`; of several protocols the first one that is spoken here counts (RFC 9110 §7.8). Over HTTP/2 it is `:protocol`
    /// (RFC 8441 §4), and frames without RFC 6455 are not spoken.
    #[must_use]
    pub fn of<B>(request: &Request<B>) -> Wanted {
        let headers = request.headers();
        if *request.method() == Method::CONNECT {
            return match request.extensions().get::<Protocol>() {
                Some(protocol) if protocol.as_str() == "websocket" => Wanted::WebSocket,
                _ => Wanted::Unknown,
            };
        }
        if !headers.contains_key(UPGRADE) {
            return Wanted::Http;
        }
        list(headers, &UPGRADE)
            .find_map(|token| match token.to_ascii_lowercase().as_str() {
                "websocket" => Some(Wanted::WebSocket),
                "pageport.v1" => Some(Wanted::Pageport),
                _ => None,
            })
            .unwrap_or(Wanted::Unknown)
    }
}

impl Handshake {
    /// Checks a request that wants a WebSocket.
    ///
    /// # Errors
    /// What breaks RFC 6455 §4.2.1, or RFC 8441 §5.
    pub fn of(method: &Method, version: Version, headers: &HeaderMap) -> Result<Handshake, HandshakeError> {
        let invalid = |why| Err(HandshakeError::Invalid(why));
        upgradable(method, version, headers)?;
        match single(headers, &SEC_WEBSOCKET_VERSION) {
            Some(b"13") => {}
            Some(_) => return Err(HandshakeError::Version),
            None => return invalid("exactly one Sec-WebSocket-Version"),
        }
        let accept = if version == Version::HTTP_2 { None } else { Some(accept(headers)?) };
        let protocols: Vec<String> =
            list(headers, &SEC_WEBSOCKET_PROTOCOL).take(limits::PROTOCOLS + 1).map(str::to_owned).collect();
        if protocols.len() > limits::PROTOCOLS {
            return invalid("at most 32 subprotocols");
        }
        let listed = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().all(|value| value.to_str().is_ok());
        let distinct = protocols.iter().enumerate().all(|(at, name)| !protocols[..at].contains(name));
        if !listed || !distinct || !protocols.iter().all(|name| is_token(name)) {
            return invalid("distinct tokens in Sec-WebSocket-Protocol");
        }
        Ok(Handshake { accept, protocols })
    }
}

/// What every upgrade must be: GET in HTTP/1.1 with `Connection: upgrade`, or CONNECT in HTTP/2; without a body.
///
/// # Errors
/// What is missing.
pub fn upgradable(method: &Method, version: Version, headers: &HeaderMap) -> Result<(), HandshakeError> {
    if version == Version::HTTP_2 {
        return match *method {
            Method::CONNECT if !headers.contains_key(CONTENT_LENGTH) => Ok(()),
            Method::CONNECT => Err(HandshakeError::Invalid("no body")),
            _ => Err(HandshakeError::Invalid("CONNECT with :protocol")),
        };
    }
    if *method != Method::GET {
        return Err(HandshakeError::Invalid("GET"));
    }
    if version != Version::HTTP_11 {
        return Err(HandshakeError::Invalid("HTTP/1.1"));
    }
    if !list(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade")) {
        return Err(HandshakeError::Invalid("Connection: upgrade"));
    }
    // What follows the head belongs to the new protocol; a body in between invites smuggling.
    if headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING) {
        return Err(HandshakeError::Invalid("no body"));
    }
    Ok(())
}

/// The elements of a comma-separated field, over all its lines (RFC 9110 §5.6.1).
pub(crate) fn list<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|element| element.trim_matches([' ', '\t']))
        .filter(|element| !element.is_empty())
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes()),
        _ => None,
    }
}

fn accept(headers: &HeaderMap) -> Result<String, HandshakeError> {
    let Some(key) = single(headers, &SEC_WEBSOCKET_KEY) else {
        return Err(HandshakeError::Invalid("exactly one Sec-WebSocket-Key"));
    };
    if !STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16) {
        return Err(HandshakeError::Invalid("a Sec-WebSocket-Key of 16 bytes in base64"));
    }
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key);
    hash.update(GUID);
    Ok(STANDARD.encode(hash.digest().bytes()))
}

/// RFC 9110 §5.6.2
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
