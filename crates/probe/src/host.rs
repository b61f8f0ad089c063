//! A native program at a public port, for more visitors than a page takes by default: echoes until its session ends.

use pageport_link::{Connector, Settings};
use pageport_proto::Role;
use serde_json::{Value, json};

use crate::facts::Outcome;
use crate::place::Place;

/// How many visitors it takes at once.
const VISITORS: u64 = 10_000;

pub(crate) async fn run(place: &Place) -> Outcome {
    let mut settings = Settings::new(Role::Page);
    settings.limits.streams = VISITORS;
    let connector = Connector::new(&place.url)?.credential(place.token.clone()).dial(place.address);
    let session = connector.settings(settings).connect().await?;
    let mut listener = session.open(&json!({"listen": "tcp"}))?;
    let reply: Value = serde_json::from_slice(&listener.reply().await?)?;
    let port = reply["port"].as_u64().ok_or_else(|| format!("not listening: {reply}"))?;
    println!("{}", json!({ "port": port }));
    while let Some(mut stream) = session.accept().await {
        tokio::spawn(async move {
            if stream.respond(&json!({"ok": true})).is_err() {
                return;
            }
            let (mut read, mut write) = stream.into_split();
            // What says which service is wanted; this one only echoes.
            let mut skip = 1;
            while let Ok(Some(mut bytes)) = read.read_chunk().await {
                let head = bytes.split_to(skip.min(bytes.len()));
                skip -= head.len();
                if write.write_chunk(bytes).await.is_err() {
                    return;
                }
            }
            write.finish();
        });
    }
    Ok(())
}
