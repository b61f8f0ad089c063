//! The gateway's end of a carrier, attached without a gateway.

use std::time::Duration;

use bytes::BytesMut;
use pageport_link::{Arrival, Carrier, HttpLine, receive_hello};
use pageport_proto::Limits;
use pageport_proto::frame::Frame;
use pageport_proto::hello::{Hello, Nonce, Secret, SessionId, Welcome};

use super::guard;

/// The first HELLO of a page.
pub(crate) fn hello(limits: Limits) -> Frame {
    let hello = Hello { session: None, n: 1, limits, features: Vec::new(), credential: None };
    Frame::Hello(hello.to_payload().into())
}

/// The answer to it.
pub(crate) fn welcome(limits: Limits) -> Welcome {
    Welcome {
        session: SessionId::new([1; 16]),
        secret: Some(Secret::new([2; 32])),
        nonce: Nonce::new([3; 16]),
        lease: 150,
        limits,
        features: Vec::new(),
    }
}

/// HELLO as message 0 of a carrier `http`.
pub(crate) async fn greet(carrier: Carrier, line: &HttpLine, limits: Limits) -> Arrival {
    let hello = hello(limits);
    let arriving = receive_hello(carrier, Duration::from_secs(10));
    let (arrival, ()) = guard(async { tokio::join!(arriving, upload(line, 0, &hello)) }).await;
    arrival.unwrap()
}

/// A message of one frame, until the session has it.
pub(crate) async fn upload(line: &HttpLine, seq: u64, frame: &Frame) {
    let mut bytes = BytesMut::new();
    frame.encode(&mut bytes);
    let mut upload = line.upload(seq).unwrap().unwrap();
    upload.push(&bytes).unwrap();
    upload.finish().await.unwrap();
}
