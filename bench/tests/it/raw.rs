//! The raw servers from outside: what a browser asks for comes, what it announces is taken, and the rest is echoed.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio_websockets::{ClientBuilder, Message};
use wtransport::tls::Sha256Digest;
use wtransport::{ClientConfig, Endpoint};

const BYTES: usize = 200_000;

#[tokio::test]
async fn over_web_socket() {
    let server = Raw::start("websocket");
    let uri = format!("ws://127.0.0.1:{}/", server.said["port"]);
    let (mut socket, _) = ClientBuilder::new().uri(&uri).unwrap().connect().await.unwrap();
    socket.send(Message::binary(request(b'd'))).await.unwrap();
    let mut came = 0;
    while came < BYTES {
        came += socket.next().await.unwrap().unwrap().as_payload().len();
    }
    assert_eq!(came, BYTES);
    socket.send(Message::binary(request(b'u'))).await.unwrap();
    for piece in vec![7; BYTES].chunks(65_536) {
        socket.send(Message::binary(piece.to_vec())).await.unwrap();
    }
    assert_eq!(&**socket.next().await.unwrap().unwrap().as_payload(), b"u");
    socket.send(Message::binary(b"echo".to_vec())).await.unwrap();
    assert_eq!(&**socket.next().await.unwrap().unwrap().as_payload(), b"echo");
}

#[tokio::test]
async fn over_web_transport() {
    let server = Raw::start("webtransport");
    let hash: [u8; 32] = serde_json::from_value(server.said["sha256"].clone()).unwrap();
    let config = ClientConfig::builder()
        .with_bind_default()
        .with_server_certificate_hashes([Sha256Digest::new(hash)])
        .build();
    let url = format!("https://127.0.0.1:{}/", server.said["port"]);
    let connection = Endpoint::client(config).unwrap().connect(url).await.unwrap();
    for (said, answer) in [
        (request(b'd'), vec![7; BYTES]),
        ([request(b'u'), vec![7; BYTES]].concat(), b"u".to_vec()),
        (b"e and so on".to_vec(), b" and so on".to_vec()),
    ] {
        let (mut send, mut receive) = connection.open_bi().await.unwrap().await.unwrap();
        send.write_all(&said).await.unwrap();
        send.finish().await.unwrap();
        let mut heard = Vec::new();
        receive.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, answer);
    }
}

fn request(mode: u8) -> Vec<u8> {
    [&[mode][..], &(BYTES as u64).to_be_bytes()].concat()
}

struct Raw {
    process: Child,
    said: Value,
}

impl Raw {
    fn start(kind: &str) -> Raw {
        let mut process = crate::program().args(["raw", kind, "0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Raw { process, said: serde_json::from_str(&line).unwrap() }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
