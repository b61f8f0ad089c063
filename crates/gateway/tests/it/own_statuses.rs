//! Statuses that hyper answers by itself, when they are a page's: they and their bodies reach the visitor as the page made them.

use crate::client::Client;
use crate::door;
use crate::page::{self, respond};

#[tokio::test]
async fn a_pages_own_400_414_and_431_reach_its_visitor() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let mut client = Client::connect(door.address).await;
    for status in [400, 414, 431] {
        for body in ["", "what the page says of it"] {
            client.send(page.ask(&door, "GET /", "")).await;
            page.answer(status, &[("content-length", &body.len().to_string())], body).await;
            let answer = client.answer().await;
            assert_eq!((answer.status, answer.header("pageport-error")), (status, None), "{}", answer.head);
            assert_eq!(answer.body, body);
        }
    }
}

#[tokio::test]
async fn a_body_may_begin_like_an_answer_of_hyper() {
    let door = door::open("");
    let page = page::serve(&door).await;
    let mut client = Client::connect(door.address).await;
    let body = "HTTP/1.1 400 x\r\n\r\n";
    for length in [Some(("content-length", "36")), None] {
        client.send(page.ask(&door, "GET /", "")).await;
        let (mut stream, _) = page.request().await;
        respond(&mut stream, 200, length.as_slice());
        // Each part is sent only once the visitor has what was before, so that it is written by itself.
        assert_eq!(client.head().await.status, 200);
        for last in [false, true] {
            stream.write_chunk(body.into()).await.expect("is taken");
            if last {
                stream.finish();
            }
            let part = match length {
                Some(_) => client.bytes(body.len()).await,
                None => client.chunk().await.expect("a chunk"),
            };
            assert_eq!(String::from_utf8_lossy(&part), body);
        }
        assert!(length.is_some() || client.chunk().await.is_some_and(|last| last.is_empty()));
    }
    let broken = client.ask("GET / HTTP/1.1\r\nHost: x\n\r\n").await;
    broken.refuses(400, "ERR_HEADER_INVALID");
}
