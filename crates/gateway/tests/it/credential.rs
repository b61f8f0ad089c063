//! Credentials on the request itself: `Authorization: Bearer`, and nothing that only looks like it.

use std::time::SystemTime;

use pageport_gateway::front::credential::{Tokens, sha256};
use pageport_proto::Code;

use crate::door::{self, TOKEN};

#[tokio::test]
async fn a_wrong_credential_is_refused_before_the_upgrade() {
    let door = door::open("");
    let request = |field: &str| {
        format!(
            "GET /link HTTP/1.1\r\nHost: localhost\r\nUpgrade: pageport.v1\r\nConnection: Upgrade\r\n{field}\r\n\r\n"
        )
    };
    for field in [
        "Authorization: Bearer wrong".to_owned(),
        "Authorization: Bearer".to_owned(),
        "Authorization: Bearer ".to_owned(),
        format!("Authorization: Basic {TOKEN}"),
        format!("Authorization: Bearer {TOKEN}, {TOKEN}"),
        format!("Authorization: Bearer {}", TOKEN.to_uppercase()),
        format!("Authorization: Bearer {TOKEN}\r\nAuthorization: Bearer {TOKEN}"),
    ] {
        let answer = door.ask(&request(&field)).await;
        answer.refuses(401, "ERR_CREDENTIAL_INVALID");
        assert!(
            !answer.body.contains(TOKEN) && !answer.body.contains("wrong"),
            "no secret comes back: {}",
            answer.body
        );
    }
    for field in [format!("Authorization: Bearer {TOKEN}"), format!("authorization: bearer  {TOKEN}")] {
        assert_eq!(door.ask(&request(&field)).await.status, 101, "{field}");
    }
    let in_url = door.ask(&request("").replace("/link", &format!("/link?token={TOKEN}"))).await;
    assert_eq!(in_url.status, 101, "a token in the URL is no credential: HELLO still needs one");
}

#[test]
fn a_token_ends_with_its_expiry() {
    let hash: String = sha256(b"t").iter().map(|byte| format!("{byte:02x}")).collect();
    let tokens = |expiry: &str| -> Tokens {
        let text = format!("[[token]]\nname = \"a\"\nsha256 = \"{hash}\"\nmay = []\nexpiry = {expiry}");
        pageport_gateway::Config::parse("", &text, std::iter::empty()).expect("good").policy.tokens
    };
    let at = |seconds: u64| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    for (expiry, end) in [
        ("2028-02-29", 1_835_395_200),
        ("2028-02-29T00:00:01Z", 1_835_395_201),
        ("2028-02-29T02:00:00+02:00", 1_835_395_200),
        ("1970-01-02", 86_400),
        ("2100-03-01", 4_107_542_400),
    ] {
        assert!(tokens(expiry).find("t", at(end - 1)).is_ok(), "{expiry}");
        assert_eq!(tokens(expiry).find("t", at(end)), Err(Code::ERR_CREDENTIAL_INVALID), "{expiry}");
    }
    assert_eq!(tokens("2100-01-01").find("u", at(0)), Err(Code::ERR_CREDENTIAL_INVALID));
}
