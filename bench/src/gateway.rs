//! The yardstick: `/tcp/HOST/PORT` over WebSocket as anybody would write it in an evening with `fastwebsockets`: no policy, no limits, no
//! metrics, one frame at a time.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastwebsockets::{Frame, OpCode, Payload, Role, WebSocketError, after_handshake_split};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{Outcome, listen};

const READ: usize = 64 * 1024;
const HEAD: usize = 4096;
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Serves until the process ends.
pub(crate) async fn run(port: u16) -> Outcome {
    let listener = listen::at(port).await?;
    loop {
        let (client, _) = listener.accept().await?;
        tokio::spawn(async move {
            // A client that leaves early is nothing to talk about.
            let _ = serve(client).await;
        });
    }
}

async fn serve(mut client: TcpStream) -> Outcome {
    client.set_nodelay(true)?;
    let head = head(&mut client).await?;
    let path = head.split(' ').nth(1).ok_or("no path")?;
    let mut parts = path.trim_start_matches("/tcp/").split('/');
    let (host, port) = (parts.next().ok_or("no host")?, parts.next().ok_or("no port")?);
    let target = TcpStream::connect(SocketAddr::new(host.parse()?, port.parse()?)).await?;
    target.set_nodelay(true)?;
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).ok_or("no key")?;
    let accept = STANDARD.encode(sha1_smol::Sha1::from(format!("{key}{MAGIC}")).digest().bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    client.write_all(answer.as_bytes()).await?;
    relay(client, target).await
}

async fn relay(client: TcpStream, target: TcpStream) -> Outcome {
    let (from_client, to_client) = client.into_split();
    let (mut from_target, mut to_target) = target.into_split();
    let (mut frames, mut messages) = after_handshake_split(from_client, to_client, Role::Server);
    let up = async {
        loop {
            let frame = frames.read_frame(&mut |_: Frame<'_>| async { Ok::<_, WebSocketError>(()) }).await?;
            match frame.opcode {
                OpCode::Close => return Outcome::Ok(()),
                _ => to_target.write_all(&frame.payload).await?,
            }
        }
    };
    let down = async {
        let mut buffer = vec![0; READ];
        loop {
            match from_target.read(&mut buffer).await? {
                0 => return Outcome::Ok(()),
                len => messages.write_frame(Frame::binary(Payload::Borrowed(&buffer[..len]))).await?,
            }
        }
    };
    // Whichever ends first ends both.
    tokio::select! { ended = up => ended, ended = down => ended }
}

async fn head(client: &mut TcpStream) -> Outcome<String> {
    let mut head = Vec::with_capacity(1024);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > HEAD || client.read_buf(&mut head).await? == 0 {
            return Err("no request".into());
        }
    }
    Ok(String::from_utf8(head)?)
}
