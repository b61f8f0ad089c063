//! Who a client of Wisp is that shows it by INFO, and that it reaches nothing before.

use pageport_gateway::front::jwt::{self, Claims};
use pageport_proto::claim::{PrivateKey, Seed};
use sha2::{Digest as _, Sha256, Sha512};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::client::soon;
use crate::connect::CALLER;
use crate::connect_tcp::{allow, server};
use crate::door::{self, Door};
use crate::page::handshake;
use crate::wisp_client::{CLOSE, INFO, Said, Wisp, accept, closed, frame, more, open};

const V2: &str = "Sec-WebSocket-Protocol: wisp-v2\r\n";

/// A client that has read the gateway's INFO; with the challenge.
async fn stranger(door: &Door, fields: &str) -> (Wisp, Vec<u8>) {
    let mut wisp = Wisp::knock(door, &format!("{V2}{fields}")).await;
    let Said::Packet(INFO, 0, info) = wisp.said().await else { panic!("INFO") };
    let head = b"\x02\x01\x01\0\0\0\0\x02\x01\0\0\0\x01\x03\x42\0\0\0\x01\x01";
    assert_eq!(&info[..head.len()], head, "a password or a signature is required");
    (wisp, info[head.len()..head.len() + 64].to_vec())
}

async fn show(wisp: &mut Wisp, extension: u8, metadata: &[u8]) {
    let length = u32::try_from(metadata.len()).expect("fits").to_le_bytes();
    wisp.send(INFO, 0, &[&[2, 0, extension][..], &length, metadata].concat()).await;
}

fn password(name: &str, password: &str) -> Vec<u8> {
    let (short, long) = (u8::try_from(name.len()), u16::try_from(password.len()));
    let lengths = [&[short.expect("fits")][..], &long.expect("fits").to_le_bytes()].concat();
    [&lengths, name.as_bytes(), password.as_bytes()].concat()
}

/// A gateway with these keys, and a server that nobody reaches but who is let in.
async fn guarded(lines: &str) -> (Door, TcpListener) {
    let (listener, address) = server().await;
    let rule = allow(address);
    (open(&format!("[wisp]\nlogin = true\n{lines}\n{rule}tokens = [\"caller\"]\n")), listener)
}

async fn gets_through(wisp: &mut Wisp, listener: &TcpListener) {
    assert_eq!(wisp.said().await, more(0, 128));
    wisp.connect(1, listener.local_addr().expect("an address")).await;
    accept(listener).await;
    assert_eq!(wisp.said().await, closed(1, 0x02));
}

async fn is_told(mut wisp: Wisp, reason: u8) {
    assert_eq!([wisp.said().await, wisp.said().await], [closed(0, reason), Said::End(1008)]);
}

#[tokio::test]
async fn the_name_and_the_text_of_a_token_are_a_name_and_a_password() {
    let (door, listener) = guarded("").await;
    let (mut good, _) = stranger(&door, "").await;
    show(&mut good, 2, &password("caller", CALLER)).await;
    gets_through(&mut good, &listener).await;
    for (name, text, reason) in
        [("caller", "wrong", 0xc0), ("other", CALLER, 0xc0), ("", "", 0xc0), ("test", door::TOKEN, 0x48)]
    {
        let (mut bad, _) = stranger(&door, "").await;
        show(&mut bad, 2, &password(name, text)).await;
        is_told(bad, reason).await;
    }
    let (mut nobody, _) = stranger(&door, "").await;
    nobody.info(&[1]).await;
    is_told(nobody, 0xc2).await;
    let (mut broken, _) = stranger(&door, "").await;
    show(&mut broken, 2, b"\xff").await;
    is_told(broken, 0x04).await;
}

#[tokio::test]
async fn a_key_stands_for_a_token_by_a_signature_of_the_challenge() {
    let key = PrivateKey::new(&Seed::new([7; 32]));
    let lines = format!("[[wisp.key]]\ntoken = \"caller\"\nkey = \"{}\"\n", key.public());
    let (door, listener) = guarded(&lines).await;
    let public = key.public();
    let hashes = [Sha512::digest(public.as_bytes()).to_vec(), Sha256::digest(public.as_bytes()).to_vec()];
    for hash in &hashes {
        let (mut good, challenge) = stranger(&door, "").await;
        show(&mut good, 3, &[&[1][..], hash, key.sign(&challenge).as_bytes()].concat()).await;
        gets_through(&mut good, &listener).await;
    }
    // A signature is for one challenge, and a hash for one key.
    let (mut old, challenge) = stranger(&door, "").await;
    let stale = [&[1][..], &hashes[0], key.sign(&challenge).as_bytes()].concat();
    let (mut replayed, _) = stranger(&door, "").await;
    show(&mut replayed, 3, &stale).await;
    is_told(replayed, 0xc1).await;
    let other = PrivateKey::new(&Seed::new([8; 32]));
    show(&mut old, 3, &[&[1][..], &hashes[0], other.sign(&challenge).as_bytes()].concat()).await;
    is_told(old, 0xc1).await;
    let (mut unknown, challenge) = stranger(&door, "").await;
    let hash = Sha512::digest(other.public().as_bytes());
    show(&mut unknown, 3, &[&[1][..], &hash, other.sign(&challenge).as_bytes()].concat()).await;
    is_told(unknown, 0xc1).await;
}

#[tokio::test]
async fn nothing_is_reached_before_and_whoever_says_nothing_is_sent_away() {
    let (door, listener) = guarded("[limits]\nhello_timeout = \"300ms\"\n").await;
    let (mut hasty, _) = stranger(&door, "").await;
    hasty.connect(1, listener.local_addr().expect("an address")).await;
    is_told(hasty, 0xc2).await;
    let (silent, _) = stranger(&door, "").await;
    is_told(silent, 0xc2).await;
    let waited = tokio::time::timeout(std::time::Duration::ZERO, listener.accept()).await;
    assert!(waited.is_err(), "nobody came");

    // v1 has no INFO, and a foreign page stays out whatever it would say.
    door.ask(&handshake("/wisp/", &door.host, "")).await.refuses(401, "ERR_CREDENTIAL_REQUIRED");
    let foreign = format!("{V2}Origin: https://evil.example\r\n");
    door.ask(&handshake("/wisp/", &door.host, &foreign)).await.refuses(403, "ERR_ORIGIN_FORBIDDEN");
    // Whoever is known already is asked for nothing.
    let mut known = Wisp::v2(&door, &[]).await;
    known.connect(1, listener.local_addr().expect("an address")).await;
    accept(&listener).await;
    assert!(matches!(known.said().await, Said::Packet(CLOSE, 1, _)));
}

#[tokio::test]
async fn whoever_is_not_known_yet_may_say_no_more_than_who_it_is() {
    let (door, listener) = guarded("").await;
    let (mut big, _) = stranger(&door, "").await;
    // Only the head of it, so that nothing else can end this.
    big.client.send(&frame(0x82, &[INFO; 5 << 10])[..8]).await;
    assert_eq!(big.said().await, Said::End(1009));
    let (mut good, _) = stranger(&door, "").await;
    show(&mut good, 2, &password("caller", CALLER)).await;
    assert_eq!(good.said().await, more(0, 128));
    good.connect(1, listener.local_addr().expect("an address")).await;
    let mut socket = accept(&listener).await;
    good.data(1, &[4; 100_000]).await;
    soon(socket.read_exact(&mut vec![0; 100_000])).await.expect("all of it");
}

#[tokio::test]
async fn what_let_a_client_in_is_looked_at_again_for_each_stream() {
    let (listener, address) = server().await;
    let rule = format!("{}[dialects]\nwisp = true\n", allow(address));
    let token = |text: &str, may: &str| door::token_section("caller", text, may);
    let listed = "[link]\norigins = [\"https://app.example\"]\n";
    let door = door::open(&[listed, &rule, &token(CALLER, "[\"connect\"]")].concat());
    let bearer = format!("Authorization: Bearer {CALLER}\r\n");
    for (fields, later) in [
        (bearer.as_str(), String::new()),
        (&bearer, token("another", "[\"connect\"]")),
        (&bearer, token(CALLER, "[\"listen\"]")),
        ("Origin: https://app.example\r\n", token(CALLER, "[\"connect\"]")),
    ] {
        let before = [listed, &rule, &token(CALLER, "[\"connect\"]")].concat();
        door.handle.reload(door::config(&before).policy);
        let mut wisp = Wisp::knock(&door, fields).await;
        assert_eq!(wisp.said().await, more(0, 128));
        wisp.connect(1, address).await;
        let mut socket = accept(&listener).await;
        door.handle.reload(door::config(&[&rule, later.as_str()].concat()).policy);
        wisp.connect(2, address).await;
        assert_eq!(wisp.said().await, closed(2, 0x48), "{fields} {later}");
        // What was there goes on: the rules allow it.
        socket.write_all(b"still").await.expect("is sent");
        assert_eq!(wisp.bytes(1, 5).await, b"still");
    }
}

#[tokio::test]
async fn a_token_that_was_issued_opens_streams_until_it_ends_or_its_issuer_does() {
    let (listener, address) = server().await;
    let key = PrivateKey::new(&Seed::new([9; 32]));
    let rule = format!("{}[dialects]\nwisp = true\n", allow(address));
    let issuer = format!("[[issuer]]\nname = \"shop\"\nkey = \"{}\"\nmay = [\"connect\"]\n", key.public());
    let door = door::open(&[rule.as_str(), &issuer].concat());
    let knock = async |lasts: u64| {
        let claims = Claims { exp: crate::issued::now() + lasts, ..crate::issued::claims(&door) };
        let token = jwt::sign(&key, &claims);
        let mut wisp = Wisp::knock(&door, &format!("Authorization: Bearer {token}\r\n")).await;
        assert_eq!(wisp.said().await, more(0, 128));
        wisp.connect(1, address).await;
        accept(&listener).await;
        assert_eq!(wisp.said().await, closed(1, 0x02));
        wisp
    };
    let mut short = knock(2).await;
    let refused = async {
        loop {
            short.connect(1, address).await;
            match short.said().await {
                said if said == closed(1, 0x48) => return,
                said => assert_eq!(said, closed(1, 0x02)),
            }
        }
    };
    let taken = async {
        loop {
            accept(&listener).await;
        }
    };
    tokio::select! {
        () = soon(refused) => {}
        () = taken => {}
    }
    let mut long = knock(600).await;
    door.handle.reload(door::config(&rule).policy);
    long.connect(2, address).await;
    assert_eq!(long.said().await, closed(2, 0x48));
}
