//! Refusals: a small page for people, JSON for programs, and the same words for both.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pageport_gateway::front::credential::sha256;
use pageport_proto::Code;
use pageport_proto::head::{Accepted, Refusal, Reply};

use crate::client::{Answer, Client};
use crate::door::{self, Door};
use crate::page;

#[tokio::test]
async fn a_page_for_people_says_what_happened_what_to_do_and_when() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let refusal = Refusal {
        status: Some(503),
        retry_after: Some(150),
        ..Refusal::new(Code::ERR_REJECTED, "Back <soon> & \"well\"")
    };
    let answer = refused(&door, &page, "text/html,application/xhtml+xml,*/*;q=0.8", refusal).await;
    answer.refuses(503, "ERR_REJECTED");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!((answer.header("retry-after"), answer.header("x-robots-tag")), (Some("150"), Some("noindex")));
    for part in [
        "<html lang=\"en\">",
        "<title>Back &lt;soon&gt; &amp; &quot;well&quot; (503)</title>",
        "<h1>Back &lt;soon&gt; &amp; &quot;well&quot;</h1>",
        "<p>The page refused the visitor; it may choose another status.</p>",
        "<p>Ask whoever runs the page.</p>",
        "<p>Try again in 3 minutes.</p>",
        "<code>ERR_REJECTED</code>",
        "color-scheme:light dark",
        "width=device-width",
    ] {
        assert!(answer.body.contains(part), "{part} in {}", answer.body);
    }
    assert!(
        !answer.body.contains("<script") && !answer.body.contains("http:") && !answer.body.contains("src=")
    );
}

#[tokio::test]
async fn its_style_is_the_only_thing_that_its_policy_allows() {
    let door = door::open("");
    let answer =
        door.ask("GET /nothing HTTP/1.1\r\nHost: nobody.localhost\r\nAccept: text/html\r\n\r\n").await;
    answer.refuses(404, "ERR_LISTENER_UNKNOWN");
    let (_, rest) = answer.body.split_once("<style>").expect("a style");
    let (style, _) = rest.split_once("</style>").expect("its end");
    let hash = STANDARD.encode(sha256(style.as_bytes()));
    let policy = answer.header("content-security-policy").expect("a policy");
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
    );
    assert_eq!(answer.body.matches("style").count(), 2, "and no other style");
}

#[tokio::test]
async fn programs_get_json() {
    let door = door::open("");
    let page = page::serve(&door).await;
    for accept in ["*/*", "application/json", "application/json, text/html", "text/plain"] {
        let answer = refused(&door, &page, accept, Refusal::new(Code::ERR_REJECTED, "no \"thanks\"")).await;
        answer.refuses(403, "ERR_REJECTED");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{accept}");
        let body: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(body["message"], "no \"thanks\"");
    }
}

async fn refused(door: &Door, page: &page::Page, accept: &str, refusal: Refusal) -> Answer {
    let mut client = Client::connect(door.address).await;
    client.send(page.ask(door, "GET /", &format!("Accept: {accept}\r\n"))).await;
    let (mut stream, _) = page.request().await;
    stream.respond(&Reply::<Accepted>::Refused(refusal)).expect("is sent");
    stream.finish();
    client.answer().await
}
