//! A proxy that passes an answer on when it is complete, and not before.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// What a chunked body ends with (RFC 9112 §7.1).
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// Listens until it is dropped.
pub(crate) struct HoldingProxy {
    pub(crate) address: SocketAddr,
    accepting: AbortHandle,
}

impl HoldingProxy {
    pub(crate) async fn to(target: SocketAddr) -> HoldingProxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, target));
            }
        });
        HoldingProxy { address, accepting: accepting.abort_handle() }
    }
}

impl Drop for HoldingProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(client: TcpStream, target: SocketAddr) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let _ = copy(&mut from_client, &mut to_server).await;
    };
    let down = async {
        let mut held = Vec::new();
        while from_server.read_buf(&mut held).await.is_ok_and(|length| length > 0) {
            if is_complete(&held) && to_client.write_all(&std::mem::take(&mut held)).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}

fn is_complete(answer: &[u8]) -> bool {
    match answer.windows(4).position(|four| four == b"\r\n\r\n") {
        None => false,
        Some(at) => {
            let head = String::from_utf8_lossy(&answer[..at]).to_ascii_lowercase();
            !head.contains("transfer-encoding: chunked") || answer.ends_with(LAST_CHUNK)
        }
    }
}
