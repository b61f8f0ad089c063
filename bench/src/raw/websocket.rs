//! Over WebSocket: a message is a request, or part of what was announced.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_websockets::{Message, Payload, ServerBuilder, WebSocketStream};

use crate::service::{DOWN, ECHO, UP};
use crate::{Outcome, listen};

/// What one message has.
const MESSAGE: usize = 64 * 1024;

/// Serves until the process ends.
pub(crate) async fn run(port: u16) -> Outcome {
    let listener = listen::at(port).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            // A page that leaves early is nothing to talk about.
            let _ = serve(stream).await;
        });
    }
}

async fn serve(stream: TcpStream) -> Outcome {
    stream.set_nodelay(true)?;
    let (_, mut socket) = ServerBuilder::new().accept(stream).await?;
    while let Some(message) = next(&mut socket).await? {
        match message.first() {
            Some(&ECHO) => socket.send(Message::binary(message)).await?,
            Some(&DOWN) => down(&mut socket, announced(&message)?).await?,
            Some(&UP) => up(&mut socket, announced(&message)?).await?,
            other => return Err(format!("no mode {other:?}").into()),
        }
    }
    Ok(())
}

async fn down(socket: &mut WebSocketStream<TcpStream>, mut left: u64) -> Outcome {
    let piece = Payload::from(vec![7; MESSAGE]);
    while left > 0 {
        let len = usize::try_from(left).unwrap_or(MESSAGE).min(MESSAGE);
        let message = if len == MESSAGE { piece.clone() } else { Payload::from(vec![7; len]) };
        socket.send(Message::binary(message)).await?;
        left -= len as u64;
    }
    Ok(())
}

async fn up(socket: &mut WebSocketStream<TcpStream>, mut left: u64) -> Outcome {
    while left > 0 {
        let message = next(socket).await?.ok_or("it ended early")?;
        left = left.checked_sub(message.len() as u64).ok_or("it was too long")?;
    }
    Ok(socket.send(Message::binary(vec![UP])).await?)
}

/// The next message; none when the page has closed.
async fn next(socket: &mut WebSocketStream<TcpStream>) -> Outcome<Option<Payload>> {
    match socket.next().await {
        Some(message) => {
            let message = message?;
            Ok((!message.is_close()).then(|| message.into_payload()))
        }
        None => Ok(None),
    }
}

fn announced(request: &[u8]) -> Outcome<u64> {
    Ok(u64::from_be_bytes(request[1..].try_into()?))
}
