//! A proxy that passes upgrades on, and then swallows what they were made for.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What gets through behind an upgrade.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swallows {
    Nothing,
    /// Neither direction.
    All,
    /// What the client sends.
    Up,
}

struct State {
    /// Of connections that come from now on.
    swallows: watch::Sender<Swallows>,
    /// Something of a client's has been swallowed.
    swallowed: watch::Sender<bool>,
}

/// Listens until it is dropped.
pub(crate) struct SwallowingProxy {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    accepting: AbortHandle,
}

impl SwallowingProxy {
    pub(crate) async fn to(target: SocketAddr, swallows: Swallows) -> SwallowingProxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state =
            Arc::new(State { swallows: watch::Sender::new(swallows), swallowed: watch::Sender::new(false) });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, target, Arc::clone(&shared)));
            }
        });
        SwallowingProxy { address, state, accepting: accepting.abort_handle() }
    }

    pub(crate) fn swallow(&self, swallows: Swallows) {
        self.state.swallows.send_replace(swallows);
    }

    /// Waits until something of a client's has been swallowed.
    pub(crate) async fn swallowed(&self) {
        self.state.swallowed.subscribe().wait_for(|swallowed| *swallowed).await.unwrap();
    }
}

impl Drop for SwallowingProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(client: TcpStream, target: SocketAddr, state: Arc<State>) {
    let swallows = *state.swallows.borrow();
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let Some(request) = head(&mut from_client).await else { return };
    let upgrades = String::from_utf8_lossy(&request).to_ascii_lowercase().contains("\r\nupgrade:");
    let _ = to_server.write_all(&request).await;
    let swallows = if upgrades { swallows } else { Swallows::Nothing };
    if swallows == Swallows::All {
        let Some(answer) = head(&mut from_server).await else { return };
        let _ = to_client.write_all(&answer).await;
    }
    let up = async {
        if swallows == Swallows::Nothing {
            let _ = copy(&mut from_client, &mut to_server).await;
        }
        while from_client.read(&mut [0; 1024]).await.is_ok_and(|length| length > 0) {
            state.swallowed.send_replace(true);
        }
    };
    let down = async {
        let _ = match swallows {
            Swallows::All => copy(&mut from_server, &mut sink()).await,
            _ => copy(&mut from_server, &mut to_client).await,
        };
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}

/// Everything up to the end of a head, and nothing behind it.
async fn head(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(from.read_u8().await.ok()?);
    }
    Some(head)
}
