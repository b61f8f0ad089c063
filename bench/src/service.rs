//! The native service behind every tunnel: it echoes, or sends or swallows as much as the first bytes ask for.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{Outcome, listen};

/// The first byte of a connection: give everything back.
pub(crate) const ECHO: u8 = b'e';
/// Send so many bytes; a 64-bit number follows.
pub(crate) const DOWN: u8 = b'd';
/// Take so many bytes, then answer with one; a 64-bit number follows.
pub(crate) const UP: u8 = b'u';

const CHUNK: usize = 256 * 1024;

/// Serves until the process ends.
pub(crate) async fn run(port: u16) -> Outcome {
    let listener = listen::at(port).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            // A visitor that leaves early is nothing to talk about.
            let _ = serve(stream).await;
        });
    }
}

async fn serve(mut stream: TcpStream) -> Outcome {
    stream.set_nodelay(true)?;
    match stream.read_u8().await? {
        ECHO => echo(stream).await,
        DOWN => down(&mut stream).await,
        UP => up(&mut stream).await,
        other => Err(format!("no mode {other}").into()),
    }
}

/// An idle connection holds no buffer.
async fn echo(mut stream: TcpStream) -> Outcome {
    loop {
        stream.readable().await?;
        let mut buffer = [0; 4096];
        match stream.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => stream.write_all(&buffer[..len]).await?,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sends as much as it is asked for.
pub(crate) async fn down(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Outcome {
    let mut left = stream.read_u64().await?;
    let chunk = vec![7; CHUNK];
    while left > 0 {
        let len = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        stream.write_all(&chunk[..len]).await?;
        left -= len as u64;
    }
    Ok(())
}

/// Takes as much as is announced.
pub(crate) async fn up(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Outcome {
    let mut left = stream.read_u64().await?;
    let mut chunk = vec![0; CHUNK];
    while left > 0 {
        match stream.read(&mut chunk).await? {
            0 => return Err("it ended early".into()),
            len => left = left.checked_sub(len as u64).ok_or("it was too long")?,
        }
    }
    stream.write_u8(UP).await?;
    Ok(())
}
