//! A client of the dialects, as plain as it can be: an upgrade by hand, and frames by hand.

use std::net::SocketAddr;

use pageport_gateway::front::credential::sha256;
use tokio::net::{TcpListener, TcpStream};

use crate::client::{Answer, Client, soon};
use crate::connect::CALLER;
use crate::door::{self, Door, token_section};

/// A listed origin.
pub(crate) const APP: &str = "https://app.example";

pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// A gateway that speaks every dialect, with these rules and limits, a listed origin, and a token that may connect.
pub(crate) fn open(rules: &str) -> Door {
    door::open(&lines(rules))
}

/// Its configuration.
pub(crate) fn lines(rules: &str) -> String {
    let token = token_section("caller", CALLER, "[\"connect\"]");
    format!(
        "{rules}\n[dialects]\ntcp = true\nwebsockify = true\nupgrade = true\nwisp = true\n[link]\norigins = [\"{APP}\"]\n{token}"
    )
}

/// The field with the credential.
pub(crate) fn bearer() -> String {
    format!("Authorization: Bearer {CALLER}\r\n")
}

/// The path of a target.
pub(crate) fn path(to: SocketAddr) -> String {
    format!("/tcp/{}/{}", to.to_string().rsplit_once(':').expect("a port").0, to.port())
}

/// Asks for a WebSocket with these fields besides.
pub(crate) async fn knock(door: &Door, path: &str, fields: &str) -> (Client, Answer) {
    let fields = format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}"
    );
    ask(door, path, &fields).await
}

/// Asks for raw bytes with these fields besides.
pub(crate) async fn knock_raw(door: &Door, path: &str, fields: &str) -> (Client, Answer) {
    ask(door, path, &format!("Upgrade: tcp\r\nConnection: Upgrade\r\n{fields}")).await
}

async fn ask(door: &Door, path: &str, fields: &str) -> (Client, Answer) {
    let mut client = Client::connect(door.address).await;
    client.send(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", door.host)).await;
    let answer = client.answer().await;
    (client, answer)
}

/// Both ends of a connection over a WebSocket.
pub(crate) async fn pair(door: &Door, listener: &TcpListener) -> (Client, TcpStream) {
    let to = path(listener.local_addr().expect("an address"));
    let fields = format!("{}Sec-WebSocket-Protocol: binary\r\n", bearer());
    let ((client, answer), accepted) = tokio::join!(knock(door, &to, &fields), soon(listener.accept()));
    assert_eq!(answer.status, 101, "{}{}", answer.head, answer.body);
    (client, accepted.expect("a client").0)
}

/// Both ends of a raw one.
pub(crate) async fn raw_pair(door: &Door, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let to = path(listener.local_addr().expect("an address"));
    let fields = bearer();
    let ((client, answer), accepted) = tokio::join!(knock_raw(door, &to, &fields), soon(listener.accept()));
    assert_eq!(
        (answer.status, answer.header("upgrade")),
        (101, Some("tcp")),
        "{}{}",
        answer.head,
        answer.body
    );
    (client.socket, accepted.expect("a client").0)
}

/// A frame of a client, whole.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | u8::try_from(length).expect("short")),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).expect("fits").to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    let key = sha256(payload)[..4].to_vec();
    frame.extend(&key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// The next frame of the gateway: its first byte, and its payload.
pub(crate) async fn next(client: &mut Client) -> (u8, Vec<u8>) {
    let head = client.bytes(2).await;
    assert_eq!(head[1] & 0x80, 0, "a server does not mask");
    let length = match head[1] {
        126 => usize::from(u16::from_be_bytes(client.bytes(2).await.try_into().expect("two"))),
        127 => usize::try_from(u64::from_be_bytes(client.bytes(8).await.try_into().expect("eight")))
            .expect("fits"),
        short => usize::from(short),
    };
    (head[0], client.bytes(length).await)
}

/// So many bytes of binary messages.
pub(crate) async fn hear(client: &mut Client, length: usize) -> Vec<u8> {
    let mut heard = Vec::new();
    while heard.len() < length {
        let (first, payload) = next(client).await;
        assert_eq!(first, BINARY, "{payload:?}");
        heard.extend(payload);
    }
    heard
}

/// The reason and the words of the Close that comes now, behind which nothing comes.
pub(crate) async fn closed(client: &mut Client) -> (u16, String) {
    let (first, payload) = next(client).await;
    assert_eq!(first, CLOSE, "{payload:?}");
    let reason = u16::from_be_bytes(payload[..2].try_into().expect("a reason"));
    (reason, String::from_utf8(payload[2..].to_vec()).expect("text"))
}
