//! The Pageport gateway: gives web pages names and public URLs, and relays their visitors' bytes.
//!
//! | module | what |
//! |---|---|
//! | [`config`] | what an operator may say, checked once |
//! | [`front`] | the front door: HTTP, who may pass, what is the gateway's own |
//! | [`tls`] | certificates |
//! | [`Gateway`] | sockets, life and end |
//! | `sessions`, `listeners`, `requests` | pages: attaching, listening, what they ask for |
//! | `carriers` | carriers over plain requests, by id |
//! | `lan` | a second door, to the local network |
//! | `names` | whose names are: claims, keys, and the file of them |
//! | `ports` | listeners at public ports, and their TCP visitors |
//! | [`egress`] | where pages may be connected to |
//! | [`dialects`] | the same for clients that know nothing of pages |
//! | `visitor`, `relay`, `presence` | visitors: the handshake that waits for the page, then bytes |
//! | `admin`, `metrics` | for operators |
//!
//! A connection is first HTTP, then a carrier (its session is in `pageport-link`) or a visitor. Nothing here but [`dialects`] reads a frame,
//! of this protocol or of RFC 6455.

pub mod address;
mod admin;
mod bind;
mod carriers;
pub mod config;
pub mod dialects;
pub mod egress;
pub mod front;
mod gateway;
mod held;
mod lan;
mod lifetime;
mod listeners;
mod metrics;
mod names;
mod peers;
mod ports;
mod presence;
mod rate;
mod reach;
mod relay;
mod requests;
mod sessions;
mod shared;
pub mod suffix;
pub mod tls;
mod usage;
mod visitor;

pub use bind::BindError;
pub use config::Config;
pub use front::webtransport::DoorError;
pub use gateway::{Bound, Gateway, GatewayError, Handle};
pub use names::DataError;
