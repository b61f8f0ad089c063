//! From an address to a connection: TCP, a proxy if there is one, TLS if the gateway speaks it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use rustls::ClientConfig;
use tokio::net::{TcpStream, lookup_host};

use super::gateway::Gateway;
use super::proxy::Proxy;
use super::tls::Trust;
use crate::LinkError;
use crate::carrier::{Carrier, Io, SharedTcp, Socket};
use crate::quic::{self, Pinned};

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
        let address = match self.address {
            Some(address) => address,
            None => {
                let mut found = lookup_host((host.as_str(), *port)).await?;
                found.next().ok_or_else(|| LinkError::Address(authority.clone()))?
            }
        };
        let tls = if self.pinned.is_empty() {
            ClientConfig::clone(&*self.trust.config()?)
        } else {
            Pinned::config(&self.pinned).map_err(LinkError::broken)?
        };
        quic::connect(address, host, &format!("https://{authority}{path}"), credential, tls).await
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
