//! From an address to a connection: TCP, a proxy if there is one, TLS if the gateway speaks it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rustls::ClientConfig;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::sleep;

use super::gateway::Gateway;
use super::proxy::Proxy;
use super::tls::Trust;
use crate::LinkError;
use crate::carrier::{Carrier, Io, SharedTcp, Socket};
use crate::quic::{self, Pinned};

/// How long an address is alone before the next one is tried too (RFC 8305 §5): over UDP nothing says that nobody is there.
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// Makes connections to one gateway.
#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    pub(super) gateway: Gateway,
    /// In place of the address that the gateway's name has; nothing to a proxy.
    pub(super) address: Option<SocketAddr>,
    pub(super) proxy: Option<Proxy>,
    /// In place of TCP, and of all that is above.
    pub(super) dial: Option<Dial>,
    pub(super) trust: Trust,
    /// Over WebTransport: certificates that are believed, by their hashes, and no others.
    pub(super) pinned: Vec<[u8; 32]>,
}

/// Makes what is like a connection to the gateway.
#[derive(Clone)]
pub(super) struct Dial(pub(super) Arc<dyn Fn() -> Dialled + Send + Sync>);

pub(super) type Dialled = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send>>;

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dial")
    }
}

impl Dialer {
    /// A connection on which the gateway itself is spoken to.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) async fn connect(&mut self) -> Result<Socket, LinkError> {
        if let Some(Dial(dial)) = &self.dial {
            return Ok(Socket::Other(dial().await?));
        }
        let mut stream = self.reach().await?;
        if let Some(proxy) = &self.proxy {
            proxy.tunnel(&mut stream, &self.gateway).await?;
        }
        self.secured(stream).await
    }

    /// A connection for plain requests: a proxy passes them on by itself, unless they are inside TLS.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) async fn connect_for_requests(&mut self) -> Result<Socket, LinkError> {
        if self.forwards() { Ok(Socket::from(self.reach().await?)) } else { self.connect().await }
    }

    /// Whether plain requests are the proxy's to pass on, and so name the gateway in full.
    pub(crate) fn forwards(&self) -> bool {
        self.proxy.is_some() && !self.gateway.secure
    }

    /// A WebTransport session.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn webtransport(&mut self, credential: Option<&str>) -> Result<Carrier, LinkError> {
        if self.proxy.is_some() {
            return Err(LinkError::WebTransport("no proxy passes it on".to_owned()));
        }
        let Gateway { host, port, authority, path, .. } = &self.gateway;
        let addresses: Vec<SocketAddr> = match self.address {
            Some(address) => vec![address],
            None => lookup_host((host.as_str(), *port)).await?.collect(),
        };
        let tls = if self.pinned.is_empty() {
            ClientConfig::clone(&*self.trust.config()?)
        } else {
            Pinned::config(&self.pinned).map_err(LinkError::broken)?
        };
        let url = format!("https://{authority}{path}");
        let first =
            first_of(addresses, |address| quic::connect(address, host, &url, credential, tls.clone()));
        first.await.unwrap_or_else(|| Err(LinkError::Address(authority.clone())))
    }

    async fn reach(&self) -> Result<TcpStream, LinkError> {
        let stream = match (&self.proxy, self.address) {
            (Some(proxy), _) => TcpStream::connect((proxy.host.as_str(), proxy.port)).await?,
            (None, Some(address)) => TcpStream::connect(address).await?,
            (None, None) => TcpStream::connect((self.gateway.host.as_str(), self.gateway.port)).await?,
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn secured(&mut self, stream: TcpStream) -> Result<Socket, LinkError> {
        if !self.gateway.secure {
            return Ok(Socket::from(stream));
        }
        let tcp = SharedTcp::from(stream);
        let tls = self.trust.connect(&self.gateway.host, tcp.clone()).await?;
        Ok(Socket::over(tls, tcp))
    }
}

/// The first attempt that succeeds, or the failure that came last; `None` without an address.
async fn first_of<T, E, A: Future<Output = Result<T, E>>>(
    addresses: Vec<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> A,
) -> Option<Result<T, E>> {
    let attempt = &attempt;
    let mut running: FuturesUnordered<_> = (0..)
        .zip(addresses)
        .map(|(nth, address)| async move {
            sleep(NEXT_ADDRESS * nth).await;
            attempt(address).await
        })
        .collect();
    let mut last = None;
    while let Some(result) = running.next().await {
        if result.is_ok() {
            return Some(result);
        }
        last = Some(result);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_where_nobody_answers_keeps_nobody_from_the_next() {
        let addresses: Vec<SocketAddr> = (1..=3).map(|port| ([127, 0, 0, 1], port).into()).collect();
        let attempt = async |address: SocketAddr| match address.port() {
            1 => std::future::pending().await,
            2 => Err("refused"),
            port => Ok(port),
        };
        assert_eq!(first_of(addresses.clone(), attempt).await, Some(Ok(3)));
        assert_eq!(first_of(addresses[1..2].to_vec(), attempt).await, Some(Err("refused")));
        assert_eq!(first_of(Vec::new(), attempt).await, None);
    }
}
