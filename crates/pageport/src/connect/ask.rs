//! Asking a gateway: a stream of a session becomes a connection to a page or a server.

use pageport_link::head::{Connect, Ready, Reply, Request, Secured, Verified};
use pageport_link::{OpenError, Session, Stream, StreamError};
use pageport_proto::Code;
use pageport_proto::target::Target;

use crate::failure::NativeFailure;

/// A connection, and what was agreed on in TLS where the gateway does that.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) stream: Stream,
    pub(crate) tls: Option<Verified>,
}

/// Asks for a connection and waits for the answer. `target`: the server, for whom it is one.
///
/// # Errors
/// Why there is none, with a way out.
pub(crate) async fn ask(
    session: &Session,
    wish: Connect,
    target: Option<&Target>,
) -> Result<Connected, NativeFailure> {
    let within_tls = matches!(wish, Connect::Tls { .. });
    let mut stream = session.open(&Request::Connect(wish)).map_err(not_opened)?;
    let reply = stream.reply().await.map_err(not_answered)?;
    let reply = match within_tls {
        true => Reply::<Secured>::parse(&reply).map(|reply| told(reply, |secured| Some(secured.tls))),
        false => Reply::<Ready>::parse(&reply).map(|reply| told(reply, |Ready {}| None)),
    };
    match reply.map_err(|code| NativeFailure::new("the gateway's answer is none", code))? {
        Ok(tls) => Ok(Connected { stream, tls }),
        Err((code, message)) => Err(NativeFailure::refused(target, code, &message)),
    }
}

type Told = Result<Option<Verified>, (Code, String)>;

fn told<T>(reply: Reply<T>, tls: impl FnOnce(T) -> Option<Verified>) -> Told {
    match reply {
        Reply::Ok(accepted) => Ok(tls(accepted)),
        // A code that this version does not know is still a refusal.
        Reply::Refused(refusal) => {
            Err((Code::from_name(&refusal.error).unwrap_or(Code::ERR_REJECTED), refusal.message))
        }
    }
}

fn not_opened(error: OpenError) -> NativeFailure {
    let code = match error {
        OpenError::StreamLimit(_) => Code::ERR_STREAM_LIMIT,
        OpenError::Overloaded => Code::ERR_OVERLOADED,
        OpenError::GoingAway => Code::ERR_GOING_AWAY,
        OpenError::NotAttached => Code::ERR_GATEWAY_UNREACHABLE,
        OpenError::Closed(_) => Code::ERR_SESSION_LOST,
        OpenError::Head(code) => code,
    };
    NativeFailure::new(&error.to_string(), code)
}

fn not_answered(error: StreamError) -> NativeFailure {
    let code = match error {
        StreamError::Reset(code) | StreamError::Stopped(code) => code,
        _ => Code::ERR_SESSION_LOST,
    };
    NativeFailure::new(&error.to_string(), code)
}
