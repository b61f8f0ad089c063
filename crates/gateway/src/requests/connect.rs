//! A caller wants to be connected: to a server that a rule allows, by WebSocket (`server`) or plainly (`tcp`, `udp`), or to another page (`page`).
//!
//! Must never read a byte behind a reply, nor send a server anything that its caller did not, but for the handshake.

mod attempt;
mod carry;
mod clear;
mod datagrams;
mod page;
mod server;
mod short_way;
mod starttls;
mod tcp;
mod tls;
mod udp;

pub(crate) use clear::Startable;
pub(crate) use datagrams::Datagrams;
pub(super) use starttls::serve as start_tls;

use std::sync::Arc;

use pageport_proto::Code;
use pageport_proto::head::Connect;

use super::asked::Asked;
use crate::reach::refusal;
use crate::sessions::Entry;
use crate::shared::Shared;
use page::Wish;

/// Serves such a request to its end.
pub(super) async fn serve(shared: &Arc<Shared>, entry: &Arc<Entry>, wish: Connect, asked: Asked) {
    let kind = kind(&wish);
    let refuse = |asked: Asked, code| {
        shared.metrics.connected(kind, Some(code));
        asked.refuse(shared, refusal(code));
    };
    if !entry.caller.may_connect() {
        return refuse(asked, Code::ERR_TARGET_FORBIDDEN);
    }
    let Some(slot) = entry.connects.take(shared.policy.load().limits.connects_per_session) else {
        return refuse(asked, Code::ERR_CONNECT_LIMIT);
    };
    match wish {
        Connect::Server { url, protocols } => match short_way::find(shared, &url) {
            None => server::connect(shared, entry, &url, &protocols, slot, asked).await,
            Some(Ok((name, path))) => {
                page::connect(shared, entry, Wish { name, path, handshake: Some(protocols) }, asked).await;
            }
            Some(Err(code)) => refuse(asked, code),
        },
        Connect::Tcp { to, starttls } => tcp::connect(shared, entry, to, starttls, slot, asked).await,
        Connect::Tls { to, wish } => tcp::connect_tls(shared, entry, to, &wish, slot, asked).await,
        Connect::Udp { to } => udp::connect(shared, entry, to, slot, asked).await,
        Connect::Page { name, path, handshake } => {
            page::connect(shared, entry, Wish { name, path, handshake }, asked).await;
        }
    }
}

/// For metrics.
fn kind(wish: &Connect) -> &'static str {
    match wish {
        Connect::Server { url, .. } if url.secure => "wss",
        Connect::Server { .. } => "ws",
        Connect::Tcp { .. } => "tcp",
        Connect::Tls { .. } => "tls",
        Connect::Udp { .. } => "udp",
        Connect::Page { handshake: None, .. } => "page",
        Connect::Page { handshake: Some(_), .. } => "websocket",
    }
}
