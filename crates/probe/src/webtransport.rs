//! Hostile WebTransport, beside a good page: a million native streams, streams that nobody announced, floods of datagrams, and a close
//! message of a mebibyte. None of it may cost the gateway memory, or the good page an answer.
//!
//! The hostile end is another implementation of WebTransport than the gateway's (`wtransport`), and for what that would never send, bare
//! HTTP/3.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut as _, Bytes, BytesMut};
use pageport_proto::frame::{Data, Decoded, Frame, Mark, Resume, decode};
use pageport_proto::hello::Hello;
use pageport_proto::{Limits, Role, varint};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use web_transport_quinn::proto::{ConnectRequest, ConnectResponse, Settings};
use web_transport_quinn::quinn;
use wtransport::endpoint::ConnectOptions;
use wtransport::tls::Sha256Digest;
use wtransport::{ClientConfig, Connection, Endpoint, SendStream};

use crate::facts::{Outcome, demand, fact};
use crate::page::{Page, echo};
use crate::place::Place;
use crate::visitor::visit;

const STREAMS: usize = 1_000_000;
const WARM: usize = 100_000;
const AT_ONCE: usize = 128;
const DATAGRAMS: usize = 500_000;
const CLOSE_MESSAGE: usize = 1 << 20;
/// What each stream that never comes has.
static PIECE: [u8; 65_536] = [0; 65_536];
/// A stream that ends as soon as it begins.
const OVER: u64 = 1;
/// Of the session: a capsule that ends it (draft-ietf-webtrans-http3 §6).
const CLOSE_CAPSULE: u64 = 0x2843;

pub(crate) async fn run(place: &Place) -> Outcome {
    let page = Page::listen(place).await?;
    tokio::spawn(echo(page.session.clone()));
    let hash = place.hash().await?;

    let bad = Bad::attach(place, hash).await?;
    churn(&bad.connection, WARM).await?;
    let before = place.rss()?;
    let start = Instant::now();
    churn(&bad.connection, STREAMS).await?;
    let after = place.rss()?;
    fact(&[
        ("native_streams", &STREAMS),
        ("seconds", &format_args!("{:.1}", start.elapsed().as_secs_f64())),
        ("rss_kib_before", &before),
        ("rss_kib_after", &after),
    ]);
    demand(after * 100 <= before * 105 + 100 * 1_024, "memory is within 5 % and a mebibyte of the start")?;
    good(place, &page).await?;

    // As many as there may be, of streams that never come, each with as much as QUIC takes.
    let mut orphans = Vec::new();
    let mut held = 0;
    while let Ok(Ok(opening)) = tokio::time::timeout(Duration::from_secs(1), bad.connection.open_uni()).await
    {
        let mut stream = opening.await?;
        stream.write_all(&head(99_999, 0)).await?;
        if let Ok(Ok(len)) = tokio::time::timeout(Duration::from_millis(50), stream.write(&PIECE)).await {
            held += len;
        }
        orphans.push(stream);
    }
    fact(&[("orphan_streams", &orphans.len()), ("bytes_taken", &held), ("rss_kib", &place.rss()?)]);
    demand((200..=300).contains(&orphans.len()), "as many native streams as are allowed, and no more")?;
    demand(held <= 18 << 20, "no more than a session's windows are taken")?;
    demand(place.rss()? <= after + 32 * 1_024, "what waits is bounded by the windows")?;
    good(place, &page).await?;
    drop((orphans, bad));

    let bad = Bad::attach(place, hash).await?;
    place.forget_peak()?;
    let before = place.rss()?;
    for at in 0..DATAGRAMS {
        let _ = bad.connection.send_datagram([7_u8; 1_000]);
        if at % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let peak = place.peak()?;
    fact(&[("datagrams", &DATAGRAMS), ("rss_kib_before", &before), ("rss_kib_peak", &peak)]);
    demand(peak <= before + 16 * 1_024, "a flood of datagrams fills no memory")?;
    good(place, &page).await?;

    place.forget_peak()?;
    let before = place.rss()?;
    let ended = close_with(place, hash, CLOSE_MESSAGE).await?;
    let peak = place.peak()?;
    fact(&[
        ("close_message_bytes", &CLOSE_MESSAGE),
        ("connection_ended", &ended),
        ("rss_kib_before", &before),
        ("rss_kib_peak", &peak),
    ]);
    demand(ended, "a close message that is too long ends the connection")?;
    demand(peak <= before + 4 * 1_024, "a close message that is too long is not read")?;
    good(place, &page).await
}

/// The good page still gives back what a visitor sends.
async fn good(place: &Place, page: &Page) -> Outcome {
    let mut visitor = visit(place, &page.name).await?;
    visitor.write_all(b"still there?").await?;
    let mut answer = [0; 12];
    tokio::time::timeout(Duration::from_secs(10), visitor.read_exact(&mut answer)).await??;
    demand(&answer == b"still there?", "a good page is disturbed by nothing")
}

/// Native streams of a stream that is over, without a head, and reset in the middle of one.
async fn churn(connection: &Connection, total: usize) -> Outcome {
    let mut tasks = JoinSet::new();
    for worker in 0..AT_ONCE {
        let connection = connection.clone();
        let count = total / AT_ONCE + usize::from(worker < total % AT_ONCE);
        tasks.spawn(async move {
            for at in 0..count {
                let mut stream = connection.open_uni().await?.await?;
                // The gateway may stop any of them before it has ended by itself.
                let _ = match at % 3 {
                    0 => stream.write_all(&head(OVER, 7)).await,
                    1 => stream.write_all(&[0x7f]).await,
                    _ => Ok(()),
                };
                if at % 2 == 0 {
                    let _ = stream.reset(7_u32.into());
                } else {
                    let _ = stream.finish().await;
                }
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(())
}

fn head(stream: u64, offset: u64) -> BytesMut {
    let mut bytes = BytesMut::new();
    varint::put(&mut bytes, stream);
    varint::put(&mut bytes, offset);
    bytes
}

/// A session that keeps no rule.
struct Bad {
    connection: Connection,
    /// Answers when it is asked whether it lives.
    _living: JoinSet<()>,
}

impl Bad {
    async fn attach(place: &Place, hash: [u8; 32]) -> Outcome<Bad> {
        let config = ClientConfig::builder()
            .with_bind_default()
            .with_server_certificate_hashes([Sha256Digest::new(hash)])
            .build();
        let url = format!("https://{}/link", place.address);
        let options = ConnectOptions::builder(url).add_header("origin", "http://localhost");
        let connection = Endpoint::client(config)?.connect(options.build()).await?;
        let (mut send, mut receive) = connection.open_bi().await?.await?;
        let limits = Limits::default();
        let hello = Hello { session: None, n: 1, limits, features: Vec::new(), credential: None };
        send_frame(&mut send, &Frame::Hello(hello.to_payload().into())).await?;
        let mut read = BytesMut::new();
        loop {
            let mut more = vec![0; 4_096];
            let len = receive.read(&mut more).await?.ok_or("no WELCOME")?;
            read.put_slice(&more[..len]);
            match decode(&mut read.clone().freeze()) {
                Ok(Decoded::Partial) => {}
                Ok(Decoded::Frame(Frame::Welcome(_))) => break,
                other => return Err(format!("no WELCOME: {other:?}").into()),
            }
        }
        send_frame(&mut send, &Frame::Resume(Resume { end: true, highest: 0, entries: Vec::new() })).await?;
        let fin = Data { stream: Role::Page.first_id(), offset: 0, mark: Mark::Fin, bytes: Bytes::new() };
        send_frame(&mut send, &Frame::Data(fin)).await?;
        let mut living = JoinSet::new();
        living.spawn(async move {
            let mut read = BytesMut::new();
            let mut scratch = vec![0; 4_096];
            while let Ok(Some(len)) = receive.read(&mut scratch).await {
                read.put_slice(&scratch[..len]);
                let mut frames = read.split().freeze();
                while let Ok(Decoded::Frame(frame)) = decode(&mut frames) {
                    if let Frame::Ping(words) = frame
                        && send_frame(&mut send, &Frame::Pong(words)).await.is_err()
                    {
                        return;
                    }
                }
                read.put(frames);
            }
        });
        Ok(Bad { connection, _living: living })
    }
}

async fn send_frame(send: &mut SendStream, frame: &Frame) -> Outcome {
    let mut bytes = BytesMut::new();
    frame.encode(&mut bytes);
    Ok(send.write_all(&bytes).await?)
}

/// Ends a session with a message of this length; whether the gateway ends the connection for it.
async fn close_with(place: &Place, hash: [u8; 32], length: usize) -> Outcome<bool> {
    let connection = bare(place, hash).await?;
    let mut control = connection.open_uni().await?;
    let mut settings = Settings::default();
    settings.enable_webtransport(1);
    settings.write(&mut control).await?;
    let (mut send, mut receive) = connection.open_bi().await?;
    let url = url::Url::parse(&format!("https://{}/link", place.address))?;
    let origin = (http::header::ORIGIN, http::HeaderValue::from_static("http://localhost"));
    let request = ConnectRequest::new(url).with_header(origin.0, origin.1);
    request.write(&mut send).await?;
    demand(ConnectResponse::read(&mut receive).await?.status == 200, "a session")?;
    let mut capsule = BytesMut::new();
    varint::put(&mut capsule, CLOSE_CAPSULE);
    varint::put(&mut capsule, length as u64 + 4);
    capsule.put_u32(0);
    capsule.resize(capsule.len() + length, b'x');
    let mut frame = BytesMut::new();
    varint::put(&mut frame, 0);
    varint::put(&mut frame, capsule.len() as u64);
    frame.extend_from_slice(&capsule);
    // It may be ended in the middle.
    let _ = tokio::time::timeout(Duration::from_secs(5), send.write_all(&frame)).await;
    Ok(tokio::time::timeout(Duration::from_secs(5), connection.closed()).await.is_ok())
}

/// QUIC with the ALPN of HTTP/3, and nothing on it.
pub(crate) async fn bare(place: &Place, hash: [u8; 32]) -> Outcome<quinn::Connection> {
    let tls = wtransport::tls::client::build_default_tls_config(
        Arc::new(rustls::RootCertStore::empty()),
        Some(Arc::new(wtransport::tls::client::ServerHashVerification::new([Sha256Digest::new(hash)]))),
    );
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls)?;
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse()?)?;
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    Ok(endpoint.connect_with(config, place.address, "localhost")?.await?)
}
