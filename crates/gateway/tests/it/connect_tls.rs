//! Connections within TLS that the gateway does: what is verified, what is told of it, and what breaks it.

use std::net::SocketAddr;

use pageport_link::{Session, Stream, StreamError};
use pageport_proto::Code;
use pageport_proto::head::{Refusal, Reply, Secured};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::client::soon;
use crate::connect::{CALLER, open};
use crate::connect_tcp::{allow, server};
use crate::page::attach_with;
use crate::secure::Authority;

fn rule(to: &str, rest: &str) -> String {
    format!("[[allow]]\nto = \"{to}\"\nprotocol = \"tls\"\n{rest}")
}

/// Asks for TLS, and says what the gateway answers.
pub(crate) async fn ask(session: &Session, head: serde_json::Value) -> (Stream, Reply<Secured>) {
    let mut stream = session.open(&head).expect("opens");
    let reply = soon(stream.reply()).await.expect("a reply");
    (stream, Reply::parse(&reply).expect("a good reply"))
}

pub(crate) async fn refusal(session: &Session, head: serde_json::Value) -> Refusal {
    match ask(session, head.clone()).await.1 {
        Reply::Refused(refusal) => refusal,
        Reply::Ok(secured) => panic!("{head}: {secured:?}"),
    }
}

async fn accept(listener: &TcpListener, acceptor: &TlsAcceptor) -> Option<TlsStream<TcpStream>> {
    let (socket, _) = soon(listener.accept()).await.expect("a client");
    soon(acceptor.accept(socket)).await.ok()
}

/// Both ends of a connection that must come about.
async fn pair(
    session: &Session,
    head: serde_json::Value,
    listener: &TcpListener,
    acceptor: &TlsAcceptor,
) -> (Stream, Secured, TlsStream<TcpStream>) {
    let ((stream, reply), socket) = tokio::join!(ask(session, head), accept(listener, acceptor));
    let Reply::Ok(secured) = reply else { panic!("{reply:?}") };
    (stream, secured, socket.expect("a handshake"))
}

async fn named() -> (TcpListener, SocketAddr, String) {
    let (listener, address) = server().await;
    (listener, address, format!("localhost:{}", address.port()))
}

#[tokio::test]
async fn bytes_go_within_tls_and_the_page_is_told_what_was_verified() {
    let authority = Authority::new();
    let (acceptor, hash) = authority.server(&["localhost"], &["imap", "smtp"]);
    let (listener, _, to) = named().await;
    let door = open(&rule(&to, &authority.ca()));
    let session = attach_with(&door, CALLER).await;
    let head = serde_json::json!({ "connect": format!("tls://{to}"), "alpn": ["smtp"] });
    let (mut stream, Secured { tls }, mut socket) = pair(&session, head, &listener, &acceptor).await;
    assert_eq!((tls.version.as_str(), tls.servername.as_str()), ("TLSv1.3", "localhost"));
    assert_eq!((tls.alpn.as_deref(), tls.certificate), (Some("smtp"), hash));
    assert!(tls.cipher.starts_with("TLS_") && !tls.cipher.contains("TLS13"), "{}", tls.cipher);

    stream.write_all(b"question").await.expect("is sent");
    stream.shutdown().await.expect("ends its half");
    let mut question = String::new();
    soon(socket.read_to_string(&mut question)).await.expect("an end in order");
    socket.write_all(b"answer").await.expect("is sent");
    socket.shutdown().await.expect("ends its half");
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.expect("an end in order");
    assert_eq!((question.as_str(), answer.as_str()), ("question", "answer"));
    door.until("pageport_connects_total{kind=\"tls\",outcome=\"connected\"} 1").await;
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn nothing_is_offered_that_the_page_does_not_and_an_end_without_close_notify_is_a_break() {
    let authority = Authority::new();
    let (acceptor, _) = authority.server(&["localhost"], &[]);
    let (listener, _, to) = named().await;
    let door = open(&rule(&to, &authority.ca()));
    let session = attach_with(&door, CALLER).await;
    let head = serde_json::json!({ "connect": format!("tls://{to}") });
    let (mut stream, Secured { tls }, socket) = pair(&session, head, &listener, &acceptor).await;
    assert_eq!((tls.alpn, socket.get_ref().1.alpn_protocol()), (None, None));
    drop(socket);
    let end = soon(stream.read_chunk()).await;
    assert_eq!(end, Err(StreamError::Reset(Code::ERR_TARGET_UNREACHABLE)));
}

#[tokio::test]
async fn a_certificate_of_another_name_needs_a_rule_for_that_name() {
    let authority = Authority::new();
    let (acceptor, _) = authority.server(&["mail.example"], &[]);
    let (listener, address) = server().await;
    let by_address = rule(&address.to_string(), &authority.ca());
    let head = serde_json::json!({ "connect": format!("tls://{address}"), "servername": "mail.example" });
    let door = open(&by_address);
    let session = attach_with(&door, CALLER).await;
    assert_eq!(refusal(&session, head.clone()).await.error, "ERR_TARGET_FORBIDDEN");

    let door = open(&(by_address + &rule(&format!("*.example:{}", address.port()), "")));
    let session = attach_with(&door, CALLER).await;
    let (_stream, Secured { tls }, _socket) = pair(&session, head, &listener, &acceptor).await;
    assert_eq!(tls.servername, "mail.example");
    let own_name = serde_json::json!({ "connect": format!("tls://{address}") });
    let (refused, _) = tokio::join!(refusal(&session, own_name), accept(&listener, &acceptor));
    assert_eq!(
        (refused.error.as_str(), refused.message.as_str()),
        ("ERR_TARGET_TLS", "The target's certificate is for another name.")
    );
}

#[tokio::test]
async fn a_rule_allows_what_it_says_is_spoken_and_nothing_else() {
    let (_listener, address, to) = named().await;
    for (rules, tcp, tls, later) in [
        (allow(&to), true, false, true),
        (rule(&to, ""), false, true, false),
        (rule(&to, "starttls = true\n"), false, true, true),
        (format!("[[allow]]\nto = \"{to}\"\nprotocol = [\"tls\", \"tcp\"]\n"), true, true, true),
        (format!("{}[[deny]]\nto = \"{address}\"\nprotocol = \"tls\"\n", allow(&to)), true, false, false),
    ] {
        let door = open(&format!("{rules}[limits]\nconnect_timeout = \"300ms\"\n"));
        let session = attach_with(&door, CALLER).await;
        for (head, allowed) in [
            (serde_json::json!({ "connect": format!("tcp://{to}") }), tcp),
            (serde_json::json!({ "connect": format!("tls://{to}") }), tls),
            (serde_json::json!({ "connect": format!("tcp://{to}"), "starttls": true }), later),
        ] {
            let reply = soon(session.open(&head).expect("opens").reply()).await.expect("a reply");
            let reply = String::from_utf8_lossy(&reply).into_owned();
            // Nobody listens at the other loopback address, which may be left of the name.
            let forbidden = reply.contains("ERR_TARGET_FORBIDDEN") || reply.contains("CONNECTION_REFUSED");
            assert_eq!(!forbidden, allowed, "{rules}{head}: {reply}");
        }
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_a_timeout_and_one_that_speaks_in_the_clear_is_no_tls() {
    let (listener, _, to) = named().await;
    let door = open(&format!("{}[limits]\nconnect_timeout = \"300ms\"\n", rule(&to, "")));
    let session = attach_with(&door, CALLER).await;
    let head = serde_json::json!({ "connect": format!("tls://{to}") });
    assert_eq!(refusal(&session, head.clone()).await.error, "ERR_TARGET_TIMEOUT");
    let _silent = soon(listener.accept()).await.expect("a client");
    let speaks = async {
        let (mut socket, _) = soon(listener.accept()).await.expect("a client");
        socket.write_all(b"220 hello\r\n").await.expect("is sent");
        socket
    };
    let (refused, _socket) = tokio::join!(refusal(&session, head), speaks);
    assert_eq!(refused.error, "ERR_TARGET_TLS");
}
