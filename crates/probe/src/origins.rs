//! WebTransport with origins of choice: who is let in, and how far that leads. What is asked and what came are JSON, one line for each origin.
//!
//! `ORIGINS` is a list of texts, or null for none; `TARGET` is `host:port`. Must never be politer than an attacker.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use pageport_proto::frame::{Data, Decoded, Frame, Mark, Resume, decode};
use pageport_proto::hello::Hello;
use pageport_proto::{Limits, Role, varint};
use serde_json::json;
use web_transport_quinn::proto::{ConnectError, ConnectRequest, ConnectResponse, Settings};
use web_transport_quinn::quinn::{RecvStream, SendStream};

use crate::facts::Outcome;
use crate::place::Place;
use crate::webtransport::bare;

/// What a bidirectional stream of a session begins with, before the session's id (draft-ietf-webtrans-http3 §4.3).
const STREAM: u64 = 0x41;
const PATIENCE: Duration = Duration::from_secs(8);

pub(crate) async fn run(place: &Place) -> Outcome {
    let origins: Vec<Option<String>> = serde_json::from_str(&std::env::var("ORIGINS")?)?;
    let target = std::env::var("TARGET")?;
    let hash = place.hash().await?;
    for origin in origins {
        let said = tokio::time::timeout(PATIENCE, knock(place, hash, origin.as_deref(), &target)).await;
        let said = said.unwrap_or_else(|_| Ok("no answer".into()))?;
        println!("{}", json!({ "origin": origin, "said": said }));
    }
    Ok(())
}

/// All that can be done with this origin to reach the target; how far it came.
async fn knock(place: &Place, hash: [u8; 32], origin: Option<&str>, target: &str) -> Outcome<String> {
    let connection = bare(place, hash).await?;
    let mut control = connection.open_uni().await?;
    let mut settings = Settings::default();
    settings.enable_webtransport(1);
    settings.write(&mut control).await?;
    let (mut send, mut receive) = connection.open_bi().await?;
    let mut request = ConnectRequest::new(url::Url::parse(&format!("https://{}/link", place.host()))?);
    if let Some(origin) = origin {
        request = request.with_header(http::header::ORIGIN, http::HeaderValue::from_str(origin)?);
    }
    request.write(&mut send).await?;
    match ConnectResponse::read(&mut receive).await {
        Ok(_) => {}
        Err(ConnectError::WrongStatus(Some(status))) => return Ok(status.as_u16().to_string()),
        Err(error) => return Err(error.into()),
    }
    let (mut send, mut receive) = connection.open_bi().await?;
    let mut head = BytesMut::new();
    varint::put(&mut head, STREAM);
    varint::put(&mut head, 0);
    send.write_all(&head).await?;
    attach(&mut send, &mut receive, target).await
}

async fn attach(send: &mut SendStream, receive: &mut RecvStream, target: &str) -> Outcome<String> {
    let hello =
        Hello { session: None, n: 1, limits: Limits::default(), features: Vec::new(), credential: None };
    write(send, &Frame::Hello(hello.to_payload().into())).await?;
    let mut read = BytesMut::new();
    loop {
        let mut frames = read.split().freeze();
        while let Ok(Decoded::Frame(frame)) = decode(&mut frames) {
            match frame {
                Frame::Welcome(_) => {
                    write(send, &Frame::Resume(Resume { end: true, highest: 0, entries: Vec::new() }))
                        .await?;
                    write(send, &Frame::Data(asking(target))).await?;
                }
                Frame::Data(data) if !data.bytes.is_empty() => {
                    let reply = String::from_utf8_lossy(&data.bytes).into_owned();
                    return Ok(if reply.contains("\"ok\":true") { "reached".into() } else { reply });
                }
                Frame::Close(farewell) | Frame::Detach(farewell) => {
                    return Ok(format!("CLOSE {}", farewell.code.name().unwrap_or("?")));
                }
                _ => {}
            }
        }
        read.put(frames);
        let mut more = [0; 4_096];
        let Some(len) = receive.read(&mut more).await? else { return Ok("ended".into()) };
        read.put_slice(&more[..len]);
    }
}

fn asking(target: &str) -> Data {
    let head = json!({ "connect": format!("tcp://{target}") }).to_string();
    let mut bytes = BytesMut::new();
    varint::put(&mut bytes, head.len() as u64);
    bytes.put_slice(head.as_bytes());
    Data { stream: Role::Page.first_id(), offset: 0, mark: Mark::None, bytes: Bytes::from(bytes) }
}

async fn write(send: &mut SendStream, frame: &Frame) -> Outcome {
    let mut bytes = BytesMut::new();
    frame.encode(&mut bytes);
    Ok(send.write_all(&bytes).await?)
}
