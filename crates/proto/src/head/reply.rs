//! Replies: accepted, with what the requester needs; or refused, with a code.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Headers;
use crate::{Code, json, limits, varint};

/// The longest message of a refusal, in characters.
const MESSAGE: usize = 512;

/// The answer to a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<T> {
    /// `{"ok": true, …}`
    Ok(T),
    /// `{"error": …}`
    Refused(Refusal),
}

/// What a page says when it lets a visitor in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// 101 for a WebSocket, 200 to 599 for a request.
    pub status: u16,
    /// Of these only `sec-websocket-protocol` is used for a WebSocket.
    #[serde(default)]
    pub headers: Headers,
}

/// What a gateway says when a page may listen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// The listener's name.
    pub name: String,
    /// Where visitors find it, on an origin of its own.
    pub url: String,
    /// The same listener by path.
    pub path_url: String,
}

/// What a gateway says when a page may listen at a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListeningPort {
    /// The host to connect to.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Both as a URL.
    pub url: String,
}

/// What a page says when it takes a connection: nothing more than that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// A name of `spec/errors.md`.
    pub error: String,
    /// The HTTP status that the page chose for its visitor, 400 to 599.
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For people, at a terminal for one: without control characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When to come again, in seconds.
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Refusal {
    /// A refusal with a code of the list; the message is cut to its limit, with spaces for control characters.
    #[must_use]
    pub fn new(code: Code, message: &str) -> Refusal {
        let shown = |char: char| if char.is_control() { ' ' } else { char };
        let message = message.chars().take(MESSAGE).map(shown).collect();
        Refusal { error: code.to_string(), status: None, message, retry_after: None }
    }

    fn valid(&self) -> bool {
        let is_name = self.error.starts_with("ERR_")
            && self.error.len() <= 64
            && self
                .error
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        is_name
            && self.status.is_none_or(|status| (400..=599).contains(&status))
            && self.message.chars().count() <= MESSAGE
            && !self.message.chars().any(char::is_control)
            && self.retry_after.is_none_or(|seconds| seconds <= varint::MAX)
    }
}

impl<T: DeserializeOwned> Reply<T> {
    /// Reads a reply.
    ///
    /// # Errors
    /// [`Code::ERR_HEAD_INVALID`], [`Code::ERR_HEAD_TOO_LARGE`].
    pub fn parse(bytes: &[u8]) -> Result<Reply<T>, Code> {
        if bytes.len() > limits::HEAD {
            return Err(Code::ERR_HEAD_TOO_LARGE);
        }
        let invalid = |_| Code::ERR_HEAD_INVALID;
        let Raw { ok, error } = json::object(bytes).map_err(|_| Code::ERR_HEAD_INVALID)?;
        match (ok, error) {
            (Some(true), None) => serde_json::from_slice(bytes).map(Reply::Ok).map_err(invalid),
            (None, Some(_)) => serde_json::from_slice(bytes)
                .map_err(invalid)
                .and_then(|refusal: Refusal| refusal.valid().then_some(refusal).ok_or(Code::ERR_HEAD_INVALID))
                .map(Reply::Refused),
            _ => Err(Code::ERR_HEAD_INVALID),
        }
    }
}

impl<T: Serialize> Serialize for Reply<T> {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Ok<'a, T> {
            ok: bool,
            #[serde(flatten)]
            body: &'a T,
        }
        match self {
            Reply::Ok(body) => Ok { ok: true, body }.serialize(out),
            Reply::Refused(refusal) => refusal.serialize(out),
        }
    }
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default, deserialize_with = "json::present")]
    ok: Option<bool>,
    #[serde(default, deserialize_with = "json::present")]
    error: Option<String>,
}
