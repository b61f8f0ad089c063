//! Why `expose` has no listener and `connect` no connection, with what to do about it.

use std::fmt::Display;

use miette::Diagnostic;
use pageport_link::{LinkError, ListenError};
use pageport_proto::Code;

/// A code of the list, what happened, and a way out.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct NativeFailure {
    message: String,
    code: Code,
}

impl NativeFailure {
    /// The listener was refused, or its gateway not reached.
    pub(crate) fn listen(error: &ListenError) -> NativeFailure {
        NativeFailure { message: error.to_string(), code: error.code() }
    }

    /// There is no connection.
    pub(crate) fn dial(error: &LinkError) -> NativeFailure {
        NativeFailure { message: error.to_string(), code: error.code() }
    }

    /// Something else, in the words of the command.
    pub(crate) fn new(message: &str, code: Code) -> NativeFailure {
        NativeFailure { message: message.to_owned(), code }
    }

    /// It was there, and may not go on.
    pub(crate) fn ended(code: Code) -> NativeFailure {
        NativeFailure { message: "the listener has ended".to_owned(), code }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self.code {
            Code::ERR_GATEWAY_UNREACHABLE => {
                "is it running, and the address right? `pageport dev` starts one on this machine"
            }
            Code::ERR_CREDENTIAL_REQUIRED => {
                "set PAGEPORT_TOKEN, or --token; `pageport dev` of the same user needs neither"
            }
            Code::ERR_CREDENTIAL_INVALID => {
                "the gateway does not know this token, it has expired, or it may not listen"
            }
            Code::ERR_PORT_UNAVAILABLE => {
                "leave --port out to get any; the operator sets the range with `[tcp]`"
            }
            Code::ERR_LISTEN_FORBIDDEN => "the operator decides what a credential may listen for",
            Code::ERR_NAME_TAKEN | Code::ERR_NAME_RESERVED => {
                "choose another --name, or none for a random one"
            }
            Code::ERR_NAME_INVALID => "3 to 40 of a-z, 0-9 and inner hyphens",
            Code::ERR_NAME_REPLACED => "the same key listens for this name elsewhere, more recently",
            Code::ERR_LISTENER_UNKNOWN => "nobody listens there (any more)",
            Code::ERR_LISTENER_AWAY => "whoever listens there is away; try again",
            Code::ERR_TARGET_FORBIDDEN => {
                "the credential may not connect, or no rule of the gateway allows it"
            }
            Code::ERR_TARGET_UNREACHABLE => "whoever listens there has nothing behind it (any more)",
            Code::ERR_INVALID_ARGUMENT => "write page:NAME, ws://NAME.GATEWAY/ or tcp://HOST:PORT",
            _ => return None,
        })
    }
}

impl Diagnostic for NativeFailure {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.hint().map(|hint| Box::new(hint) as Box<dyn Display>)
    }
}
