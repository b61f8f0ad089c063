//! `pageport connect`: stdin and stdout are a connection to a listener.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use pageport_link::head::{Connect, Ready, Reply, Request};
use pageport_link::{Session, Stream, dial};
use pageport_proto::Code;
use pageport_proto::name::Name;
use pageport_proto::target::Path;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::cli::native::ConnectFlags;
use crate::failure::{Failure, NativeFailure};
use crate::gateway;

/// What one read takes.
const CHUNK: usize = 64 * 1024;
/// For the last bytes to be taken by the page, when all of stdin was read.
const FAREWELL: Duration = Duration::from_secs(30);

/// Runs until both directions have ended; from a terminal, until nothing more comes.
pub(crate) async fn run(flags: ConnectFlags) -> Result<(), Failure> {
    let alone = io::stdin().is_terminal();
    if let Some(page) = flags.url.strip_prefix("page:") {
        let (session, stream) = to_page(&flags, page).await?;
        let piped = pipe(stream, alone).await;
        // What was taken from stdin has not left by that.
        session.go_away(FAREWELL, Code::NO_ERROR, 0..=0);
        session.finished().await;
        return piped.map_err(Failure::Broken);
    }
    let connection = dial(&flags.url).await.map_err(|error| Failure::Native(NativeFailure::dial(&error)))?;
    pipe(connection, alone).await.map_err(Failure::Broken)
}

/// A stream to a page, through a session of this program's own.
async fn to_page(flags: &ConnectFlags, page: &str) -> Result<(Session, Stream), Failure> {
    let failed = |message: &str, code| Failure::Native(NativeFailure::new(message, code));
    let (name, path) = page.split_at(page.find(['/', '?']).unwrap_or(page.len()));
    let slash = if path.starts_with('/') { "" } else { "/" };
    let path = Path::parse(&format!("{slash}{path}"));
    let path = path.ok_or_else(|| failed("not the address of a page", Code::ERR_INVALID_ARGUMENT))?;
    let name = Name::parse(name).ok_or_else(|| failed("not a name", Code::ERR_NAME_INVALID))?;
    let connector = gateway::connector(&flags.gateway)?;
    let session = connector.connect().await.map_err(|error| Failure::Native(NativeFailure::dial(&error)))?;
    let wish = Request::Connect(Connect::Page { name, path, handshake: None });
    let lost = |error: &dyn std::fmt::Display| failed(&error.to_string(), Code::ERR_SESSION_LOST);
    let mut stream = session.open(&wish).map_err(|error| lost(&error))?;
    let reply = stream.reply().await.map_err(|error| lost(&error))?;
    match Reply::<Ready>::parse(&reply) {
        Ok(Reply::Ok(Ready {})) => Ok((session, stream)),
        Ok(Reply::Refused(refusal)) => {
            let code = Code::from_name(&refusal.error).unwrap_or(Code::ERR_REJECTED);
            let why = if refusal.message.is_empty() { "the page is not connected" } else { &refusal.message };
            Err(failed(why, code))
        }
        Err(code) => Err(failed("the gateway's answer is none", code)),
    }
}

async fn pipe(connection: impl AsyncRead + AsyncWrite, until_end: bool) -> io::Result<()> {
    let (mut from, mut to) = tokio::io::split(connection);
    let sending = async {
        let mut stdin = tokio::io::stdin();
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = stdin.read(&mut buffer).await?;
            if read == 0 {
                return to.shutdown().await;
            }
            to.write_all(&buffer[..read]).await?;
            to.flush().await?;
        }
    };
    let receiving = async {
        let mut stdout = tokio::io::stdout();
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = from.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            stdout.write_all(&buffer[..read]).await?;
            stdout.flush().await?;
        }
        // Whoever reads from this program learns that nothing more comes.
        end_of_stdout()
    };
    tokio::pin!(sending, receiving);
    tokio::select! {
        sent = &mut sending => {
            sent?;
            receiving.await
        }
        received = &mut receiving => {
            received?;
            if until_end { Ok(()) } else { sending.await }
        }
    }
}

/// Closes stdout while the program goes on: nothing else can be done to the number 1 without `unsafe`.
fn end_of_stdout() -> io::Result<()> {
    let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(nowhere)?)
}
