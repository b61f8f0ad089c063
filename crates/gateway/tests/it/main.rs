//! The gateway from outside: real sockets, plain bytes.

mod admin;
mod claimant;
mod client;
mod config;
mod credential;
mod door;
mod handshake;
mod headers;
mod host;
mod http;
mod http_bodies;
mod http_hostile;
mod lifetime;
mod link;
mod link_close;
mod module;
mod names;
mod native;
mod origin;
mod page;
mod ports;
mod refusal;
mod response_headers;
mod visitor;
mod wire;
