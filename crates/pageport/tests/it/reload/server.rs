//! Real servers that say what they hear, in each way that a rule tells apart, and how their connections ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_websockets::{ServerBuilder, WebSocketStream};

use crate::program::Place;

/// What is spoken, in the words of rules.
pub(super) const KINDS: [&str; 4] = ["tcp", "tls", "ws", "wss"];

/// An echo server, and its connections that have ended: when, and whether by a reset.
pub(super) struct Server {
    pub(super) kind: &'static str,
    pub(super) address: SocketAddr,
    pub(super) ended: UnboundedReceiver<(Instant, bool)>,
}

/// A certificate for `localhost`, which the file `ca.pem` of this place names as an authority.
pub(super) struct Certificate(TlsAcceptor);

impl Certificate {
    pub(super) fn new(place: &Place) -> Certificate {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let text = base64::engine::general_purpose::STANDARD.encode(made.cert.der());
        place.write("ca.pem", &format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"));
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key.into()).unwrap();
        Certificate(TlsAcceptor::from(Arc::new(config)))
    }
}

impl Server {
    pub(super) async fn start(kind: &'static str, certificate: &Certificate) -> Server {
        let (tell, ended) = unbounded_channel();
        if kind == "udp" {
            return Server { kind, address: echo_datagrams().await, ended };
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = certificate.0.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(kind, socket, acceptor.clone(), tell.clone()));
            }
        });
        Server { kind, address, ended }
    }

    /// `localhost`: the certificate is for that.
    pub(super) fn endpoint(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    pub(super) fn rule(&self, more: &str) -> String {
        let ca = if matches!(self.kind, "tls" | "wss") { "ca = \"ca.pem\"\n" } else { "" };
        format!("[[allow]]\nto = \"{}\"\nprotocol = \"{}\"\n{ca}{more}", self.endpoint(), self.kind)
    }
}

/// Who does not get through a handshake has not had a connection that could end.
async fn serve(kind: &str, socket: TcpStream, acceptor: TlsAcceptor, tell: UnboundedSender<(Instant, bool)>) {
    let reset = match kind {
        "tcp" => echo(socket).await,
        "ws" => echo_messages(socket).await,
        kind => {
            let Ok(stream) = acceptor.accept(socket).await else { return };
            if kind == "tls" { echo(stream).await } else { echo_messages(stream).await }
        }
    };
    // Nobody listens any more at the end of a test.
    let _ = tell.send((Instant::now(), reset));
}

/// Nobody hears when these end.
async fn echo_datagrams() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2_048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            // Whoever asked may have gone.
            let _ = socket.send_to(&buffer[..length], from).await;
        }
    });
    address
}

async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> bool {
    let mut buffer = [0; 1_024];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return false,
            Ok(read) if stream.write_all(&buffer[..read]).await.is_ok() => {}
            _ => return true,
        }
    }
}

async fn echo_messages(stream: impl AsyncRead + AsyncWrite + Unpin) -> bool {
    let Ok((_, mut socket)): Result<(_, WebSocketStream<_>), _> = ServerBuilder::new().accept(stream).await
    else {
        return true;
    };
    while let Some(Ok(message)) = socket.next().await {
        if message.is_binary() && socket.send(message).await.is_err() {
            return true;
        }
    }
    // Without a Close frame the connection was cut.
    true
}
