//! A visitor: a plain TCP client that does the HTTP part of a WebSocket handshake. Behind it the gateway relays bytes, whatever
//! they are, so none of these need to be frames.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::facts::Outcome;
use crate::place::Place;

/// Connects by path and returns once the page has accepted.
pub(crate) async fn visit(place: &Place, name: &str) -> Outcome<TcpStream> {
    let mut stream = TcpStream::connect(place.address).await?;
    stream.set_nodelay(true)?;
    let host = place.host();
    let request = format!(
        "GET /@{name}/ HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let answer = answer(&mut stream).await?;
    if answer.starts_with("HTTP/1.1 101 ") {
        Ok(stream)
    } else {
        Err(answer.lines().next().unwrap_or("").into())
    }
}

/// Reads the head of an HTTP answer, and not a byte more.
pub(crate) async fn answer(stream: &mut TcpStream) -> Outcome<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(head)?)
}
