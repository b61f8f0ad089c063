//! The HTTP part of a connection, as small as it can be. `BEARER` in the environment is shown to whoever wants a credential.

use std::sync::LazyLock;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::target::{Target, Way};
use crate::Outcome;

/// The example of RFC 6455 §1.3, whose answer is known.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// More than any gateway says.
const HEAD: usize = 8 * 1024;

static BEARER: LazyLock<String> = LazyLock::new(|| {
    std::env::var("BEARER")
        .map_or_else(|_| String::new(), |token| format!("Authorization: Bearer {token}\r\n"))
});

/// Connects and shakes hands; with what came behind the answer.
pub(super) async fn shaken(target: &Target) -> Outcome<(TcpStream, Vec<u8>)> {
    let mut tcp = TcpStream::connect(target.address).await?;
    tcp.set_nodelay(true)?;
    let Target { path, address, .. } = target;
    let wanted = match target.way {
        Way::Raw => return Ok((tcp, Vec::new())),
        Way::Upgrade => "Upgrade: tcp\r\n".to_owned(),
        Way::WebSocket => {
            format!("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n")
        }
    };
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n{wanted}{}\r\n", *BEARER);
    tcp.write_all(request.as_bytes()).await?;
    let mut read = Vec::with_capacity(1024);
    let end = loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if read.len() > HEAD || tcp.read_buf(&mut read).await? == 0 {
            return Err(format!("no answer: {:?}", String::from_utf8_lossy(&read)).into());
        }
    };
    let behind = read.split_off(end);
    let head = String::from_utf8(read)?;
    if !head.starts_with("HTTP/1.1 101 ") || target.way == Way::WebSocket && !head.contains(ACCEPT) {
        return Err(format!("refused: {head}{}", String::from_utf8_lossy(&behind)).into());
    }
    Ok((tcp, behind))
}
