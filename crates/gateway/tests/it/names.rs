//! Names belong to keys: claims, what they are refused with, and taking over.

use pageport_link::SessionState;
use pageport_proto::claim::{PrivateKey, Seed, Slot, Statement, Subject};
use pageport_proto::head::{Claim, Kind, Listen, Request};
use pageport_proto::hello::{Nonce, Opaque, SessionId, Welcome};
use pageport_proto::name::Name;

use crate::claimant::{Claimant, listen, random_name, reset};
use crate::client::soon;
use crate::door;
use crate::page::{RawCarrier, attach, attach_with, handshake, hello, listen_with};
use crate::wire::Wire;

#[tokio::test]
async fn a_chosen_name_belongs_to_the_key_that_came_first() {
    let door = door::open("");
    let (mine, other) = (Claimant::new(&door, 1), Claimant::new(&door, 2));
    let (first, second) = (attach(&door).await, attach(&door).await);
    let listener = mine.listen(&first, "shop").await.expect("free");
    for alike in ["shop", "sh0p", "s-hop"] {
        assert_eq!(other.listen(&second, alike).await.err().as_deref(), Some("ERR_NAME_TAKEN"), "{alike}");
    }
    drop((listener, first));
    // Nobody listens, but the name is kept.
    assert_eq!(other.listen(&attach(&door).await, "shop").await.err().as_deref(), Some("ERR_NAME_TAKEN"));
    assert!(mine.listen(&attach(&door).await, "shop").await.is_ok());
    assert!(mine.listen(&attach(&door).await, "s-hop").await.is_ok(), "what looks alike is its own, too");
}

#[tokio::test]
async fn names_that_cannot_be_claimed_say_why() {
    let door = door::open("");
    let (mine, session) = (Claimant::new(&door, 1), attach(&door).await);
    for (name, code) in [
        ("admin", "ERR_NAME_RESERVED"),
        ("adm1n", "ERR_NAME_RESERVED"),
        ("pa-geport", "ERR_NAME_RESERVED"),
        ("k3vqz7m2xwp4a", "ERR_NAME_RESERVED"),
    ] {
        assert_eq!(mine.listen(&session, name).await.err().as_deref(), Some(code), "{name}");
    }
    for (name, code) in [
        ("Shop", "ERR_NAME_INVALID"),
        ("ab", "ERR_NAME_INVALID"),
        ("xn--bcher-kva", "ERR_NAME_INVALID"),
        ("shop.gw", "ERR_NAME_INVALID"),
        ("shop", "ERR_CLAIM_REQUIRED"),
        ("k3vqz7m2xwp4a", "ERR_CLAIM_REQUIRED"),
        ("www", "ERR_NAME_RESERVED"),
    ] {
        assert_eq!(listen(&session, Kind::Http, name, None).await.err().as_deref(), Some(code), "{name}");
    }
    let page =
        listen_with(&door, door.address, pageport_proto::session::Settings::new(pageport_proto::Role::Page))
            .await;
    let alike = format!("{}-{}", &page.listening.name[..6], &page.listening.name[6..]);
    assert_eq!(
        mine.listen(&session, &alike).await.err().as_deref(),
        Some("ERR_NAME_TAKEN"),
        "a random name's twin"
    );
}

#[tokio::test]
async fn a_claim_is_for_one_gateway_session_nonce_and_name() {
    let door = door::open("");
    let (mine, session) = (Claimant::new(&door, 1), attach(&door).await);
    let foreign = Claimant { origin: "http://other.example".to_owned(), ..Claimant::new(&door, 1) };
    let port = Claimant { origin: format!("http://{}:{}", door.host, 81), ..Claimant::new(&door, 1) };
    // What this gateway's Host says in these tests: whoever passes a claim on can say what the page knows.
    let host = Claimant { origin: format!("http://{}", door.host), ..Claimant::new(&door, 1) };
    let secure = mine.origin.replacen("http", "https", 1);
    let https = Claimant { origin: secure, ..Claimant::new(&door, 1) };
    let (id, nonce) = session.claimant().expect("attached");
    let subject = Subject::parse("shop").expect("a name");
    let claim = |session: &SessionId, nonce: &Nonce| {
        let statement = Statement { origin: &mine.origin, session, nonce, subject: &subject };
        mine.key.claim(&statement, None)
    };
    let good = claim(&id, &nonce);
    let with_s = |change: fn(&mut [u8; 64])| {
        let mut signature = *good.signature.as_bytes();
        change(&mut signature);
        Claim { signature: Opaque::new(signature), ..good.clone() }
    };
    let slot = Slot::new([0; 16]);
    for (what, claim) in [
        ("another gateway", foreign.claim(&session, "shop")),
        ("another port", port.claim(&session, "shop")),
        ("the port of Host", host.claim(&session, "shop")),
        ("another scheme", https.claim(&session, "shop")),
        ("another session", mine.claim(&attach(&door).await, "shop")),
        ("another name", mine.claim(&session, "shop2")),
        ("another nonce", claim(&id, &Nonce::new([0; 16]))),
        ("another key", Claim { key: PrivateKey::new(&Seed::new([2; 32])).public(), ..good.clone() }),
        ("a slot", Claim { slot: Some(slot), ..good.clone() }),
        ("a malleable signature", with_s(add_group_order)),
        ("a turned bit", with_s(|signature| signature[0] ^= 1)),
        ("the key of everybody", Claim { key: neutral_key(), signature: neutral_signature(), slot: None }),
    ] {
        let refused = listen(&session, Kind::WebSocket, "shop", Some(claim)).await.err();
        assert_eq!(refused.as_deref(), Some("ERR_CLAIM_INVALID"), "{what}");
    }
    let listener = listen(&session, Kind::WebSocket, "shop", Some(good.clone())).await;
    assert!(listener.is_ok(), "the good one was not used up");
}

#[tokio::test]
async fn in_dev_a_claim_is_for_the_port_that_the_page_knows() {
    let door = door::open_dev();
    let mut page = RawCarrier::websocket(&door, "Origin: http://localhost\r\n").await;
    let Welcome { session, nonce, .. } = page.welcome(&hello()).await;
    let (key, name) = (Claimant::new(&door, 1).key, Name::parse("shop").expect("a name"));
    let statement =
        |origin, subject| key.claim(&Statement { origin, session: &session, nonce: &nonce, subject }, None);
    // Something forwards port 80, as ssh or an editor does.
    let claim = statement("http://localhost", &Subject::Name(name.clone()));
    let wish = Listen { name: Some(name.to_string()), claim: Some(claim), ..Listen::new(Kind::Http) };
    let reply = page.request(&serde_json::to_string(&Request::Listen(wish)).expect("JSON")).await;
    assert!(reply.contains("\"ok\":true"), "{reply}");
}

/// S + L: the same signature to whoever does not check that S is below the group order.
fn add_group_order(signature: &mut [u8; 64]) {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        [*byte, _] = sum.to_le_bytes();
        carry = sum >> 8;
    }
}

fn neutral_key() -> pageport_proto::claim::Key {
    let mut key = [0; 32];
    key[0] = 1;
    Opaque::new(key)
}

/// R neutral, S zero: holds for any message under the neutral key, unless small orders are refused.
fn neutral_signature() -> Opaque<64, pageport_proto::hello::Public> {
    let mut signature = [0; 64];
    signature[0] = 1;
    Opaque::new(signature)
}

#[tokio::test]
async fn a_nonce_serves_a_name_once_and_an_older_one_never() {
    let door = door::open("");
    let wire = Wire::to(door.address).await;
    let mine = Claimant::new(&door, 1);
    let settings = pageport_proto::session::Settings::new(pageport_proto::Role::Page);
    let page = listen_with(&door, wire.address, settings).await;
    let claim = mine.claim(&page.session, "shop");
    let old = mine.claim(&page.session, "shop2");
    let shop = listen(&page.session, Kind::WebSocket, "shop", Some(claim.clone())).await.expect("free");
    let newer = attach(&door).await;
    mine.listen(&newer, "shop").await.expect("its own");
    assert!(reset(shop).await.contains("ERR_NAME_REPLACED"));
    let again = listen(&page.session, Kind::WebSocket, "shop", Some(claim)).await.err();
    assert_eq!(again.as_deref(), Some("ERR_CLAIM_STALE"), "the nonce has served this name");

    wire.cut();
    soon(async {
        while page.session.state() == SessionState::Attached {
            tokio::task::yield_now().await;
        }
    })
    .await;
    wire.mend();
    assert!(soon(page.session.attached()).await);
    let stale = listen(&page.session, Kind::WebSocket, "shop2", Some(old)).await.err();
    assert_eq!(stale.as_deref(), Some("ERR_CLAIM_STALE"), "there is a newer WELCOME");
    assert!(mine.listen(&page.session, "shop").await.is_ok(), "and back, on purpose");
}

#[tokio::test]
async fn a_claim_that_held_but_got_nothing_can_be_made_again() {
    let door =
        door::open(&(door::token_section("one", "for-one-listener", "[\"listen\"]") + "listeners = 1"));
    let session = attach_with(&door, "for-one-listener").await;
    let claimant = Claimant::new(&door, 1);
    let mut only = claimant.listen(&session, "first").await.expect("free");
    let claim = claimant.claim(&session, "shop");
    let ask = async || listen(&session, Kind::WebSocket, "shop", Some(claim.clone())).await.map(drop);
    assert_eq!(ask().await, Err("ERR_LISTEN_FORBIDDEN".into()), "no second listener");
    only.finish();
    assert_eq!(soon(only.read_chunk()).await, Ok(None));
    assert_eq!(ask().await, Ok(()), "the nonce has served nothing yet");
}

#[tokio::test]
async fn a_newer_session_of_the_key_takes_over_both_listeners_at_once_even_of_a_parked_session() {
    let door = door::open("");
    let wire = Wire::to(door.address).await;
    let mine = Claimant::new(&door, 1);
    let settings = pageport_proto::session::Settings::new(pageport_proto::Role::Page);
    let old = listen_with(&door, wire.address, settings).await;
    let websocket = mine.listen(&old.session, "shop").await.expect("free");
    let http = listen(&old.session, Kind::Http, "shop", None).await.expect("its own already");
    let twice = listen(&old.session, Kind::Http, "shop", None).await.err();
    assert_eq!(twice.as_deref(), Some("ERR_LISTENER_EXISTS"));
    wire.cut();
    door.until("pageport_sessions{state=\"parked\"} 1").await;

    let new = attach(&door).await;
    let listener = mine.listen(&new, "shop").await.expect("taken over while the old one is away");
    let knock = handshake("/", &format!("shop.{}", door.host), "");
    let knocking = door.ask(&knock);
    let visited = async {
        let mut visitor = new.accept().await.expect("the visitor comes to the new session");
        visitor.finish();
        visitor.stop(pageport_proto::Code::ERR_ABORTED);
    };
    let (answer, ()) = soon(async { tokio::join!(knocking, visited) }).await;
    answer.refuses(502, "ERR_BAD_REPLY");
    wire.mend();
    assert!(reset(websocket).await.contains("ERR_NAME_REPLACED"));
    assert!(reset(http).await.contains("ERR_NAME_REPLACED"));
    let back = listen(&old.session, Kind::WebSocket, "shop", None).await.err();
    assert_eq!(back.as_deref(), Some("ERR_CLAIM_REQUIRED"), "what it had proven is void");
    drop(listener);
}

#[tokio::test]
async fn a_proven_name_stays_with_its_session_when_nobody_listens() {
    let door = door::open("[limits]\nnames_per_session = 2");
    let (mine, session) = (Claimant::new(&door, 1), attach(&door).await);
    for name in ["one", "two"] {
        let mut listener = mine.listen(&session, name).await.expect("free");
        listener.finish();
        assert!(soon(listener.read_chunk()).await.expect("ends in order").is_none());
    }
    door.ask(&handshake("/", &format!("one.{}", door.host), "")).await.refuses(404, "ERR_LISTENER_UNKNOWN");
    let one = listen(&session, Kind::WebSocket, "one", None).await.expect("proven before");
    mine.listen(&session, "three").await.expect("the idle one makes room");
    let two = listen(&session, Kind::WebSocket, "two", None).await.err();
    assert_eq!(
        two.as_deref(),
        Some("ERR_CLAIM_REQUIRED"),
        "beyond the limit the oldest idle one is forgotten"
    );
    drop(one);
}

#[tokio::test]
async fn a_random_name_is_found_again_with_key_and_slot_and_never_changes_hands() {
    let door = door::open("");
    let (mine, other) = (Claimant::new(&door, 1), Claimant::new(&door, 2));
    let first = attach(&door).await;
    let (name, claim) = mine.random(&first);
    let listener = listen(&first, Kind::WebSocket, name.as_str(), Some(claim)).await.expect("derived");

    let second = attach(&door).await;
    let (_, slot) = random_name(&mine.key.public());
    let stolen = Claim { slot: Some(slot.clone()), ..other.claim(&second, name.as_str()) };
    for (claim, code) in
        [(stolen, "ERR_CLAIM_INVALID"), (other.claim(&second, name.as_str()), "ERR_NAME_RESERVED")]
    {
        let refused = listen(&second, Kind::WebSocket, name.as_str(), Some(claim)).await.err();
        assert_eq!(refused.as_deref(), Some(code));
    }
    let (same, claim) = mine.random(&second);
    assert_eq!(same, name);
    assert!(listen(&second, Kind::WebSocket, name.as_str(), Some(claim)).await.is_ok());
    assert!(reset(listener).await.contains("ERR_NAME_REPLACED"));
    let chosen = Claim { slot: Some(slot), ..mine.claim(&second, "shop") };
    let chosen = listen(&second, Kind::WebSocket, "shop", Some(chosen)).await.err();
    assert_eq!(chosen.as_deref(), Some("ERR_CLAIM_INVALID"), "a slot is for random names");
}

#[tokio::test]
async fn a_key_and_the_gateway_have_so_many_names() {
    let door = door::open("[limits]\nnames_per_key = 1\nnames = 2");
    let (mine, session) = (Claimant::new(&door, 1), attach(&door).await);
    mine.listen(&session, "one").await.expect("the first");
    assert_eq!(mine.listen(&session, "two").await.err().as_deref(), Some("ERR_NAME_LIMIT"));
    Claimant::new(&door, 2).listen(&session, "two").await.expect("the second");
    let third = Claimant::new(&door, 3).listen(&session, "three").await.err();
    assert_eq!(third.as_deref(), Some("ERR_NAME_LIMIT"));
    let door = door::open("[limits]\nclaims_per_attach = 1");
    let session = attach(&door).await;
    Claimant::new(&door, 1).listen(&session, "one").await.expect("the first");
    let second = Claimant::new(&door, 1).listen(&session, "two").await.err();
    assert_eq!(second.as_deref(), Some("ERR_CLAIM_STALE"));
}

#[tokio::test]
async fn names_outlive_the_gateway_with_a_directory_and_not_without() {
    let place = std::env::temp_dir().join(format!("pageport-names-{}", std::process::id()));
    let kept = format!("data = {:?}", place.display().to_string());
    for (lines, outcome) in [(kept.as_str(), Some("ERR_NAME_TAKEN")), ("", None)] {
        let door = door::open(lines);
        Claimant::new(&door, 1).listen(&attach(&door).await, "shop").await.expect("free");
        soon(door.close()).await.expect("ends");
        let door = door::open(lines);
        let refused = Claimant::new(&door, 2).listen(&attach(&door).await, "shop").await.err();
        assert_eq!(refused.as_deref(), outcome, "{lines}");
        soon(door.close()).await.expect("ends");
    }
    std::fs::remove_dir_all(place).expect("was made");
}
