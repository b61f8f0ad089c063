//! What can go wrong, for carriers, sessions and streams.

use std::io;

use pageport_proto::{Code, session};

/// Why there is no session over a carrier.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address of the gateway cannot be used.
    #[error("{0:?} is not the http(s):// or ws(s):// address of a gateway")]
    Address(String),
    /// A certificate that should be trusted cannot be read.
    #[error("no certificate to trust: {0}")]
    Certificate(String),
    /// The connection could not be made, or broke.
    #[error("the gateway cannot be reached: {0}")]
    Io(#[from] io::Error),
    /// The gateway answered, but not with an upgrade.
    #[error("the gateway refused with status {status}{}", code.map(|code| format!(" and {code}")).unwrap_or_default())]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What its `pageport-error` field says.
        code: Option<Code>,
    },
    /// The proxy on the way does not pass on what it was asked for.
    #[error("the proxy refused with status {status}")]
    Proxy {
        /// The HTTP status.
        status: u16,
    },
    /// QUIC, or what is spoken over it, does not work.
    #[error("no WebTransport session: {0}")]
    WebTransport(String),
    /// What answered does not speak HTTP/1.1 upgrades as it should.
    #[error("the answer is not that of a gateway: {0}")]
    Answer(&'static str),
    /// The attempt took too long.
    #[error("nothing was heard for too long")]
    Timeout,
    /// The carrier or the session was ended for this reason.
    #[error("the session cannot be attached: {0}")]
    Code(Code),
}

impl LinkError {
    pub(crate) fn broken(error: impl std::fmt::Display) -> LinkError {
        LinkError::WebTransport(error.to_string())
    }

    /// The code of `spec/errors.md` that stands for it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            LinkError::Code(code) | LinkError::Refused { code: Some(code), .. } => *code,
            LinkError::Timeout => Code::ERR_ATTACH_TIMEOUT,
            LinkError::Address(_) | LinkError::Certificate(_) => Code::ERR_INVALID_ARGUMENT,
            LinkError::Io(_)
            | LinkError::WebTransport(_)
            | LinkError::Refused { .. }
            | LinkError::Proxy { .. }
            | LinkError::Answer(_) => Code::ERR_GATEWAY_UNREACHABLE,
        }
    }
}

/// Why a stream cannot be opened now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The session has never been attached, so the peer's limits are unknown.
    #[error("the session has not been attached yet")]
    NotAttached,
    /// As many streams are open as the peer allows.
    #[error("the peer takes no more than {0} streams at once")]
    StreamLimit(u64),
    /// The memory budget of the process is used up.
    #[error("no memory for another stream")]
    Overloaded,
    /// One of the two sides is going away.
    #[error("the session takes no new streams")]
    GoingAway,
    /// The session has ended.
    #[error("the session is closed: {0}")]
    Closed(Code),
    /// The head is too large, or not a strict JSON object.
    #[error("the head cannot be sent: {0}")]
    Head(Code),
}

impl From<session::OpenError> for OpenError {
    fn from(error: session::OpenError) -> OpenError {
        match error {
            session::OpenError::NotAttached => OpenError::NotAttached,
            session::OpenError::StreamLimit(limit) => OpenError::StreamLimit(limit),
            session::OpenError::GoingAway => OpenError::GoingAway,
            session::OpenError::Closed(code) => OpenError::Closed(code),
            session::OpenError::Head(code) => OpenError::Head(code),
        }
    }
}

/// Why a stream does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The peer ended its direction early.
    #[error("the peer reset the stream: {0}")]
    Reset(Code),
    /// The peer does not want what is written, or this side has reset its direction.
    #[error("the stream was stopped: {0}")]
    Stopped(Code),
    /// The session ended while the stream was open.
    #[error("the session is closed: {0}")]
    SessionClosed(Code),
    /// The peer ended its direction in order, but without a reply.
    #[error("the stream ended without a reply")]
    NoReply,
    /// The reply is too large, is not a strict JSON object, or is not the first one. Nothing was sent.
    #[error("the reply cannot be sent: {0}")]
    Reply(Code),
    /// A write before the reply, or behind the own end.
    #[error("the own direction is not open for writing")]
    NotWritable,
}

impl From<StreamError> for io::Error {
    fn from(error: StreamError) -> io::Error {
        let kind = match error {
            StreamError::Reset(_) => io::ErrorKind::ConnectionReset,
            StreamError::Stopped(_) | StreamError::NotWritable => io::ErrorKind::BrokenPipe,
            StreamError::SessionClosed(_) => io::ErrorKind::ConnectionAborted,
            StreamError::NoReply => io::ErrorKind::UnexpectedEof,
            StreamError::Reply(_) => io::ErrorKind::InvalidInput,
        };
        io::Error::new(kind, error)
    }
}
