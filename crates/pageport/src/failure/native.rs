//! Why `expose` has no listener and `connect` no connection, with what to do about it.

use std::borrow::Cow;
use std::fmt::Display;
use std::io;

use miette::Diagnostic;
use pageport_link::{LinkError, ListenError, StreamError};
use pageport_proto::Code;
use pageport_proto::target::Target;

/// A code of the list, what happened, and a way out.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct NativeFailure {
    message: String,
    code: Code,
    /// The server that was asked for.
    target: Option<Target>,
}

impl NativeFailure {
    /// The listener was refused, or its gateway not reached.
    pub(crate) fn listen(error: &ListenError) -> NativeFailure {
        NativeFailure::new(&error.to_string(), error.code())
    }

    /// There is no connection.
    pub(crate) fn dial(error: &LinkError) -> NativeFailure {
        NativeFailure::new(&error.to_string(), error.code())
    }

    /// Something else, in the words of the command.
    pub(crate) fn new(message: &str, code: Code) -> NativeFailure {
        NativeFailure { message: message.to_owned(), code, target: None }
    }

    /// It was there, and may not go on.
    pub(crate) fn ended(code: Code) -> NativeFailure {
        NativeFailure::new("the listener has ended", code)
    }

    /// The gateway has said no: to a server, or to a page.
    pub(crate) fn refused(target: Option<&Target>, code: Code, message: &str) -> NativeFailure {
        let what = target.map_or_else(|| "the page".to_owned(), ToString::to_string);
        let message = match message {
            "" => format!("{what} is not connected"),
            message if target.is_none() => message.to_owned(),
            message => format!("{what} is not connected: {message}"),
        };
        NativeFailure { message, code, target: target.cloned() }
    }

    /// What was a connection through a gateway did not end in order.
    pub(crate) fn broken(target: Option<&Target>, error: &io::Error) -> NativeFailure {
        let of_stream = error.get_ref().and_then(|error| error.downcast_ref::<StreamError>());
        let code = match of_stream {
            Some(
                StreamError::Reset(code) | StreamError::Stopped(code) | StreamError::SessionClosed(code),
            ) => *code,
            // Not the stream, but stdin or stdout.
            _ => Code::ERR_ABORTED,
        };
        let message = format!("the connection broke: {error}");
        NativeFailure { message, code, target: target.cloned() }
    }

    /// Of the list.
    pub(crate) fn reason(&self) -> Code {
        self.code
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        let of_target = self.target.as_ref().and_then(|target| of_target(target, self.code));
        of_target.or_else(|| self.general_hint().map(Cow::Borrowed))
    }

    fn general_hint(&self) -> Option<&'static str> {
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
            Code::ERR_INVALID_ARGUMENT => {
                "write page:NAME, ws://NAME.GATEWAY/, tcp://HOST:PORT or tls://HOST:PORT; IPv6 addresses in brackets"
            }
            Code::ERR_CONNECT_LIMIT => {
                "the gateway allows a session no more connections at once; end some first"
            }
            Code::ERR_OVERLOADED | Code::ERR_GOING_AWAY | Code::ERR_TARGET_LIMIT => "try again in a moment",
            _ => return None,
        })
    }
}

/// What to do about a server that is not connected.
fn of_target(target: &Target, code: Code) -> Option<Cow<'static, str>> {
    let Target { protocol, endpoint } = target;
    Some(match code {
        Code::ERR_TARGET_FORBIDDEN => Cow::Owned(format!(
            "a credential that may connect, and this rule in the gateway's configuration, would allow it \
             (or `pageport dev --allow {target}`):\n  [[allow]]\n  to = \"{endpoint}\"\n  protocol = \"{protocol}\"\n\
             `pageport config explain --to {target}` says at the gateway what decides"
        )),
        Code::ERR_TARGET_CONNECTION_REFUSED => "nobody listens at that port: start the server, or check it".into(),
        Code::ERR_TARGET_UNRESOLVED => "the name is looked up by the gateway, with its name servers: check it".into(),
        Code::ERR_TARGET_TIMEOUT => "is the server up, and does a firewall let the gateway reach it?".into(),
        Code::ERR_TARGET_UNREACHABLE => "the gateway has no way there, or the server broke off".into(),
        Code::ERR_TARGET_TLS => {
            "the gateway verifies the certificate: for this host, by the system's authorities and `ca` of the rule".into()
        }
        Code::ERR_TARGET_LIMIT => "the rule allows no more connections now; try again in a moment".into(),
        _ => return None,
    })
}

impl Diagnostic for NativeFailure {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.hint().map(|hint| Box::new(hint) as Box<dyn Display + 'a>)
    }
}
