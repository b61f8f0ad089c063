//! `pageport connect`: stdin and stdout are a connection, or programs get a SOCKS server for theirs.

use std::io;
use std::time::Duration;

use pageport_link::dial;
use pageport_link::head::Connect;
use pageport_proto::Code;
use pageport_proto::target::Target;
use tokio::time::timeout;

use crate::cli::native::{ConnectFlags, SocksFlags};
use crate::connect::ask::{Connected, ask};
use crate::connect::pipe::pipe;
use crate::connect::place::Place;
use crate::connect::{report, socks};
use crate::failure::{Failure, NativeFailure};
use crate::{descriptors, gateway, signals};

/// For the last bytes to be taken by the other end, when all of stdin was read.
const FAREWELL: Duration = Duration::from_secs(30);
/// For the gateway to be told that this was stopped.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Runs until both directions have ended; from a terminal, until nothing more comes. A SOCKS server runs until it is asked to stop.
pub(crate) async fn run(flags: ConnectFlags) -> Result<(), Failure> {
    if let Some(address) = flags.socks {
        return serve(address, flags).await;
    }
    let Some(to) = &flags.url else { return Ok(()) };
    let result = to_place(&flags, to).await;
    match result {
        Err(failure) if flags.json && !matches!(failure, Failure::Silent) => {
            report::failed(to, &failure);
            Err(Failure::Silent)
        }
        result => result,
    }
}

async fn serve(address: socks::Address, flags: ConnectFlags) -> Result<(), Failure> {
    descriptors::raise();
    let SocksFlags { socks_auth, socks_connections, socks_handshake } = flags.socks_flags;
    let options = socks::Options {
        address,
        credentials: socks_auth,
        connections: usize::try_from(socks_connections).unwrap_or(usize::MAX),
        handshake: socks_handshake,
        report: if flags.json { socks::Report::Json } else { socks::Report::Text },
        gateway: flags.gateway,
    };
    socks::serve(options).await
}

async fn to_place(flags: &ConnectFlags, to: &str) -> Result<(), Failure> {
    match Place::parse(to, flags.gateway.gateway.is_some())? {
        Place::Beyond(wish, target) => beyond(flags, to, (wish, target)).await,
        Place::Listener => {
            let dialled = dial(to).await;
            let connection = dialled.map_err(|error| Failure::Native(NativeFailure::dial(&error)))?;
            if flags.json {
                report::connected(to, None);
            }
            pipe(connection).await.map_err(Failure::Broken)
        }
    }
}

/// To a page or a server, through a session of this program's own. Whoever ends this program early ends the connection with it: the gateway
/// would keep it for the session's lease otherwise.
async fn beyond(
    flags: &ConnectFlags,
    to: &str,
    (wish, target): (Connect, Option<Target>),
) -> Result<(), Failure> {
    let connector = gateway::connector(&flags.gateway)?;
    let connecting = connector.connect();
    let ended = signals::ended();
    tokio::pin!(ended);
    let stopped = |ended: io::Result<()>| ended.map_or_else(Failure::Runtime, |()| Failure::Silent);
    let session = tokio::select! {
        session = connecting => session.map_err(|error| Failure::Native(NativeFailure::dial(&error)))?,
        ended = &mut ended => return Err(stopped(ended)),
    };
    let piping = async {
        let Connected { stream, tls } = ask(&session, wish, target.as_ref()).await?;
        if flags.json {
            report::connected(to, tls.as_ref());
        }
        let piped = pipe(stream).await;
        piped.map_err(|error| NativeFailure::broken(target.as_ref(), &error).into())
    };
    tokio::select! {
        piped = piping => {
            // What was taken from stdin has not left by that.
            session.go_away(FAREWELL, Code::NO_ERROR, 0..=0);
            session.finished().await;
            piped
        }
        ended = &mut ended => {
            session.close(Code::NO_ERROR, "");
            // Whoever does not hear it notices by the lease.
            let _ = timeout(LAST_WORD, session.finished()).await;
            Err(stopped(ended))
        }
    }
}
