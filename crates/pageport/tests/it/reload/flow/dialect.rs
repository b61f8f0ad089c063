//! Clients that know nothing of sessions.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::listen::{Shape, binary};
use super::{Flow, WORD, Way};

const CONNECT: u8 = 1;
const DATA: u8 = 2;
const TCP: u8 = 1;
const STREAM: [u8; 4] = [1, 0, 0, 0];

/// A connection to `host:port` by the token `test`, or the code of the refusal.
pub(super) async fn open(way: Way, gateway: &str, endpoint: &str) -> Result<Flow, String> {
    begin(way, "Authorization: Bearer test", gateway, endpoint).await
}

/// The same for a page of this origin, by `/tcp/host/port`.
pub(in crate::reload) async fn open_from(
    origin: &str,
    gateway: &str,
    endpoint: &str,
) -> Result<Flow, String> {
    begin(Way::Messages, &format!("Origin: {origin}"), gateway, endpoint).await
}

/// `who`: the header that says so.
async fn begin(way: Way, who: &str, gateway: &str, endpoint: &str) -> Result<Flow, String> {
    let (host, port) = endpoint.rsplit_once(':').unwrap();
    let path = if way == Way::Wisp { "/wisp/".to_owned() } else { format!("/tcp/{host}/{port}") };
    let upgrade = match way {
        Way::Upgrade => "Upgrade: tcp\r\n",
        _ => {
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        }
    };
    let authority = gateway.strip_prefix("http://").unwrap().trim_end_matches('/');
    let mut socket =
        TcpStream::connect(("127.0.0.1", authority.rsplit(':').next().unwrap().parse().unwrap()))
            .await
            .unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\n{upgrade}{who}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    if !head.starts_with("HTTP/1.1 101 ") {
        let code = head.lines().find_map(|line| line.strip_prefix("pageport-error: "));
        return Err(code.unwrap_or_else(|| panic!("{head}")).to_owned());
    }
    let (shape, say) = match way {
        Way::Wisp => {
            let to = [
                &[CONNECT][..],
                &STREAM,
                &[TCP],
                &port.parse::<u16>().unwrap().to_le_bytes(),
                host.as_bytes(),
            ];
            socket.write_all(&binary(&to.concat())).await.unwrap();
            (Shape::Wisp, binary(&[&[DATA][..], &STREAM, WORD].concat()))
        }
        Way::Messages => (Shape::Messages, binary(WORD)),
        _ => (Shape::Bytes, WORD.to_owned()),
    };
    let (read, write) = socket.into_split();
    let mut flow = Flow::new(shape, read, Box::new(write), &say);
    // Wisp says nothing of a connection that has come about. Some networks have a mail server of their own at every address: that echoes nothing.
    if port == "25" && way != Way::Wisp || flow.echoes().await { Ok(flow) } else { Err(flow.ended().await.1) }
}
