//! The carrier `http` over HTTP/2: all requests of a carrier on one connection, those that wait beside those that work.

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::{Method, Request, Response, Version};
use pageport_proto::frame::{Frame, Resume};
use pageport_proto::numbered::{Answer, Down, Id, Mode, Up};
use tokio::net::TcpStream;

use crate::client::soon;
use crate::door;
use crate::http_page::{ORIGINS, data, message, open};
use crate::page::hello;

#[tokio::test]
async fn a_carrier_is_one_connection_with_an_answer_that_stays_open() {
    let door = door::open(ORIGINS);
    let tcp = soon(TcpStream::connect(door.address)).await.expect("connects");
    let (requests, connection) = soon(h2::client::handshake(tcp)).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut requests = soon(requests.ready()).await.expect("may send");
    let down = post(&mut requests, "down", Down { id: id(), ack: 0, mode: Mode::Stream }.encode()).await;
    assert_eq!(down.status(), 200);
    assert_eq!(down.headers()["access-control-allow-origin"], "https://a.example");
    let mut messages = Messages { body: down.into_body(), answer: Answer::default() };

    up(&mut requests, 0, &[Frame::Hello(hello().to_payload().into())]).await;
    assert!(matches!(messages.frame().await, Frame::Welcome(_)));
    up(&mut requests, 1, &[Frame::Resume(Resume { end: true, highest: 0, entries: Vec::new() })]).await;
    up(&mut requests, 2, &[open(1, "{\"listen\":\"websocket\"}")]).await;
    loop {
        if let Frame::Data(reply) = messages.frame().await {
            assert!(String::from_utf8_lossy(&reply.bytes).contains("\"ok\":true"), "{reply:?}");
            break;
        }
    }
    // A violation ends the session, and the answer in order; the connection goes on.
    up(&mut requests, 3, &[data(1, 9_999, Bytes::from_static(b"x"))]).await;
    while !matches!(messages.frame().await, Frame::Close(_)) {}
    assert!(messages.next().await.is_none(), "it ends in order");
    let gone = post(&mut requests, "down", Down { id: id(), ack: 99, mode: Mode::Now }.encode()).await;
    assert_eq!(
        (gone.status().as_u16(), &gone.headers()["pageport-error"]),
        (409, &"ERR_CARRIER_SEQUENCE".parse().expect("a value"))
    );
}

fn id() -> Id {
    Id::new([7; 16])
}

async fn up(requests: &mut SendRequest<Bytes>, seq: u64, frames: &[Frame]) {
    let body = [&Up { id: id(), seq }.encode(), &message(frames)[..]].concat();
    assert_eq!(post(requests, "up", body.into()).await.status(), 204);
}

async fn post(requests: &mut SendRequest<Bytes>, direction: &str, body: Bytes) -> Response<RecvStream> {
    let request = Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(format!("http://localhost/link/{direction}"))
        .header("origin", "https://a.example")
        .body(())
        .expect("a request");
    let (response, mut stream) = requests.send_request(request, false).expect("is sent");
    stream.send_data(body, true).expect("is sent");
    soon(response).await.expect("an answer")
}

struct Messages {
    body: RecvStream,
    answer: Answer,
}

impl Messages {
    /// The first frame of the next message.
    async fn frame(&mut self) -> Frame {
        let message = self.next().await.expect("goes on");
        let frames = pageport_proto::frame::decode_message(message).expect("frames");
        // What is looked for stands behind ACKs.
        frames.into_iter().next_back().expect("a frame")
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(message) = self.answer.next_message().expect("a good answer") {
                return Some(message);
            }
            let bytes = soon(self.body.data()).await?.expect("not cut");
            self.body.flow_control().release_capacity(bytes.len()).expect("was granted");
            self.answer.push(&bytes);
        }
    }
}
