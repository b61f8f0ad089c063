//! Outside in: a native program and a small gateway, over real TCP connections, on both carriers.

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
mod memory;
mod messages;
mod streams;
mod support;
