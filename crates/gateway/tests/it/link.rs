//! Attaching: who may, to which session, and what a bad HELLO costs (§5 of the protocol; L10).

use pageport_proto::Code;
use pageport_proto::frame::Frame;
use pageport_proto::head::Reply;
use pageport_proto::hello::Secret;

use crate::client::soon;
use crate::door::{self, TOKEN};
use crate::page::{self, RawCarrier, hello, hello_again};

const BEARER: &str = "Authorization: Bearer a-token-for-tests\r\n";

#[tokio::test]
async fn a_program_attaches_by_either_carrier_and_gets_a_name() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let name = &page.listening.name;
    assert_eq!(name.len(), 13);
    let port = door.address.port();
    assert_eq!(page.listening.url, format!("ws://{name}.localhost:{port}/"));
    assert_eq!(page.listening.path_url, format!("ws://localhost:{port}/@{name}/"));
    let mut websocket = RawCarrier::websocket(&door, BEARER).await;
    let welcome = websocket.welcome(&hello()).await;
    assert!(welcome.secret.is_some());
    assert_eq!(welcome.lease, 150);
}

#[tokio::test]
async fn a_session_is_found_again_only_with_its_secret_and_by_who_began_it() {
    let door = door::open("[link]\norigins = [\"https://a.example\", \"https://b.example\"]");
    let mut first = RawCarrier::websocket(&door, "Origin: https://a.example\r\n").await;
    let welcome = first.welcome(&hello()).await;
    let (session, secret) = (welcome.session, welcome.secret.expect("a secret"));

    let again = |n| hello_again(&session, &secret, n);
    let mut same = RawCarrier::websocket(&door, "Origin: https://a.example\r\n").await;
    let welcome = same.welcome(&again(2)).await;
    assert_eq!((welcome.session, welcome.secret), (session.clone(), None), "the secret is sent once");

    for (fields, hello, code) in [
        ("Origin: https://b.example\r\n", again(3), Code::ERR_ATTACH_ORIGIN),
        (BEARER, again(3), Code::ERR_ATTACH_ORIGIN),
        (&*format!("Origin: https://a.example\r\n{BEARER}"), again(3), Code::ERR_ATTACH_ORIGIN),
        (
            "Origin: https://a.example\r\n",
            hello_again(&session, &Secret::new([7; 32]), 3),
            Code::ERR_ATTACH_FORBIDDEN,
        ),
        (
            "Origin: https://a.example\r\n",
            hello_again(&pageport_proto::hello::SessionId::new([7; 16]), &secret, 3),
            Code::ERR_SESSION_LOST,
        ),
    ] {
        let mut carrier = RawCarrier::websocket(&door, fields).await;
        assert_eq!(carrier.refused(&hello).await, (code, false), "{fields}");
    }
    let mut stale = RawCarrier::websocket(&door, "Origin: https://a.example\r\n").await;
    assert_eq!(stale.refused(&again(2)).await, (Code::ERR_ATTACH_STALE, true));
    let mut next = RawCarrier::websocket(&door, "Origin: https://a.example\r\n").await;
    next.welcome(&again(3)).await;
}

#[tokio::test]
async fn a_credential_may_come_in_hello_and_nothing_else_stands_for_it() {
    let door = door::open("");
    for (fields, credential, refused) in [
        ("", Some(TOKEN), None),
        (BEARER, Some(TOKEN), None),
        (BEARER, None, None),
        ("", None, Some(Code::ERR_CREDENTIAL_REQUIRED)),
        ("", Some("wrong"), Some(Code::ERR_CREDENTIAL_INVALID)),
        (BEARER, Some("wrong"), Some(Code::ERR_CREDENTIAL_INVALID)),
    ] {
        let mut carrier = RawCarrier::bytes(&door, fields).await;
        let hello = page::hello_with(credential);
        match refused {
            None => drop(carrier.welcome(&hello).await),
            Some(code) => assert_eq!(carrier.refused(&hello).await.0, code, "{fields} {credential:?}"),
        }
    }
    // Browsers send Origin with every handshake; a program can send the rest as well as they.
    for site in ["same-origin", "cross-site"] {
        let mut other = RawCarrier::websocket(&door, &format!("Sec-Fetch-Site: {site}\r\n")).await;
        assert_eq!(other.refused(&hello()).await.0, Code::ERR_CREDENTIAL_REQUIRED, "{site}");
    }
}

#[tokio::test]
async fn a_hello_that_never_comes_costs_its_carrier() {
    let door = door::open("[limits]\nhello_timeout = \"300ms\"");
    let mut silent = RawCarrier::bytes(&door, BEARER).await;
    let Frame::Detach(farewell) = silent.frame().await else { panic!("DETACH") };
    assert_eq!(farewell.code, Code::ERR_ATTACH_TIMEOUT);
    assert!(silent.ends().await);
    let mut wrong = RawCarrier::bytes(&door, BEARER).await;
    wrong.send(&Frame::Ping([0; 8])).await;
    let Frame::Close(farewell) = wrong.frame().await else { panic!("CLOSE") };
    assert_eq!(farewell.code, Code::ERR_ATTACH_ORDER);
}

#[tokio::test]
async fn sessions_and_names_are_limited() {
    let door = door::open("[limits]\nsessions = 2\nlisteners_per_session = 2");
    let first = page::listen(&door).await;
    let (_second, reply) = page::ask_to_listen(&first.session).await;
    assert!(matches!(reply, Reply::Ok(_)));
    let (_third, reply) = page::ask_to_listen(&first.session).await;
    let Reply::Refused(refusal) = reply else { panic!("{reply:?}") };
    assert_eq!(refusal.error, "ERR_LISTENER_LIMIT");

    let other = page::attach(&door).await;
    let mut third = RawCarrier::bytes(&door, BEARER).await;
    assert_eq!(third.refused(&hello()).await, (Code::ERR_SESSION_LIMIT, true));
    other.close(Code::NO_ERROR, "");
    // The place is free once the gateway has heard of it; every turn asks it anew.
    loop {
        let mut next = RawCarrier::bytes(&door, BEARER).await;
        if matches!(next.hello(&hello()).await, Frame::Welcome(_)) {
            break;
        }
    }
}

#[tokio::test]
async fn a_token_that_may_not_listen_gets_no_name() {
    let door = door::open(&door::token_section("mute", "another-token", "[\"connect\"]"));
    let session = page::attach_with(&door, "another-token").await;
    let (_stream, reply) = page::ask_to_listen(&session).await;
    let Reply::Refused(refusal) = reply else { panic!("{reply:?}") };
    assert_eq!(refusal.error, "ERR_LISTEN_FORBIDDEN");
}

#[tokio::test]
async fn requests_that_are_not_known_cost_their_stream_only() {
    let door = door::open("");
    let page = page::listen(&door).await;
    let mut unknown = page.session.open(&serde_json::json!({ "listen": "gopher" })).expect("opens");
    let reply = soon(unknown.reply()).await.expect("a reply");
    assert!(String::from_utf8_lossy(&reply).contains("ERR_UNSUPPORTED"), "{reply:?}");
    let mut empty = page.session.open(&serde_json::json!({ "listen": 3 })).expect("opens");
    assert!(soon(empty.reply()).await.is_err());
    let (_stream, reply) = page::ask_to_listen(&page.session).await;
    assert!(matches!(reply, Reply::Ok(_)), "the session goes on");
}

#[tokio::test]
async fn a_name_lives_as_long_as_its_stream() {
    let door = door::open("");
    let mut page = page::listen(&door).await;
    let knock = page.knock(&door, "/", "");
    page.listener.finish();
    assert!(soon(page.listener.read_chunk()).await.expect("ends in order").is_none());
    door.ask(&knock).await.refuses(404, "ERR_LISTENER_UNKNOWN");

    let mut page = page::listen(&door).await;
    let knock = page.knock(&door, "/", "");
    soon(page.listener.write_chunk(bytes::Bytes::from_static(b"x"))).await.expect("is taken");
    let error = soon(page.listener.read_chunk()).await.expect_err("a reset");
    assert!(error.to_string().contains("ERR_UNEXPECTED_DATA"), "{error}");
    door.ask(&knock).await.refuses(404, "ERR_LISTENER_UNKNOWN");
}
