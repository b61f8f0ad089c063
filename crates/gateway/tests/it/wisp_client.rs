//! A client of Wisp that says whatever a test wants: packets as bytes, over one WebSocket.

use tokio::io::AsyncWriteExt as _;

use crate::client::{Client, soon};
use crate::connect::CALLER;
use crate::door::{self, Door, token_section};
use crate::page::handshake;

pub(crate) const CONNECT: u8 = 1;
pub(crate) const DATA: u8 = 2;
pub(crate) const CONTINUE: u8 = 3;
pub(crate) const CLOSE: u8 = 4;
pub(crate) const INFO: u8 = 5;

/// Bytes, and datagrams.
pub(crate) const TCP: u8 = 1;
pub(crate) const UDP: u8 = 2;

/// A client, or whatever else a test makes of it.
pub(crate) struct Wisp {
    pub(crate) client: Client,
}

/// What the gateway said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Type, stream and payload.
    Packet(u8, u32, Vec<u8>),
    /// The WebSocket's CLOSE, with its code.
    End(u16),
    Ping,
}

/// A gateway where Wisp is spoken, with these lines, and a token that may connect.
pub(crate) fn open(lines: &str) -> Door {
    let token = token_section("caller", CALLER, "[\"connect\"]");
    door::open(&format!("[dialects]\nwisp = true\n{lines}\n{token}"))
}

/// CLOSE with a reason.
pub(crate) fn closed(stream: u32, reason: u8) -> Said {
    Said::Packet(CLOSE, stream, vec![reason])
}

/// CONTINUE.
pub(crate) fn more(stream: u32, packets: u32) -> Said {
    Said::Packet(CONTINUE, stream, packets.to_le_bytes().to_vec())
}

impl Wisp {
    /// The handshake, with these fields; it must succeed.
    pub(crate) async fn knock(door: &Door, fields: &str) -> Wisp {
        let mut client = Client::connect(door.address).await;
        let answer = client.ask(&handshake("/wisp/", &door.host, fields)).await;
        assert_eq!(answer.status, 101, "{}", answer.head);
        let offered = fields.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: "));
        assert_eq!(answer.header("sec-websocket-protocol"), offered);
        Wisp { client }
    }

    /// A client of v1 with a token, greeted.
    pub(crate) async fn v1(door: &Door) -> Wisp {
        let mut wisp = Wisp::knock(door, &format!("Authorization: Bearer {CALLER}\r\n")).await;
        assert!(matches!(wisp.said().await, Said::Packet(CONTINUE, 0, _)));
        wisp
    }

    /// One of v2 that understands these extensions, greeted.
    pub(crate) async fn v2(door: &Door, extensions: &[u8]) -> Wisp {
        let fields = format!("Authorization: Bearer {CALLER}\r\nSec-WebSocket-Protocol: wisp-v2\r\n");
        let mut wisp = Wisp::knock(door, &fields).await;
        assert!(matches!(wisp.said().await, Said::Packet(INFO, 0, _)));
        wisp.info(extensions).await;
        assert!(matches!(wisp.said().await, Said::Packet(CONTINUE, 0, _)));
        wisp
    }

    pub(crate) async fn send(&mut self, kind: u8, stream: u32, payload: &[u8]) {
        let packet = [&[kind][..], &stream.to_le_bytes(), payload].concat();
        self.client.send(frame(0x82, &packet)).await;
    }

    pub(crate) async fn connect(&mut self, stream: u32, to: std::net::SocketAddr) {
        self.connect_to(stream, TCP, &to.ip().to_string(), to.port()).await;
    }

    pub(crate) async fn connect_to(&mut self, stream: u32, kind: u8, host: &str, port: u16) {
        let payload = [&[kind][..], &port.to_le_bytes(), host.as_bytes()].concat();
        self.send(CONNECT, stream, &payload).await;
    }

    pub(crate) async fn data(&mut self, stream: u32, bytes: &[u8]) {
        self.send(DATA, stream, bytes).await;
    }

    /// INFO of version 2.0 with these extensions, which say nothing.
    pub(crate) async fn info(&mut self, extensions: &[u8]) {
        let extensions: Vec<u8> = extensions.iter().flat_map(|id| [*id, 0, 0, 0, 0]).collect();
        self.send(INFO, 0, &[&[2, 0][..], &extensions].concat()).await;
    }

    /// The next thing that the gateway says.
    pub(crate) async fn said(&mut self) -> Said {
        let head = self.client.bytes(2).await;
        assert_eq!(head[1] & 0x80, 0, "servers do not mask");
        let length = match head[1] {
            126 => u64::from(u16::from_be_bytes(self.array().await)),
            127 => u64::from_be_bytes(self.array().await),
            short => u64::from(short),
        };
        let payload = self.client.bytes(usize::try_from(length).expect("fits")).await;
        match head[0] {
            0x82 => {
                let stream = u32::from_le_bytes(payload[1..5].try_into().expect("four"));
                Said::Packet(payload[0], stream, payload[5..].to_vec())
            }
            0x88 => Said::End(u16::from_be_bytes([payload[0], payload[1]])),
            0x89 => Said::Ping,
            other => panic!("{other:x}"),
        }
    }

    /// So many bytes of a stream; nothing else may come.
    pub(crate) async fn bytes(&mut self, stream: u32, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            match self.said().await {
                Said::Packet(DATA, of, payload) if of == stream => bytes.extend(payload),
                other => panic!("{other:?}"),
            }
        }
        bytes
    }

    /// Ends the WebSocket in order.
    pub(crate) async fn leave(mut self) {
        self.client.send(frame(0x88, &1000_u16.to_be_bytes())).await;
        assert_eq!(self.said().await, Said::End(1000));
        assert!(self.client.ends().await);
    }

    async fn array<const N: usize>(&mut self) -> [u8; N] {
        self.client.bytes(N).await.try_into().expect("as many")
    }
}

/// A frame with a mask (RFC 6455 §5.2).
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x5a, 0x00, 0xff, 0x13];
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | u8::try_from(short).expect("fits")),
        medium @ 126..0x1_0000 => {
            frame.push(0xfe);
            frame.extend(u16::try_from(medium).expect("fits").to_be_bytes());
        }
        long => {
            frame.push(0xff);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Writes these bytes again and again until nothing more is taken; how many were.
pub(crate) async fn fill(socket: &mut tokio::net::TcpStream, bytes: &[u8]) -> usize {
    let mut written = 0;
    loop {
        let rest = &bytes[written % bytes.len()..];
        match tokio::time::timeout(std::time::Duration::from_millis(500), socket.write(rest)).await {
            Ok(more) => written += more.expect("is taken"),
            Err(_) => return written,
        }
    }
}

/// Waits for a connection to a server.
pub(crate) async fn accept(listener: &tokio::net::TcpListener) -> tokio::net::TcpStream {
    soon(listener.accept()).await.expect("a client").0
}
