//! The client's side of SOCKS5 (RFC 1928), without authentication.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::lane::Lane;
use super::scene::Scene;
use crate::facts::Outcome;

pub(super) async fn connect(scene: &Scene, port: u16) -> Outcome<Lane> {
    let mut tcp = TcpStream::connect(scene.socks.as_ref().ok_or("no SOCKS server")?).await?;
    tcp.set_nodelay(true)?;
    let request = [&[5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1][..], &port.to_be_bytes()].concat();
    tcp.write_all(&request).await?;
    let mut reply = [0; 12];
    tcp.read_exact(&mut reply).await?;
    if reply[..4] == [5, 0, 5, 0] {
        Ok(Lane::of_bytes(tcp))
    } else {
        Err(format!("refused: {reply:?}").into())
    }
}
