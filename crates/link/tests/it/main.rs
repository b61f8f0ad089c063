//! Outside in: a native program and a small gateway, over real TCP connections, on every kind of carrier.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a panic with a line number is the report"
)]

mod attaching;
mod backpressure;
mod bulk;
mod cuts;
mod ending;
mod hostile;
mod http;
mod memory;
mod messages;
mod moves;
mod pieces;
mod proxy;
mod quic;
mod simulation;
mod streams;
mod support;
mod unread;
mod uploads;
mod webtransport;
