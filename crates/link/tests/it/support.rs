//! What the tests stand on: a gateway that lets everybody in, pages made of raw frames, and streams that can be checked.

mod by_hand;
mod exchange;
mod gateway;
mod holding;
mod quic;
mod raw;
mod raw_quic;
mod requests;
mod swallowing;

use std::time::Duration;

use pageport_link::CarrierKind;

pub(crate) use by_hand::{greet, hello, upload, welcome};
pub(crate) use exchange::{Exchange, Failure, Task, exchange};
pub(crate) use gateway::{Door, Gateway};
pub(crate) use holding::HoldingProxy;
pub(crate) use quic::{QuicDoor, RawQuic};
pub(crate) use raw::{RawPage, close_websocket};
pub(crate) use raw_quic::RawQuicPage;
pub(crate) use swallowing::{SwallowingProxy, Swallows};

/// Every kind of carrier.
pub(crate) const KINDS: [CarrierKind; 4] = CarrierKind::ALL;
/// Those over TCP, which relays can stand before.
pub(crate) const TCP_KINDS: [CarrierKind; 3] =
    [CarrierKind::Bytes, CarrierKind::WebSocket, CarrierKind::Http];
/// Those that are a connection, and so are lost with it.
pub(crate) const CONNECTED: [CarrierKind; 2] = [CarrierKind::Bytes, CarrierKind::WebSocket];

/// Far longer than anything here takes: what hangs shall fail and not block.
pub(crate) async fn guard<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), test).await.expect("it hangs")
}
