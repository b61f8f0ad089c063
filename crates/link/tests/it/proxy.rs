//! Through a forward proxy: tunnels where it makes them, plain requests where it does not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use pageport_link::{CarrierKind, Connector, LinkError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Exchange, Gateway, TCP_KINDS, exchange, guard};

#[tokio::test]
async fn every_kind_goes_through_a_proxy_each_in_its_way() {
    for kind in TCP_KINDS {
        let gateway = Gateway::start().await;
        let proxy = Proxy::start(true, gateway.address).await;
        let page = guard(proxy.connector(&gateway).carriers(&[kind]).connect()).await.unwrap();
        guard(exchange(&page, Exchange { seed: 1, up: 100_000, down: 100_000 })).await.unwrap();
        assert_eq!(page.stats().carrier, Some(kind));
        let seen = proxy.seen();
        let way = if kind == CarrierKind::Http { "POST http://" } else { "CONNECT " };
        assert!(!seen.is_empty() && seen.iter().all(|line| line.starts_with(way)), "{kind}: {seen:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_makes_no_tunnels_leaves_plain_requests() {
    let gateway = Gateway::start().await;
    let proxy = Proxy::start(false, gateway.address).await;
    let page = guard(proxy.connector(&gateway).connect()).await.unwrap();
    assert_eq!(page.stats().carrier, Some(CarrierKind::Http));
    guard(exchange(&page, Exchange { seed: 1, up: 100_000, down: 100_000 })).await.unwrap();
    let refused = guard(proxy.connector(&gateway).carriers(&[CarrierKind::Bytes]).connect()).await;
    assert!(matches!(refused, Err(LinkError::Proxy { status: 403 })), "{refused:?}");
}

#[tokio::test]
async fn user_and_password_go_to_the_proxy_only() {
    let gateway = Gateway::start().await;
    let proxy = Proxy::start(true, gateway.address).await;
    let address = format!("http://me:pass@{}", proxy.address);
    let connector = Connector::new(&gateway.url()).unwrap().proxy(&address).unwrap();
    guard(connector.connect()).await.unwrap();
    assert!(proxy.heads.lock().unwrap()[0].contains("proxy-authorization: Basic bWU6cGFzcw==\r\n"));
}

/// Listens until the test ends; speaks for one gateway.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start(tunnels: bool, target: SocketAddr) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, tunnels, target, Arc::clone(&kept)));
            }
        });
        Proxy { address, heads }
    }

    fn connector(&self, gateway: &Gateway) -> Connector {
        Connector::new(&gateway.url()).unwrap().proxy(&format!("http://{}", self.address)).unwrap()
    }

    /// The first line of each connection.
    fn seen(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        heads.iter().map(|head| head.lines().next().unwrap().to_owned()).collect()
    }
}

async fn serve(
    mut client: TcpStream,
    tunnels: bool,
    target: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        if client.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    heads.lock().unwrap().push(text.clone());
    if text.starts_with("CONNECT ") {
        if !tunnels {
            return client.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await.ok();
        }
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
    }
    let mut server = TcpStream::connect(target).await.ok()?;
    if !text.starts_with("CONNECT ") {
        // Later requests of the connection name the gateway in full as well, which servers take (RFC 9112 §3.2.2).
        server.write_all(&head).await.ok()?;
    }
    copy_bidirectional(&mut client, &mut server).await.ok()?;
    Some(())
}
