//! Carriers spoken by hand, for peers that keep no rule: frames go as they are, and nothing is read unless it is asked for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use pageport_link::CarrierKind;
use pageport_proto::frame::Frame;
use pageport_proto::numbered::{Answer, Down, Id, Mode, Up};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wtransport::endpoint::ConnectOptions;
use wtransport::endpoint::endpoint_side::Client;
use wtransport::tls::Sha256Digest;
use wtransport::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};

use crate::facts::{Outcome, demand};
use crate::place::Place;
use crate::visitor::answer;

/// Names the next carrier over requests. Nobody guesses names here.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Where such carriers begin.
#[derive(Clone)]
pub(crate) struct Entrance {
    kind: CarrierKind,
    address: SocketAddr,
    host: String,
    token: String,
    /// All of them share one socket.
    quic: Option<Arc<Endpoint<Client>>>,
}

/// One carrier.
pub(crate) enum Rough {
    Bytes(TcpStream),
    WebSocket { stream: TcpStream, read: BytesMut },
    Http(Requests),
    WebTransport { _connection: Connection, send: SendStream, receive: RecvStream },
}

/// The requests of a carrier `http`, one after the other on one connection.
pub(crate) struct Requests {
    stream: TcpStream,
    fields: String,
    id: Id,
    seq: u64,
    ack: u64,
}

impl Entrance {
    pub(crate) async fn of(place: &Place) -> Outcome<Entrance> {
        let kind = place.way.kind;
        let quic = match kind {
            CarrierKind::WebTransport => {
                let config = ClientConfig::builder()
                    .with_bind_default()
                    .with_server_certificate_hashes([Sha256Digest::new(place.hash().await?)])
                    .build();
                Some(Arc::new(Endpoint::client(config)?))
            }
            CarrierKind::Bytes | CarrierKind::WebSocket | CarrierKind::Http => None,
        };
        Ok(Entrance { kind, address: place.address, host: place.host(), token: place.token.clone(), quic })
    }

    pub(crate) async fn open(&self) -> Outcome<Rough> {
        if let Some(endpoint) = &self.quic {
            let options = ConnectOptions::builder(format!("https://{}/link", self.address))
                .add_header("authorization", format!("Bearer {}", self.token));
            let connection = endpoint.connect(options.build()).await?;
            let (send, receive) = connection.open_bi().await?.await?;
            return Ok(Rough::WebTransport { _connection: connection, send, receive });
        }
        let mut stream = TcpStream::connect(self.address).await?;
        let (host, token) = (&self.host, &self.token);
        let fields = format!("Host: {host}\r\nAuthorization: Bearer {token}\r\n");
        if self.kind == CarrierKind::Http {
            let id = Id::new(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes());
            return Ok(Rough::Http(Requests { stream, fields, id, seq: 0, ack: 0 }));
        }
        let upgrade = match self.kind {
            CarrierKind::WebSocket => {
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: pageport.v1\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            }
            _ => "Upgrade: pageport.v1\r\n",
        };
        let request = format!("GET /link HTTP/1.1\r\n{fields}Connection: Upgrade\r\n{upgrade}\r\n");
        stream.write_all(request.as_bytes()).await?;
        demand(answer(&mut stream).await?.starts_with("HTTP/1.1 101 "), "the carrier was accepted")?;
        Ok(match self.kind {
            CarrierKind::WebSocket => Rough::WebSocket { stream, read: BytesMut::new() },
            _ => Rough::Bytes(stream),
        })
    }
}

impl Rough {
    /// One message of these frames; how many bytes they are.
    pub(crate) async fn send(&mut self, frames: &[Frame]) -> Outcome<u64> {
        let mut bytes = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut bytes));
        match self {
            Rough::Bytes(stream) => stream.write_all(&bytes).await?,
            Rough::WebSocket { stream, .. } => {
                stream.write_all(&binary_frame(bytes.len())).await?;
                stream.write_all(&bytes).await?;
            }
            Rough::Http(requests) => requests.up(&bytes).await?,
            Rough::WebTransport { send, .. } => send.write_all(&bytes).await?,
        }
        Ok(bytes.len() as u64)
    }

    /// How long sending may take before it is given up for this time: a request that is cut short would spoil the next one.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(if matches!(self, Rough::Http(_)) { 20 } else { 1 })
    }

    /// Waits for more bytes of frames.
    pub(crate) async fn receive(&mut self, into: &mut BytesMut) -> Outcome {
        let before = into.len();
        while into.len() == before {
            match self {
                Rough::Bytes(stream) => demand(stream.read_buf(into).await? > 0, "the carrier goes on")?,
                Rough::WebSocket { stream, read } => {
                    demand(stream.read_buf(read).await? > 0, "the carrier goes on")?;
                    while let Some((head, length)) = frame_of(read) {
                        into.put_slice(&read.split_to(head + length)[head..]);
                    }
                }
                Rough::Http(requests) => requests.down(Mode::Poll, into).await?,
                Rough::WebTransport { receive, .. } => {
                    let mut more = [0; 4_096];
                    let length = receive.read(&mut more).await?.ok_or("the carrier ended")?;
                    into.put_slice(&more[..length]);
                }
            }
        }
        Ok(())
    }

    /// Drops what is there to be read; an error at the carrier's end.
    pub(crate) async fn take_what_came(&mut self) -> Outcome {
        let mut scratch = vec![0; 16_384];
        match self {
            Rough::Bytes(stream) | Rough::WebSocket { stream, .. } => match stream.try_read(&mut scratch) {
                Ok(0) => Err("ended".into()),
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => Err(error.into()),
                _ => Ok(()),
            },
            Rough::Http(requests) => requests.down(Mode::Now, &mut BytesMut::new()).await,
            Rough::WebTransport { receive, .. } => {
                match tokio::time::timeout(Duration::ZERO, receive.read(&mut scratch)).await {
                    Err(_) => Ok(()),
                    Ok(read) => read?.map(drop).ok_or_else(|| "ended".into()),
                }
            }
        }
    }
}

impl Requests {
    async fn up(&mut self, message: &[u8]) -> Outcome {
        let head = Up { id: self.id.clone(), seq: self.seq }.encode();
        self.seq += 1;
        let (status, _) = self.post("/link/up", &[&head, message].concat()).await?;
        demand(status == 204, "the message was taken")
    }

    /// Adds the messages that come with one answer.
    async fn down(&mut self, mode: Mode, into: &mut BytesMut) -> Outcome {
        let body = Down { id: self.id.clone(), ack: self.ack, mode }.encode();
        let (status, body) = self.post("/link/down", &body).await?;
        demand(status == 200, "messages were answered")?;
        let mut answer = Answer::default();
        answer.push(&body);
        while let Some(message) = answer.next_message().map_err(|code| code.to_string())? {
            self.ack += 1;
            into.put_slice(&message);
        }
        Ok(())
    }

    async fn post(&mut self, path: &str, body: &[u8]) -> Outcome<(u16, Vec<u8>)> {
        let (fields, length) = (&self.fields, body.len());
        let head = format!("POST {path} HTTP/1.1\r\n{fields}Content-Length: {length}\r\n\r\n");
        self.stream.write_all(&[head.as_bytes(), body].concat()).await?;
        let head = answer(&mut self.stream).await?.to_ascii_lowercase();
        let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
        let mut whole = Vec::new();
        if head.contains("\r\ntransfer-encoding: chunked\r\n") {
            while let chunk @ 1.. = self.chunk_size().await? {
                self.more(chunk, &mut whole).await?;
                self.more(2, &mut Vec::new()).await?;
            }
            self.more(2, &mut Vec::new()).await?;
        } else if let Some((_, length)) = head.split_once("\r\ncontent-length: ") {
            let length = length.split("\r\n").next().unwrap_or_default().parse()?;
            self.more(length, &mut whole).await?;
        }
        Ok((status, whole))
    }

    async fn chunk_size(&mut self) -> Outcome<usize> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.stream.read_u8().await?);
        }
        Ok(usize::from_str_radix(String::from_utf8(line)?.trim(), 16)?)
    }

    async fn more(&mut self, length: usize, into: &mut Vec<u8>) -> Outcome {
        let from = into.len();
        into.resize(from + length, 0);
        self.stream.read_exact(&mut into[from..]).await?;
        Ok(())
    }
}

/// The head of a binary frame with a mask of zeroes (RFC 6455 §5.2).
fn binary_frame(length: usize) -> BytesMut {
    let mut head = BytesMut::from(&[0x82][..]);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..126), _) => head.put_u8(0x80 | length),
        (_, Ok(length)) => {
            head.put_u8(0x80 | 126);
            head.put_u16(length);
        }
        _ => {
            head.put_u8(0x80 | 127);
            head.put_u64(length as u64);
        }
    }
    head.put_u32(0);
    head
}

/// Where the payload of the first frame begins, and how long it is; `None` while it is not whole.
fn frame_of(read: &[u8]) -> Option<(usize, usize)> {
    let (head, length) = match read.get(1)? & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(read.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(read.get(2..10)?.try_into().ok()?)).ok()?),
        length => (2, usize::from(length)),
    };
    (read.len() >= head + length).then_some((head, length))
}
