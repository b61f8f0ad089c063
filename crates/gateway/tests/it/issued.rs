//! Tokens that an issuer signs, what they may ask for, and what any credential allows.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pageport_gateway::front::jwt::{self, Audience, Claims};
use pageport_proto::Code;
use pageport_proto::claim::{PrivateKey, Seed};
use pageport_proto::head::Kind;
use serde_json::{Value, json};

use crate::claimant::{Claimant, listen, reset};
use crate::door::{self, Door};
use crate::page::{RawCarrier, attach_with, handshake, hello, hello_again, hello_with};

fn key(seed: u8) -> PrivateKey {
    PrivateKey::new(&Seed::new([seed; 32]))
}

/// A gateway that takes tokens of the issuer `shop`, with these bounds.
fn open(bounds: &str) -> Door {
    door::open(&format!("[[issuer]]\nname = \"shop\"\nkey = \"{}\"\n{bounds}\n", key(9).public()))
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// A good token's claims.
pub(crate) fn claims(door: &Door) -> Claims {
    Claims {
        iss: "shop".to_owned(),
        sub: "customer 7".to_owned(),
        aud: Audience::One(format!("http://localhost:{}", door.address.port())),
        exp: now() + 600,
        nbf: None,
        pageport: jwt_asked(&json!({})),
    }
}

fn jwt_asked(json: &Value) -> pageport_gateway::front::grants::Asked {
    serde_json::from_value(json.clone()).expect("what may be asked")
}

/// Header and payload as they are, signed.
fn raw(header: &str, payload: &str, signer: &PrivateKey) -> String {
    jwt::sign_parts(signer, header.as_bytes(), payload.as_bytes())
}

async fn attaches(door: &Door, token: &str) -> Result<(), Code> {
    let mut carrier = RawCarrier::bytes(door, "").await;
    match carrier.hello(&hello_with(Some(token))).await {
        pageport_proto::frame::Frame::Welcome(_) => Ok(()),
        pageport_proto::frame::Frame::Close(farewell) => Err(farewell.code),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_of_an_issuer_attaches_in_hello_or_on_the_request() {
    let door = open("may = [\"listen\"]");
    let good = claims(&door);
    let several = Audience::Any(vec![
        "https://other.example".to_owned(),
        format!("http://localhost:{}", door.address.port()),
    ]);
    for claims in [
        good.clone(),
        Claims { aud: several, ..good.clone() },
        Claims { nbf: Some(now()), exp: now() + 3_600, ..good.clone() },
    ] {
        assert_eq!(attaches(&door, &jwt::sign(&key(9), &claims)).await, Ok(()), "{claims:?}");
    }
    let without_type = raw("{\"alg\":\"EdDSA\"}", &serde_json::to_string(&good).expect("JSON"), &key(9));
    assert_eq!(attaches(&door, &without_type).await, Ok(()));
    let session = attach_with(&door, &jwt::sign(&key(9), &good)).await;
    assert!(Claimant::new(&door, 1).listen(&session, "shop").await.is_ok());
}

#[tokio::test]
async fn every_other_token_is_refused() {
    let door = open("may = [\"listen\"]\nkinds = [\"websocket\"]\nlisteners = 2\nnames = [\"app-*\"]");
    let (good, key) = (claims(&door), key(9));
    let payload = serde_json::to_string(&good).expect("JSON");
    let header = "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}";
    let token = jwt::sign(&key, &good);
    let null = |wish: &str| {
        let pageport = format!("\"pageport\":{{\"{wish}\":null");
        raw(header, &payload.replace("\"pageport\":{", &pageport), &key)
    };
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let with = |change: fn(&mut Claims)| {
        let mut claims = good.clone();
        change(&mut claims);
        jwt::sign(&key, &claims)
    };
    let asking = |json: Value| jwt::sign(&key, &Claims { pageport: jwt_asked(&json), ..good.clone() });
    for (what, token) in [
        ("expired", with(|claims| claims.exp = now())),
        ("for longer than its issuer may", with(|claims| claims.exp = now() + 7_200)),
        ("for later", with(|claims| claims.nbf = Some(now() + 120))),
        ("for another audience", with(|claims| claims.aud = Audience::One("https://gw.example".to_owned()))),
        ("for nobody", with(|claims| claims.aud = Audience::Any(Vec::new()))),
        ("of an unknown issuer", with(|claims| claims.iss = "other".to_owned())),
        ("without a subject", with(|claims| claims.sub = String::new())),
        ("of another key", jwt::sign(&self::key(8), &good)),
        ("algorithm none", raw("{\"alg\":\"none\"}", &payload, &key)),
        (
            "algorithm none, unsigned",
            format!("{}.{}.", URL_SAFE_NO_PAD.encode("{\"alg\":\"none\"}"), URL_SAFE_NO_PAD.encode(&payload)),
        ),
        ("another algorithm", raw("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", &payload, &key)),
        ("in another case", raw("{\"alg\":\"eddsa\"}", &payload, &key)),
        ("two algorithms", raw("{\"alg\":\"EdDSA\",\"alg\":\"none\"}", &payload, &key)),
        ("no algorithm", raw("{\"typ\":\"JWT\"}", &payload, &key)),
        ("another type", raw("{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}", &payload, &key)),
        ("with a demand", raw("{\"alg\":\"EdDSA\",\"crit\":[\"x\"]}", &payload, &key)),
        ("with a demand of nothing", raw("{\"alg\":\"EdDSA\",\"crit\":null}", &payload, &key)),
        ("no type", raw("{\"alg\":\"EdDSA\",\"typ\":null}", &payload, &key)),
        ("no begin", raw(header, &payload.replace("\"exp\"", "\"nbf\":null,\"exp\""), &key)),
        ("no wishes", raw(header, &payload.replace("\"pageport\":{}", "\"pageport\":null"), &key)),
        ("nothing as what it may", null("may")),
        ("nothing as kinds", null("kinds")),
        ("nothing as names", null("names")),
        ("nothing as listeners", null("listeners")),
        ("nothing as a rate", null("rate")),
        ("nothing as origins", null("origins")),
        ("two ends", raw(header, &payload.replace("\"exp\"", "\"exp\":1,\"exp\""), &key)),
        ("an end that is a text", raw(header, &payload.replace("\"exp\":", "\"exp\":\"9\",\"x\":"), &key)),
        ("no end", raw(header, &payload.replace("\"exp\"", "\"until\""), &key)),
        (
            "an unknown wish",
            raw(header, &payload.replace("\"pageport\":{", "\"pageport\":{\"all\":true"), &key),
        ),
        ("padded", format!("{token}==")),
        ("cut", token[..token.len() - 2].to_owned()),
        ("four parts", format!("{token}.{signature}")),
        ("without signature", format!("{signed}.")),
        ("not signed at all", signed.to_owned()),
        ("too long", with(|claims| claims.sub = "x".repeat(129))),
        ("asking to connect", asking(json!({ "may": ["connect"] }))),
        ("asking for a kind", asking(json!({ "kinds": ["websocket", "tcp"] }))),
        ("asking for more listeners", asking(json!({ "listeners": 3 }))),
        ("asking for a name", asking(json!({ "names": ["shop"] }))),
        ("asking for all names", asking(json!({ "names": ["*"] }))),
    ] {
        assert_eq!(attaches(&door, &token).await, Err(Code::ERR_CREDENTIAL_INVALID), "{what}");
    }
    assert_eq!(attaches(&door, &token).await, Ok(()), "control");
    assert!(payload.contains("\"pageport\":{}"), "what was replaced was there: {payload}");
    assert_eq!(attaches(&door, &asking(json!({ "names": ["app-7"], "listeners": 1 }))).await, Ok(()));
}

#[tokio::test]
async fn listening_beyond_the_credential_is_forbidden() {
    let door = open("may = [\"listen\"]\nkinds = [\"websocket\"]\nlisteners = 2\nnames = [\"app-*\"]");
    let token = jwt::sign(&key(9), &claims(&door));
    let (mine, session) = (Claimant::new(&door, 1), attach_with(&door, &token).await);
    assert_eq!(mine.listen(&session, "shop").await.err().as_deref(), Some("ERR_LISTEN_FORBIDDEN"));
    let http = listen(&session, Kind::Http, "app-1", Some(mine.claim(&session, "app-1"))).await;
    assert_eq!(http.err().as_deref(), Some("ERR_LISTEN_FORBIDDEN"));
    let first = mine.listen(&session, "app-1").await.expect("within");
    let (random, claim) = mine.random(&session);
    let second = listen(&session, Kind::WebSocket, random.as_str(), Some(claim))
        .await
        .expect("random ones need no pattern");
    assert_eq!(
        mine.listen(&session, "app-2").await.err().as_deref(),
        Some("ERR_LISTEN_FORBIDDEN"),
        "a third"
    );

    // The count is the credential's, over all its sessions; taking over what it has itself needs no more room.
    let reloaded = attach_with(&door, &token).await;
    assert_eq!(mine.listen(&reloaded, "app-2").await.err().as_deref(), Some("ERR_LISTEN_FORBIDDEN"));
    mine.listen(&reloaded, "app-1").await.expect("taken over");
    assert!(reset(first).await.contains("ERR_NAME_REPLACED"));
    let other = jwt::sign(&key(9), &Claims { sub: "customer 8".to_owned(), ..claims(&door) });
    mine.listen(&attach_with(&door, &other).await, "app-2").await.expect("another subject has its own");
    drop(second);
}

#[tokio::test]
async fn a_later_token_for_the_same_keeps_the_session() {
    let door = open("may = [\"listen\"]");
    let good = claims(&door);
    let mut first = RawCarrier::bytes(&door, "").await;
    let welcome = first.welcome(&hello_with(Some(&jwt::sign(&key(9), &good)))).await;
    let (session, secret) = (welcome.session, welcome.secret.expect("a secret"));
    let again = |n, claims: &Claims| {
        let credential = Some(jwt::sign(&key(9), claims));
        pageport_proto::hello::Hello { credential, ..hello_again(&session, &secret, n) }
    };
    let other = Claims { sub: "customer 8".to_owned(), ..good.clone() };
    let less = Claims { pageport: jwt_asked(&json!({ "listeners": 1 })), ..good.clone() };
    for claims in [other, less] {
        let mut carrier = RawCarrier::bytes(&door, "").await;
        assert_eq!(carrier.refused(&again(2, &claims)).await.0, Code::ERR_ATTACH_ORIGIN, "{claims:?}");
    }
    let mut carrier = RawCarrier::bytes(&door, "").await;
    carrier.welcome(&again(2, &Claims { exp: good.exp + 60, ..good.clone() })).await;
}

#[tokio::test]
async fn an_origin_of_a_credential_attaches_with_that_credential_only() {
    let door = open("may = [\"listen\"]\norigins = [\"https://app.example\"]");
    let token = jwt::sign(&key(9), &claims(&door));
    let origin = "Origin: https://app.example\r\n";
    for (fields, credential, code) in [
        (origin, None, Code::ERR_CREDENTIAL_REQUIRED),
        (origin, Some(door::TOKEN), Code::ERR_CREDENTIAL_INVALID),
        ("", Some(&*token), Code::ERR_CREDENTIAL_INVALID),
    ] {
        let mut carrier = RawCarrier::websocket(&door, fields).await;
        assert_eq!(carrier.refused(&hello_with(credential)).await.0, code, "{fields}{credential:?}");
    }
    let mut carrier = RawCarrier::websocket(&door, origin).await;
    carrier.welcome(&hello_with(Some(&token))).await;
    let foreign = handshake(
        "/link",
        "localhost",
        "Sec-WebSocket-Protocol: pageport.v1\r\nOrigin: https://b.example\r\n",
    );
    door.ask(&foreign).await.refuses(403, "ERR_ORIGIN_FORBIDDEN");
    let listed = door::open("[link]\norigins = [\"https://app.example\"]");
    RawCarrier::websocket(&listed, origin).await.welcome(&hello()).await;
}

#[tokio::test]
async fn visitors_beyond_the_rate_of_a_credential_are_told_to_come_again() {
    let door = open("may = [\"listen\"]\nrate = 1");
    let token = jwt::sign(&key(9), &claims(&door));
    let session = attach_with(&door, &token).await;
    let listener = Claimant::new(&door, 1).listen(&session, "shop").await.expect("free");
    let serving = tokio::spawn(async move {
        while let Some(mut visitor) = session.accept().await {
            visitor.finish();
            visitor.stop(Code::ERR_ABORTED);
        }
        drop(listener);
    });
    let knock = handshake("/", &format!("shop.{}", door.host), "");
    door.ask(&knock).await.refuses(502, "ERR_BAD_REPLY");
    // One of the next ten comes within a second, however slow this machine is.
    let mut refused = None;
    for _ in 0..10 {
        let answer = door.ask(&knock).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the rate is a limit");
    refused.refuses(429, "ERR_RATE_LIMIT");
    assert!(refused.header("retry-after").is_some(), "{}", refused.head);
    serving.abort();
}
