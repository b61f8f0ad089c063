//! An HTTP/1.1 forward proxy with the bad habits that some have: no tunnels, nothing but tunnels, holding answers back, cutting what is quiet.
//!
//! Must never be taken for a good proxy: each request has a connection of its own, and no upgrade gets through outside of a tunnel.

mod head;
mod pump;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::Cut;
use crate::relay::end;
use head::Head;
use pump::{Manner, Moved};

/// The largest head of a request.
const HEAD: usize = 64 * 1024;

/// Its habits. The default has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Habits {
    /// Answers CONNECT with 403.
    pub refuses_tunnels: bool,
    /// Answers everything but CONNECT with 403.
    pub only_tunnels: bool,
    /// Passes an answer on when it has this many bytes, or all of it. Not in tunnels, which it cannot look into.
    pub holds_back: usize,
    /// Cuts a connection without bytes for this long.
    pub cuts_idle: Option<Duration>,
}

/// A request that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// As it came.
    pub method: String,
    /// As it came: `host:port` for CONNECT, a URL otherwise.
    pub target: String,
    /// 200 for whatever was passed on, 403 or 502 otherwise.
    pub status: u16,
    /// Bytes from the client, without its head.
    pub up: u64,
    /// Bytes to the client, without the proxy's own.
    pub down: u64,
    /// It stood still for too long.
    pub cut: bool,
}

/// The proxy; it ends when it is dropped.
#[derive(Debug)]
pub struct HttpProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    habits: Habits,
    served: Mutex<Vec<Served>>,
    log: Option<mpsc::UnboundedSender<Served>>,
}

impl HttpProxy {
    /// Listens on `address`. What is over is sent to `log` as well.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn listen(
        address: SocketAddr,
        habits: Habits,
        log: Option<mpsc::UnboundedSender<Served>>,
    ) -> io::Result<HttpProxy> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { habits, served: Mutex::default(), log });
        let accepting = tokio::spawn(accept(Arc::clone(&shared), listener));
        Ok(HttpProxy { address, shared, accepting })
    }

    /// On a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(habits: Habits) -> io::Result<HttpProxy> {
        HttpProxy::listen(SocketAddr::from(([127, 0, 0, 1], 0)), habits, None).await
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://host:port`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Which requests are over.
    #[must_use]
    pub fn served(&self) -> Vec<Served> {
        self.shared.served.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for HttpProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(serve(Arc::clone(&shared), client));
    }
}

async fn serve(shared: Arc<Shared>, mut client: TcpStream) {
    let _ = client.set_nodelay(true);
    let Ok(Some((head, ahead))) = read_head(&mut client).await else { return };
    let served = Served {
        method: head.method.clone(),
        target: head.target.clone(),
        status: 200,
        up: ahead.len() as u64,
        down: 0,
        cut: false,
    };
    let Habits { refuses_tunnels, only_tunnels, .. } = shared.habits;
    let unwanted = if head.is_connect() { refuses_tunnels } else { only_tunnels };
    let served = if unwanted {
        refuse(&mut client, 403, served).await
    } else {
        match reach(&head).await {
            Ok(target) => pass(&shared.habits, &head, &ahead, client, target, served).await,
            Err(_) => refuse(&mut client, 502, served).await,
        }
    };
    if let Some(log) = &shared.log {
        let _ = log.send(served.clone());
    }
    shared.served.lock().unwrap_or_else(PoisonError::into_inner).push(served);
}

async fn read_head(client: &mut TcpStream) -> io::Result<Option<(Head, BytesMut)>> {
    let mut read = BytesMut::with_capacity(4_096);
    while read.len() < HEAD {
        if client.read_buf(&mut read).await? == 0 {
            break;
        }
        if let Some((head, len)) = Head::parse(&read) {
            return Ok(Some((head, read.split_off(len))));
        }
    }
    Ok(None)
}

async fn reach(head: &Head) -> io::Result<TcpStream> {
    let authority = head.authority().ok_or(io::ErrorKind::InvalidInput)?;
    let target = TcpStream::connect(authority).await?;
    target.set_nodelay(true)?;
    Ok(target)
}

async fn pass(
    habits: &Habits,
    head: &Head,
    ahead: &[u8],
    mut client: TcpStream,
    mut target: TcpStream,
    served: Served,
) -> Served {
    let begun = async {
        if head.is_connect() {
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        } else {
            target.write_all(head.forwarded().as_bytes()).await?;
        }
        target.write_all(ahead).await
    };
    if begun.await.is_err() {
        return served;
    }
    let is_tunnel = head.is_connect();
    let manner = Manner {
        is_tunnel,
        holds_back: if is_tunnel { 0 } else { habits.holds_back },
        cuts_idle: habits.cuts_idle,
    };
    let moved = Moved::default();
    let cut = pump::both(&mut client, &mut target, manner, &moved).await;
    if cut {
        end(&client, Cut::Reset);
        end(&target, Cut::Reset);
    }
    Served { up: served.up + moved.up.into_inner(), down: moved.down.into_inner(), cut, ..served }
}

async fn refuse(client: &mut TcpStream, status: u16, served: Served) -> Served {
    let answer = format!("HTTP/1.1 {status} No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    let _ = client.write_all(answer.as_bytes()).await;
    let _ = client.shutdown().await;
    Served { status, ..served }
}
