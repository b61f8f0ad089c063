//! TLS on a connection that has spoken in the clear: everything that is said before it stays before it.

use pageport_link::{Session, Stream, StreamError};
use pageport_proto::Code;
use pageport_proto::head::{Reply, Secured};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::client::soon;
use crate::connect::{CALLER, open};
use crate::connect_tcp::{allow, server};
use crate::connect_tls::{ask, refusal};
use crate::page::attach_with;
use crate::secure::Authority;

const GREETING: &[u8] = b"220 ready\r\n";
const ASK: &[u8] = b"STARTTLS\r\n";
const GO: &[u8] = b"220 go ahead\r\n";
const SAID: usize = GREETING.len() + GO.len();

/// A rule for a connection that may become one within TLS.
fn rule(listener: &TcpListener, authority: &Authority) -> (String, String) {
    let to = format!("localhost:{}", listener.local_addr().expect("an address").port());
    let rule = format!("[[allow]]\nto = \"{to}\"\nprotocol = \"tls\"\nstarttls = true\n{}", authority.ca());
    (to, rule)
}

/// A connection in the clear on which both have said what comes before TLS.
async fn agreed(session: &Session, to: &str, listener: &TcpListener) -> (Stream, TcpStream) {
    let (mut stream, mut socket) = begun(session, to, listener).await;
    socket.write_all(GREETING).await.expect("is sent");
    hears(&mut stream, GREETING).await;
    stream.write_all(ASK).await.expect("is sent");
    let mut heard = vec![0; ASK.len()];
    soon(socket.read_exact(&mut heard)).await.expect("is heard");
    assert_eq!(heard, ASK);
    socket.write_all(GO).await.expect("is sent");
    hears(&mut stream, GO).await;
    (stream, socket)
}

async fn begun(session: &Session, to: &str, listener: &TcpListener) -> (Stream, TcpStream) {
    let head = serde_json::json!({ "connect": format!("tcp://{to}"), "starttls": true });
    let mut stream = session.open(&head).expect("opens");
    let (reply, accepted) = tokio::join!(soon(stream.reply()), soon(listener.accept()));
    assert_eq!(&reply.expect("a reply")[..], br#"{"ok":true}"#);
    (stream, accepted.expect("a client").0)
}

async fn hears(stream: &mut Stream, what: &[u8]) {
    let mut heard = vec![0; what.len()];
    soon(stream.read_exact(&mut heard)).await.expect("is heard");
    assert_eq!(heard, what);
}

fn head(stream: &Stream, at: usize, heard: usize) -> serde_json::Value {
    serde_json::json!({ "starttls": stream.id(), "at": at, "heard": heard })
}

/// Both ends are cut short with this code.
async fn is_over(mut stream: Stream, mut socket: TcpStream, code: Code) {
    let end = loop {
        match soon(stream.read_chunk()).await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert_eq!(end, Err(StreamError::Reset(code)));
    let mut rest = Vec::new();
    let end = soon(socket.read_to_end(&mut rest)).await.expect_err("no end in order");
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn the_connection_goes_on_within_tls_and_belongs_to_the_new_stream() {
    let authority = Authority::new();
    let (acceptor, hash) = authority.server(&["localhost"], &["imap"]);
    let (listener, _) = server().await;
    let (to, rule) = rule(&listener, &authority);
    let door = open(&rule);
    let session = attach_with(&door, CALLER).await;
    let (mut old, socket) = agreed(&session, &to, &listener).await;
    let mut head = head(&old, ASK.len(), SAID);
    head["alpn"] = serde_json::json!(["imap"]);
    let ((mut stream, reply), socket) = tokio::join!(ask(&session, head), soon(acceptor.accept(socket)));
    let Reply::Ok(Secured { tls }) = reply else { panic!("{reply:?}") };
    assert_eq!((tls.certificate, tls.alpn.as_deref()), (hash, Some("imap")));
    let mut socket = socket.expect("a handshake");
    socket.write_all(b"+OK").await.expect("is sent");
    hears(&mut stream, b"+OK").await;
    stream.write_all(b"QUIT").await.expect("is sent");
    stream.shutdown().await.expect("ends its half");
    let mut heard = String::new();
    soon(socket.read_to_string(&mut heard)).await.expect("an end in order");
    assert_eq!(heard, "QUIT");
    assert_eq!(soon(old.read_chunk()).await, Ok(None), "the old stream has ended");
    let late = soon(old.write_all(b"late")).await;
    assert!(late.is_err() || soon(old.write_all(b"later")).await.is_err(), "and takes nothing more");
    socket.shutdown().await.expect("ends its half");
    assert_eq!(soon(stream.read_chunk()).await, Ok(None));
    door.until("pageport_connects_total{kind=\"starttls\",outcome=\"connected\"} 1").await;
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn what_the_page_said_in_the_clear_leaves_in_the_clear_however_late_it_comes() {
    let authority = Authority::new();
    let (acceptor, _) = authority.server(&["localhost"], &[]);
    let (listener, _) = server().await;
    let (to, rule) = rule(&listener, &authority);
    let door = open(&rule);
    let session = attach_with(&door, CALLER).await;
    let (mut old, mut socket) = begun(&session, &to, &listener).await;
    // The request for TLS comes before what it stands behind.
    let asking = ask(&session, head(&old, 4, 0));
    let saying = async {
        old.write_all(b"PL").await.expect("is sent");
        let mut heard = [0; 4];
        soon(socket.read_exact(&mut heard[..2])).await.expect("is heard");
        old.write_all(b"US").await.expect("is sent");
        soon(socket.read_exact(&mut heard[2..])).await.expect("is heard");
        assert_eq!(&heard, b"PLUS");
        soon(acceptor.accept(socket)).await.expect("a handshake")
    };
    let ((_stream, reply), _socket) = tokio::join!(asking, saying);
    assert!(matches!(reply, Reply::Ok(_)), "{reply:?}");
}

#[tokio::test]
async fn what_the_target_says_in_the_clear_meanwhile_is_dirty() {
    let authority = Authority::new();
    let (listener, _) = server().await;
    let (to, rule) = rule(&listener, &authority);
    let door = open(&rule);
    let session = attach_with(&door, CALLER).await;
    // Before the ClientHello, for which the gateway waits for two bytes of the page's.
    let (mut old, mut socket) = agreed(&session, &to, &listener).await;
    let mut stream = session.open(&head(&old, ASK.len() + 2, SAID)).expect("opens");
    let mut next = [0; 1];
    old.write_all(b"X").await.expect("is sent");
    soon(socket.read_exact(&mut next)).await.expect("is heard");
    socket.write_all(b"* injected\r\n").await.expect("is sent");
    old.write_all(b"Y").await.expect("is sent");
    let reply = soon(stream.reply()).await.expect("a reply");
    assert!(String::from_utf8_lossy(&reply).contains("ERR_STARTTLS_DIRTY"), "{reply:?}");
    is_over(old, socket, Code::ERR_STARTTLS_DIRTY).await;

    // More than the page has room for: some of it is still with the gateway.
    let (old, mut socket) = agreed(&session, &to, &listener).await;
    let flood = tokio::spawn(async move {
        let _ = socket.write_all(&vec![b'x'; 8 << 20]).await;
        socket
    });
    door.until("pageport_connects 1").await;
    let refused = refusal(&session, head(&old, ASK.len(), SAID)).await;
    assert_eq!(refused.error, "ERR_STARTTLS_DIRTY");
    soon(flood).await.expect("ends");
    door.until("pageport_connects_total{kind=\"starttls\",outcome=\"ERR_STARTTLS_DIRTY\"} 2").await;
    door.until("pageport_connects 0").await;
}

#[tokio::test]
async fn what_the_page_has_not_heard_is_dirty_and_what_was_never_said_it_cannot_have_heard() {
    let authority = Authority::new();
    let (listener, _) = server().await;
    let (to, rule) = rule(&listener, &authority);
    let door = open(&rule);
    let session = attach_with(&door, CALLER).await;
    for (heard, code) in [
        (SAID - 1, Code::ERR_STARTTLS_DIRTY),
        (SAID + 1, Code::ERR_HEAD_INVALID),
        (0, Code::ERR_STARTTLS_DIRTY),
    ] {
        let (old, socket) = agreed(&session, &to, &listener).await;
        let refused = refusal(&session, head(&old, ASK.len(), heard)).await;
        assert_eq!(Some(&*refused.error), code.name(), "{heard}");
        is_over(old, socket, code).await;
    }
}

#[tokio::test]
async fn a_page_that_said_more_or_ended_before_has_broken_it() {
    let authority = Authority::new();
    let (listener, _) = server().await;
    let (to, rule) = rule(&listener, &authority);
    let door = open(&rule);
    let session = attach_with(&door, CALLER).await;
    let (old, socket) = agreed(&session, &to, &listener).await;
    let refused = refusal(&session, head(&old, ASK.len() - 1, SAID)).await;
    assert_eq!(refused.error, "ERR_HEAD_INVALID", "more was sent");
    is_over(old, socket, Code::ERR_HEAD_INVALID).await;

    let (mut old, socket) = agreed(&session, &to, &listener).await;
    let mut stream = session.open(&head(&old, ASK.len() + 1, SAID)).expect("opens");
    old.finish();
    let reply = soon(stream.reply()).await.expect("a reply");
    assert!(
        ["ERR_HEAD_INVALID", "ERR_TARGET_UNREACHABLE"]
            .iter()
            .any(|code| String::from_utf8_lossy(&reply).contains(code)),
        "{reply:?}"
    );
    drop(socket);
}

#[tokio::test]
async fn only_what_was_opened_for_it_becomes_tls() {
    let authority = Authority::new();
    let (listener, address) = server().await;
    let (to, rule) = rule(&listener, &authority);
    let door = open(&(rule + &allow(address)));
    let session = attach_with(&door, CALLER).await;
    let (mut plain, mut socket) = crate::connect_tcp::pair(&session, &listener).await;
    for id in [plain.id(), 77] {
        let head = serde_json::json!({ "starttls": id, "at": 0, "heard": 0 });
        assert_eq!(refusal(&session, head).await.error, "ERR_TARGET_UNREACHABLE");
    }
    socket.write_all(b"still here").await.expect("is sent");
    hears(&mut plain, b"still here").await;

    let other = attach_with(&door, CALLER).await;
    let (old, _socket) = begun(&session, &to, &listener).await;
    assert_eq!(refusal(&other, head(&old, 0, 0)).await.error, "ERR_TARGET_UNREACHABLE", "another session's");

    // Whoever has ended one half cannot begin again.
    let (mut old, mut socket) = begun(&session, &to, &listener).await;
    old.finish();
    assert_eq!(soon(socket.read(&mut [0])).await.expect("an end in order"), 0);
    assert_eq!(refusal(&session, head(&old, 0, 0)).await.error, "ERR_TARGET_UNREACHABLE");
    socket.write_all(b"bye").await.expect("is sent");
    hears(&mut old, b"bye").await;
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_ends_both() {
    let authority = Authority::new();
    let (acceptor, _) = authority.server(&["other.example"], &[]);
    let (listener, _) = server().await;
    let (to, rule) = rule(&listener, &authority);
    let door = open(&rule);
    let session = attach_with(&door, CALLER).await;
    let (mut old, socket) = agreed(&session, &to, &listener).await;
    let (refused, _) = tokio::join!(refusal(&session, head(&old, ASK.len(), SAID)), acceptor.accept(socket));
    assert_eq!(refused.error, "ERR_TARGET_TLS", "{}", refused.message);
    assert_eq!(soon(old.read_chunk()).await, Err(StreamError::Reset(Code::ERR_TARGET_TLS)));
    door.until("pageport_connects 0").await;
}
