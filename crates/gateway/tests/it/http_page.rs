//! A page that attaches by plain requests, made by hand: it says whatever a test wants, in whatever order.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use pageport_proto::frame::{Data, Frame, Mark, Resume, decode_message};
use pageport_proto::hello::{Hello, Welcome};
use pageport_proto::numbered::{Answer as DownAnswer, Down, Id, Mode, Up};
use pageport_proto::{StreamId, varint};

use crate::client::{Answer, Client, soon};
use crate::door::Door;
use crate::page::hello;

pub(crate) const ORIGIN: &str = "Origin: https://a.example\r\n";
/// A gateway that lets pages of that origin, and of another one, attach.
pub(crate) const ORIGINS: &str = "[link]\norigins = [\"https://a.example\", \"https://b.example\"]\n";

/// One carrier.
pub(crate) struct HttpPage {
    pub(crate) address: SocketAddr,
    pub(crate) id: [u8; 16],
    /// The number of the next message up.
    pub(crate) seq: u64,
    /// How many messages have come.
    pub(crate) ack: u64,
    /// Fields of each request.
    pub(crate) fields: String,
}

/// An answer to `/link/down` that is open.
pub(crate) struct Open {
    client: Client,
    answer: DownAnswer,
    pub(crate) messages: u64,
}

impl HttpPage {
    /// A carrier of its own; nothing has been said.
    pub(crate) fn new(door: &Door, id: u8) -> HttpPage {
        HttpPage { address: door.address, id: [id; 16], seq: 0, ack: 0, fields: ORIGIN.to_owned() }
    }

    /// A new session, attached and resumed.
    pub(crate) async fn attached(door: &Door, id: u8) -> (HttpPage, Welcome) {
        let mut page = HttpPage::new(door, id);
        let welcome = page.attach(&hello()).await;
        (page, welcome)
    }

    pub(crate) async fn attach(&mut self, hello: &Hello) -> Welcome {
        match self.hello(hello).await {
            Frame::Welcome(payload) => {
                let welcome = Welcome::parse(&payload).expect("a good WELCOME");
                self.say(&[Frame::Resume(Resume { end: true, highest: 0, entries: Vec::new() })]).await;
                welcome
            }
            other => panic!("{other:?}"),
        }
    }

    /// Says HELLO, and what is answered first.
    pub(crate) async fn hello(&mut self, hello: &Hello) -> Frame {
        self.say(&[Frame::Hello(hello.to_payload().into())]).await;
        let (_, messages) = self.poll(Mode::Poll).await;
        let frames = decode_message(messages[0].clone()).expect("frames");
        frames.into_iter().next().expect("a frame")
    }

    /// The next message up, which must be taken.
    pub(crate) async fn say(&mut self, frames: &[Frame]) {
        let answer = self.up(self.seq, &message(frames)).await;
        assert_eq!((answer.status, answer.header("pageport-error")), (204, None), "{}", answer.head);
        self.seq += 1;
    }

    /// Any message up.
    pub(crate) async fn up(&self, seq: u64, message: &[u8]) -> Answer {
        self.post("/link/up", &self.up_body(seq, message)).await
    }

    pub(crate) fn up_body(&self, seq: u64, message: &[u8]) -> Vec<u8> {
        [&Up { id: Id::new(self.id), seq }.encode(), message].concat()
    }

    /// One answer as a whole: its head, and the messages in it.
    pub(crate) async fn poll(&mut self, mode: Mode) -> (Answer, Vec<Bytes>) {
        let (mut client, head) = self.down(self.ack, mode).await;
        assert_eq!(head.status, 200, "{}", head.head);
        let body = client.chunked().await.expect("ends in order");
        let messages = messages(&body);
        self.ack += messages.len() as u64;
        (head, messages)
    }

    /// Any request for messages, and the head of its answer.
    pub(crate) async fn down(&self, ack: u64, mode: Mode) -> (Client, Answer) {
        let body = Down { id: Id::new(self.id), ack, mode }.encode();
        let mut client = Client::connect(self.address).await;
        client.send(self.request("/link/down", &body)).await;
        let mut head = client.head().await;
        if let Some(length) = head.header("content-length") {
            let length = length.parse().expect("a number");
            head.body = String::from_utf8(client.bytes(length).await).expect("text");
        }
        (client, head)
    }

    /// A streaming answer.
    pub(crate) async fn stream(&self) -> Open {
        let (client, head) = self.down(self.ack, Mode::Stream).await;
        assert_eq!(head.status, 200, "{}", head.head);
        Open { client, answer: DownAnswer::default(), messages: 0 }
    }

    pub(crate) fn request(&self, path: &str, body: &[u8]) -> Vec<u8> {
        let (length, fields) = (body.len(), &self.fields);
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{fields}\r\n");
        [head.as_bytes(), body].concat()
    }

    pub(crate) async fn post(&self, path: &str, body: &[u8]) -> Answer {
        let mut client = Client::connect(self.address).await;
        client.send(self.request(path, body)).await;
        client.answer().await
    }
}

impl Open {
    /// The next message; `None` at the end of the answer, `Err` when it is cut short.
    pub(crate) async fn message(&mut self) -> Result<Option<Bytes>, ()> {
        loop {
            if let Some(message) = self.answer.next_message().expect("a good answer") {
                self.messages += 1;
                return Ok(Some(message));
            }
            match soon(self.client.chunk()).await {
                None => return Err(()),
                Some(chunk) if chunk.is_empty() => return Ok(None),
                Some(chunk) => self.answer.push(&chunk),
            }
        }
    }

    /// Reads the preamble.
    pub(crate) async fn begin(&mut self) {
        while !self.answer.begun() {
            let chunk = soon(self.client.chunk()).await.expect("a chunk");
            self.answer.push(&chunk);
            assert_eq!(self.answer.next_message(), Ok(None), "nothing behind it yet");
        }
    }

    /// Bytes of a stream until there are so many; what else comes is passed over.
    pub(crate) async fn bytes_of(&mut self, stream: StreamId, at_least: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < at_least {
            let message = self.message().await.expect("not cut").expect("goes on");
            bytes.extend(data_of(&message, stream));
        }
        bytes
    }
}

/// What a message has of one stream.
pub(crate) fn data_of(message: &Bytes, wanted: StreamId) -> Vec<u8> {
    let frames = decode_message(message.clone()).expect("frames");
    let data = frames.into_iter().filter_map(|frame| match frame {
        Frame::Data(Data { stream, bytes, .. }) if stream == wanted => Some(bytes),
        _ => None,
    });
    data.flatten().collect()
}

pub(crate) fn messages(body: &[u8]) -> Vec<Bytes> {
    let mut answer = DownAnswer::default();
    answer.push(body);
    let mut messages = Vec::new();
    while let Some(message) = answer.next_message().expect("a good answer") {
        messages.push(message);
    }
    assert_eq!((answer.begun(), answer.unread()), (true, 0), "whole records only");
    messages
}

pub(crate) fn message(frames: &[Frame]) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    frames.iter().for_each(|frame| frame.encode(&mut bytes));
    bytes.to_vec()
}

/// The beginning of a stream of the page: its head.
pub(crate) fn open(id: u64, head: &str) -> Frame {
    let mut bytes = Vec::new();
    varint::put(&mut bytes, head.len() as u64);
    bytes.extend_from_slice(head.as_bytes());
    data(id, 0, bytes)
}

pub(crate) fn data(id: u64, offset: u64, bytes: impl Into<Bytes>) -> Frame {
    let stream = StreamId::new(id).expect("an id");
    Frame::Data(Data { stream, offset, mark: Mark::None, bytes: bytes.into() })
}
