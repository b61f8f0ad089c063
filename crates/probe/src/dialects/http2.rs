//! WebSockets over HTTP/2 (RFC 8441), several on one connection.

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::ext::Protocol;
use http::{Method, Request, Version};
use tokio::net::TcpStream;

use super::lane::Lane;
use super::scene::Scene;
use crate::facts::Outcome;

pub(super) type Requests = SendRequest<Bytes>;

/// What may come on one stream before it was read, and on all of a connection: none can hold up the others.
const WINDOW: u32 = 1 << 20;
const WINDOWS: u32 = 256 << 20;

pub(super) async fn requests(tcp: TcpStream) -> Outcome<Requests> {
    tcp.set_nodelay(true)?;
    let mut builder = Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOWS);
    let (requests, connection) = builder.handshake::<_, Bytes>(tcp).await?;
    tokio::spawn(connection);
    // Settings come with the first answer: only they say that this is possible.
    let mut requests = requests.ready().await?;
    let first = Request::builder().version(Version::HTTP_2).uri("http://localhost/address").body(())?;
    requests.send_request(first, true)?.0.await?;
    Ok(requests)
}

pub(super) async fn connect(requests: Requests, scene: &Scene, path: &str) -> Outcome<Lane> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri(format!("http://{}{path}", scene.host))
        .header("sec-websocket-version", "13")
        .header("authorization", format!("Bearer {}", scene.place.token))
        .body(())?;
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    let (answer, write) = requests.ready().await?.send_request(request, false)?;
    let answer = answer.await?;
    if answer.status() != 200 {
        return Err(format!("refused: {answer:?}").into());
    }
    Ok(Lane::of_http2(answer.into_body(), write))
}
