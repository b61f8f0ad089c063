//! The visitor's side: one kind of load per module, one line of JSON each.

pub(crate) mod bulk;
pub(crate) mod idle;
pub(crate) mod setups;
pub(crate) mod trips;

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Outcome;
use crate::service::ECHO;

/// A connection whose echo has answered once: the whole way to the service stands.
async fn echoed(target: SocketAddr) -> Outcome<TcpStream> {
    let mut stream = TcpStream::connect(target).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&[ECHO, 1]).await?;
    match stream.read_u8().await? {
        1 => Ok(stream),
        other => Err(format!("the echo gave back {other}").into()),
    }
}
