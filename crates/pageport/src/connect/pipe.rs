//! stdin and stdout as the two directions of a connection, each to its own end. Must never lose what comes because nobody listens at the other
//! end any more.

use std::io::{self, IsTerminal as _};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// What one read takes.
const CHUNK: usize = 64 * 1024;

/// Runs until both directions have ended; from a terminal, until nothing more comes.
///
/// # Errors
/// Why one of them broke: the first of the two, once the other has come to its end.
pub(crate) async fn pipe(connection: impl AsyncRead + AsyncWrite) -> io::Result<()> {
    let until_end = io::stdin().is_terminal();
    let (mut from, mut to) = tokio::io::split(connection);
    let sending = async {
        let mut stdin = tokio::io::stdin();
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = stdin.read(&mut buffer).await?;
            let sent = send(&mut to, &buffer[..read]).await;
            if read == 0 || sent.is_err() {
                return Ok::<_, io::Error>(sent);
            }
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
            let sent = sent?;
            // Who has stopped listening may have an answer on its way.
            let received = receiving.await;
            sent.and(received)
        }
        received = &mut receiving => {
            received?;
            if until_end { Ok(()) } else { sending.await? }
        }
    }
}

/// Nothing is the end of the direction.
async fn send(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return to.shutdown().await;
    }
    to.write_all(bytes).await?;
    to.flush().await
}

/// Closes stdout while the program goes on: nothing else can be done to the number 1 without `unsafe`.
fn end_of_stdout() -> io::Result<()> {
    let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(nowhere)?)
}
