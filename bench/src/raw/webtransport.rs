//! Over WebTransport: each bidirectional stream is a connection of the service.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, sink};
use wtransport::endpoint::IncomingSession;
use wtransport::{Endpoint, Identity, RecvStream, SendStream, ServerConfig};

use crate::Outcome;
use crate::service::{self, DOWN, ECHO, UP};

/// A page that waits for its turn stays connected.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Says its port and the hash of its certificate, and serves until the process ends.
pub(crate) async fn run(port: u16) -> Outcome {
    let identity = Identity::self_signed(["localhost", "127.0.0.1"])?;
    let hash = identity.certificate_chain().as_slice().first().ok_or("no certificate")?.hash();
    let config = ServerConfig::builder()
        .with_bind_address(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .with_identity(identity)
        .keep_alive_interval(Some(KEEP_ALIVE))
        .build();
    let server = Endpoint::server(config)?;
    println!(
        "{}",
        json!({ "port": server.local_addr()?.port(), "sha256": AsRef::<[u8; 32]>::as_ref(&hash) })
    );
    loop {
        let incoming = server.accept().await;
        tokio::spawn(async move {
            // A page that leaves early is nothing to talk about.
            let _ = session(incoming).await;
        });
    }
}

async fn session(incoming: IncomingSession) -> Outcome {
    let session = incoming.await?.accept().await?;
    loop {
        let (send, receive) = session.accept_bi().await?;
        tokio::spawn(async move {
            let _ = serve(send, receive).await;
        });
    }
}

async fn serve(mut send: SendStream, mut receive: RecvStream) -> Outcome {
    match receive.read_u8().await? {
        ECHO => drop(copy(&mut receive, &mut send).await?),
        DOWN => service::down(&mut tokio::io::join(&mut receive, &mut send)).await?,
        UP => service::up(&mut tokio::io::join(&mut receive, &mut send)).await?,
        other => return Err(format!("no mode {other}").into()),
    }
    send.shutdown().await?;
    // Whoever lets go of what still comes refuses it, and be it no more than an end.
    copy(&mut receive, &mut sink()).await?;
    Ok(())
}
