//! A native page behind a proxy: it listens, gives visitors back what they send, and says what becomes of its session. Somebody else visits.
//!
//! `GATEWAY` and `TOKEN` as always; `PROXY` is that of a forward proxy, `TRUST` a file with the gateway's certificate, `HASH` that of one
//! over UDP, `CARRIER` the only kind to try. It ends with its stdin.

use std::time::Instant;

use pageport_link::{CarrierKind, Connector};
use pageport_testkit::console;
use serde_json::{Value, json};

use crate::facts::Outcome;
use crate::page::echo;

pub(crate) async fn run() -> Outcome {
    let begun = Instant::now();
    let session = connector()?.connect().await?;
    let mut listener = session.open(&json!({"listen": "websocket"}))?;
    let reply: Value = serde_json::from_slice(&listener.reply().await?)?;
    let name = reply["name"].as_str().ok_or_else(|| format!("not listening: {reply}"))?;
    tokio::spawn(echo(session.clone()));
    let carrier = session.stats().carrier.map(|kind| kind.to_string());
    let ms = u64::try_from(begun.elapsed().as_millis())?;
    println!("{}", json!({ "event": "listening", "name": name, "carrier": carrier, "ms": ms }));
    let mut lines = console::lines();
    let mut attached = true;
    loop {
        let changed = async { if attached { session.parked().await } else { session.attached().await } };
        tokio::select! {
            lives = changed => {
                attached = !attached && lives;
                let attaches = session.stats().attaches;
                println!("{}", json!({ "event": if attached { "attached" } else { "lost" }, "attaches": attaches }));
                if !lives {
                    return Err(format!("the session has ended: {:?}", session.state()).into());
                }
            }
            line = lines.recv() => if line.is_none() {
                return Ok(());
            },
        }
    }
}

fn connector() -> Outcome<Connector> {
    let get = |name: &str| std::env::var(name);
    let mut connector = Connector::new(&get("GATEWAY")?)?.credential(get("TOKEN")?);
    if let Ok(proxy) = get("PROXY") {
        connector = connector.proxy(&proxy)?;
    }
    if let Ok(file) = get("TRUST") {
        connector = connector.trust(&std::fs::read(file)?)?;
    }
    if let Ok(hash) = get("HASH") {
        connector = connector.certificate_hashes(&[parse(&hash)?]);
    }
    if let Ok(name) = get("CARRIER") {
        let kind = CarrierKind::ALL
            .into_iter()
            .find(|kind| kind.to_string() == name)
            .ok_or("no such kind of carrier")?;
        connector = connector.carriers(&[kind]);
    }
    Ok(connector)
}

/// 64 hexadecimal digits.
fn parse(text: &str) -> Outcome<[u8; 32]> {
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2).ok_or("a hash is too short")?, 16)?;
    }
    Ok(hash)
}
