//! The native service as servers that a browser reaches by itself: what its own WebSocket and its own WebTransport can do, with no gateway in
//! between. Each uses a kept library as it comes.

pub(crate) mod websocket;
pub(crate) mod webtransport;
